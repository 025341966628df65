// SPDX-License-Identifier: Apache-2.0
// The lines that a job has written, as far as this page has them: the end first, the rest when somebody goes there. Lines are numbered from 1 over both
// streams and over all machines that ran the job; a batch that comes twice changes nothing.

export type Source = "stdout" | "stderr";
export interface Line {
  readonly number: number;
  readonly source: Source;
  readonly text: string;
}
export interface Batch {
  readonly source: Source;
  readonly first_line: number;
  readonly lines: number;
  readonly quota_reached: boolean;
  readonly text: string;
}

const PIECE = 1024; // lines of one piece: a million of them are a thousand pieces, and what is not there takes no room
interface Piece {
  readonly texts: (string | undefined)[];
  readonly isError: boolean[];
}

export class Output {
  /** Number of the last line so far; 0 for none. */
  last = 0;
  /** Lines that are here. */
  held = 0;
  quotaReached = false;
  readonly #pieces = new Map<number, Piece>();

  /** True: something was new. */
  take({ source, first_line, lines, quota_reached, text }: Batch): boolean {
    const [held, last, quota] = [this.held, this.last, this.quotaReached];
    this.quotaReached ||= quota_reached;
    const texts = (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
    for (let index = 0; index < lines; index++) this.#put(first_line + index, source, texts[index] ?? ""); // erased ones keep their places
    this.knowLast(first_line + lines - 1);
    return held !== this.held || last !== this.last || quota !== this.quotaReached;
  }

  /** There is a line of this number, here or not. */
  knowLast(number: number): void {
    this.last = Math.max(this.last, number);
  }

  #put(number: number, source: Source, text: string): void {
    const at = Math.floor((number - 1) / PIECE);
    let piece = this.#pieces.get(at);
    if (piece === undefined) this.#pieces.set(at, (piece = { texts: [], isError: [] }));
    const index = (number - 1) % PIECE;
    if (piece.texts[index] !== undefined) return;
    piece.texts[index] = text.endsWith("\r") ? text.slice(0, -1) : text;
    piece.isError[index] = source === "stderr";
    this.held++;
  }

  line(number: number): Line | undefined {
    const piece = this.#pieces.get(Math.floor((number - 1) / PIECE));
    const index = (number - 1) % PIECE;
    const text = piece?.texts[index];
    return text === undefined ? undefined : { number, source: piece?.isError[index] === true ? "stderr" : "stdout", text };
  }

  /** The first line from `from` to `to` that is not here. */
  firstMissing(from = 1, to = this.last): number | null {
    if (this.complete) return null;
    for (let number = Math.max(1, from); number <= Math.min(to, this.last); number++) {
      const piece = this.#pieces.get(Math.floor((number - 1) / PIECE));
      if (piece === undefined || piece.texts[(number - 1) % PIECE] === undefined) return number;
    }
    return null;
  }

  get complete(): boolean {
    return this.held === this.last;
  }

  /** All of it that is here, for a file. */
  parts(): string[] {
    const parts: string[] = [];
    for (let number = 1; number <= this.last; number++) {
      const line = this.line(number);
      if (line !== undefined) parts.push(`${line.text}\n`);
    }
    return parts;
  }
}

/** Which lines are of a stream, and which have some words: read bit by bit, so that a million lines hold nobody up. */
export class Scan {
  /** Lines looked at. */
  at = 0;
  /** Numbers of the lines of the stream; empty for all. */
  readonly rows: number[] = [];
  /** Numbers of those with the words. */
  readonly hits: number[] = [];
  readonly #words: string;

  constructor(
    private readonly output: Output,
    readonly source: Source | "all",
    words: string,
  ) {
    this.#words = words.toLowerCase();
  }

  /** True: there is more to look at now; false: all that is here has been. */
  step(max: number): boolean {
    for (let count = 0; count < max; count++) {
      const line = this.output.line(this.at + 1);
      if (line === undefined) return false;
      this.at++;
      if (this.source !== "all" && line.source !== this.source) continue;
      if (this.source !== "all") this.rows.push(line.number);
      if (this.#words !== "" && line.text.toLowerCase().includes(this.#words)) this.hits.push(line.number);
    }
    return this.at < this.output.last;
  }
}

/** Where a number is, or would be, in a list that ascends. */
export function placeOf(list: readonly number[], number: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] ?? 0) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
