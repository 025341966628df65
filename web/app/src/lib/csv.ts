// SPDX-License-Identifier: Apache-2.0
// CSV as RFC 4180 has it. What is written never becomes a formula where somebody opens it in a spreadsheet.

const cell = (value: string | number | bigint): string => {
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

export const csvOf = (rows: readonly (readonly (string | number | bigint)[])[]): string => rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");

export interface CsvRow {
  /** Of the file, from 1: where the row begins. */
  readonly line: number;
  readonly cells: readonly string[];
}

/** Rows that are not empty; a quote that is not closed ends with the file and makes `error`. */
export function parseCsv(text: string): { rows: CsvRow[]; error: string | null } {
  const rows: CsvRow[] = [];
  let cells: string[] = [];
  let field = "";
  let quoted = false;
  let wasQuoted = false;
  let line = 1;
  let began = 1;
  const endField = () => {
    cells.push(field);
    field = "";
    wasQuoted = false;
  };
  const endRow = () => {
    if (cells.length > 0 || field !== "" || wasQuoted) {
      endField();
      rows.push({ line: began, cells });
    }
    cells = [];
  };
  for (let at = text.charCodeAt(0) === 0xfeff ? 1 : 0; at < text.length; at++) {
    const letter = text[at] as string;
    if (letter === "\n") line++;
    if (quoted) {
      if (letter !== '"') field += letter;
      else if (text[at + 1] === '"') {
        field += '"';
        at++;
      } else quoted = false;
    } else if (letter === '"' && field === "" && !wasQuoted) {
      quoted = true;
      wasQuoted = true;
    } else if (letter === ",") endField();
    else if (letter === "\n" || letter === "\r") {
      if (letter === "\r" && text[at + 1] === "\n") {
        at++;
        line++;
      }
      endRow();
      began = line;
    } else field += letter;
  }
  if (quoted) return { rows, error: `line ${began}: a quote is not closed` };
  endRow();
  return { rows, error: null };
}
