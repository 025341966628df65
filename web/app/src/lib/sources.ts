// SPDX-License-Identifier: Apache-2.0
// The text of what was uploaded from here, so that a finding can be shown where it stands. The server gives an upload to nobody but the machine
// that runs it; another tab, or another browser, shows the words of a finding alone.

const TEXT_MAX = 200_000; // letters of one file
const KEPT_MAX = 1_000_000; // of all of them, in this tab's storage
const CODE = /\.(py|ipynb|sh|txt|ya?ml|toml|dockerfile)$|(^|\/)dockerfile$/i;
const memory = new Map<string, Readonly<Record<string, string>>>();
const place = (upload: string) => `tally.source.${upload}`;

/** A notebook's cells as one text, as they are read; other files as they are. */
export function readable(name: string, text: string): string {
  if (!name.toLowerCase().endsWith(".ipynb")) return text;
  try {
    const { cells } = JSON.parse(text) as { cells?: { cell_type?: string; source?: string | string[] }[] };
    return (cells ?? []).filter((cell) => cell.cell_type === "code").map((cell, index) => `# ── cell ${index + 1} ──\n${typeof cell.source === "string" ? cell.source : (cell.source ?? []).join("")}`).join("\n\n");
  } catch {
    return text;
  }
}

export async function keepSources(upload: string, files: readonly File[]): Promise<void> {
  const texts: Record<string, string> = {};
  for (const file of files) {
    if (file.size <= TEXT_MAX && CODE.test(file.name)) texts[file.name] = readable(file.name, await file.text());
  }
  if (Object.keys(texts).length === 0) return;
  memory.set(upload, texts);
  try {
    const text = JSON.stringify(texts);
    const used = Object.keys(sessionStorage).filter((key) => key.startsWith("tally.source.")).reduce((sum, key) => sum + (sessionStorage.getItem(key)?.length ?? 0), 0);
    if (used + text.length <= KEPT_MAX) sessionStorage.setItem(place(upload), text);
  } catch {
    // no storage: until the next reload, then
  }
}

export function forgetSources(upload: string): void {
  memory.delete(upload);
  try {
    sessionStorage.removeItem(place(upload));
  } catch {
    // no storage: nothing is in it
  }
}

export function sourceOf(upload: string, file: string): string | null {
  let texts = memory.get(upload);
  if (texts === undefined) {
    try {
      texts = JSON.parse(sessionStorage.getItem(place(upload)) ?? "{}") as Record<string, string>;
    } catch {
      return null;
    }
  }
  return texts[file] ?? null;
}

/** 1-based: the line that is named, if these words are on it; in a notebook lines count by cell, so there the words decide. 0: nowhere. */
export function lineOf(text: string, line: number, words: string): number {
  const lines = text.split("\n");
  const wanted = words.trim().slice(0, 60);
  if (wanted === "") return line >= 1 && line <= lines.length ? line : 0;
  if (lines[line - 1]?.includes(wanted) === true) return line;
  return lines.findIndex((each) => each.includes(wanted)) + 1;
}
