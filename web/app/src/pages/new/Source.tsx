// SPDX-License-Identifier: Apache-2.0
// A finding where it stands: the source, opened at its line.
import { lineOf, sourceOf } from "../../lib/sources.ts";
import { claimWords } from "../../lib/words.ts";
import { Dialog } from "../../parts/Dialog.tsx";

const AROUND = 300; // lines before and after: more would be slow to open, and nobody reads further from here

export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly words: string;
  readonly claim: string;
}

/** Where it can be opened. 0: nowhere. */
export function placeOf(upload: string, finding: Finding): number {
  const text = sourceOf(upload, finding.file);
  return text === null || (finding.line === 0 && finding.words === "") ? 0 : lineOf(text, finding.line, finding.words);
}

/** The line in the middle of its box, as soon as it is there: a dialog's content comes later than the dialog. */
function toLine(line: HTMLLIElement | null): void {
  const box = line?.closest(".source");
  if (line !== null && box != null) box.scrollTop = line.offsetTop - box.clientHeight / 2;
}

export function SourceDialog({ upload, finding, onClose }: { upload: string; finding: Finding; onClose: () => void }) {
  const lines = (sourceOf(upload, finding.file) ?? "").split("\n");
  const at = placeOf(upload, finding);
  const first = Math.max(1, at - AROUND);
  return (
    <Dialog open onClose={onClose} title={`${finding.file}, line ${at}`} wide>
      <p className="prose">{claimWords(finding.claim)}</p>
      <div className="source" tabIndex={0} role="region" aria-label={`Source of ${finding.file}`}>
        <ol start={first}>
          {lines.slice(first - 1, at + AROUND).map((text, index) => (
            <li key={first + index} ref={first + index === at ? toLine : null} className={first + index === at ? "here" : ""} aria-current={first + index === at ? "true" : undefined}>
              <span className="line-number" aria-hidden="true">{first + index}</span><code>{text}</code>
            </li>
          ))}
        </ol>
      </div>
    </Dialog>
  );
}
