// SPDX-License-Identifier: Apache-2.0
// Terminal colours of a line of output as spans: never markup, and unknown sequences are left out.

export interface Span {
  readonly text: string;
  readonly style: string; // class names, "" for none
}

// ESC [ … letter; of those only m (colours) means something here. Also ESC ] … BEL, titles.
// eslint-disable-next-line no-control-regex
const SEQUENCE = /\u001b(?:\[([0-9;]*)([A-Za-z])|\][^\u0007]*(?:\u0007|$)|.)/g;

export function spansOf(line: string): Span[] {
  if (!line.includes("\u001b")) return [{ text: afterReturn(line), style: "" }];
  const spans: Span[] = [];
  let colour = "";
  let bold = false;
  let at = 0;
  const push = (text: string) => {
    if (text !== "") spans.push({ text, style: [colour, bold ? "ansi-bold" : ""].filter(Boolean).join(" ") });
  };
  for (const match of line.matchAll(SEQUENCE)) {
    push(line.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] !== "m") continue;
    for (const code of (match[1] || "0").split(";").map(Number)) {
      if (code === 0) [colour, bold] = ["", false];
      else if (code === 1) bold = true;
      else if (code === 22) bold = false;
      else if (code === 39) colour = "";
      else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) colour = `ansi-${code % 10}`;
    }
  }
  push(line.slice(at));
  return spans.length > 0 ? spans : [{ text: "", style: "" }];
}

/** What a terminal would leave of a line that a progress bar wrote over and over. */
function afterReturn(line: string): string {
  const last = line.lastIndexOf("\r");
  return last >= 0 ? line.slice(last + 1) : line;
}
