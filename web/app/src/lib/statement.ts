// SPDX-License-Identifier: Apache-2.0
// A provider's statement: payouts that are final on the chain, by the UTC day on which they became so, as the ledger's own sums count them;
// and one's own books held against it, by the rules of `tally reconcile` (docs/reconciliation.md).
import type { Payment } from "../api/account.ts";
import { csvOf, parseCsv } from "./csv.ts";
import { DAY_MS, dayOf, isDay, startOf, type Period } from "./days.ts";

export interface Line {
  readonly sequence: number; // of payout.signed
  readonly at: string; // when it became final
  readonly day: string;
  readonly amount: bigint;
  readonly transaction: string;
  readonly job: string | null;
}

export interface Day {
  readonly day: string;
  readonly total: bigint;
  readonly lines: readonly Line[];
}

export interface Statement {
  readonly total: bigint;
  readonly lines: readonly Line[];
  /** Newest first; days without money are left out. */
  readonly days: readonly Day[];
}

export function statementOf(payments: readonly Payment[], period: Period): Statement {
  const lines: Line[] = [];
  for (const payment of payments) {
    if (payment.kind !== "payout" || payment.status !== "confirmed" || payment.direction !== "in" || payment.changed_at === null || payment.tx_id === null) continue;
    const day = dayOf(payment.changed_at);
    if (day < period.from || day > period.until) continue;
    lines.push({ sequence: payment.sequence, at: payment.changed_at, day, amount: payment.amount, transaction: payment.tx_id, job: payment.job_id });
  }
  lines.sort((a, b) => Date.parse(b.at) - Date.parse(a.at) || b.sequence - a.sequence);
  const days = [...Map.groupBy(lines, (line) => line.day)].map(([day, of]) => ({ day, total: sumOf(of), lines: of }));
  return { total: sumOf(lines), lines, days };
}

export const sumOf = (lines: readonly { readonly amount: bigint }[]): bigint => lines.reduce((sum, line) => sum + line.amount, 0n);

/** Days whose sum here is not the one the ledger has; of those that it tells (30). */
export function disagreements(statement: Statement, ledger: readonly { day: string; amount: bigint }[], period: Period): string[] {
  const here = new Map(statement.days.map((day) => [day.day, day.total]));
  return ledger.filter(({ day, amount }) => day >= period.from && day <= period.until && (here.get(day) ?? 0n) !== amount).map(({ day }) => day);
}

/** As `tally reconcile --statement` reads it. */
export const csvOfStatement = (lines: readonly Line[]): string =>
  csvOf([["date", "amount", "transaction_id", "job_id"], ...lines.map((line) => [line.at, line.amount, line.transaction, line.job ?? ""])]);

/* ── one's own books ─────────────────────────────────────────────────────────────────────────── */

export interface OwnLine {
  readonly line: number;
  readonly date: string;
  readonly amount: bigint;
  readonly transaction: string;
  readonly job: string; // "" for not said
}

const COLUMNS = ["date", "amount", "transaction_id", "job_id"];

/** All lines, or what is wrong with each that cannot be taken; then none is used. */
export function readOwn(text: string): { lines: OwnLine[]; errors: string[] } {
  const { rows, error } = parseCsv(text);
  if (error !== null) return { lines: [], errors: [error] };
  const [head, ...rest] = rows;
  const names = head?.cells.map((name) => name.trim().toLowerCase()) ?? [];
  const missing = COLUMNS.slice(0, 3).filter((name) => !names.includes(name));
  const strange = names.filter((name, index) => !COLUMNS.includes(name) || names.indexOf(name) !== index);
  if (missing.length > 0 || strange.length > 0) {
    return { lines: [], errors: [`the first line names the columns date, amount, transaction_id and, if there is one, job_id${missing.length > 0 ? `; missing: ${missing.join(", ")}` : ""}${strange.length > 0 ? `; not known: ${strange.join(", ")}` : ""}`] };
  }
  const errors: string[] = [];
  const lines: OwnLine[] = [];
  for (const { line, cells } of rest) {
    const value = (name: string) => (cells[names.indexOf(name)] ?? "").trim();
    const [date, amount, transaction, job] = [value("date"), value("amount"), value("transaction_id"), value("job_id")];
    const wrong = [
      cells.length !== names.length && `has ${cells.length} values, the first line ${names.length}`,
      !isDay(date) && !(/^\d{4}-\d{2}-\d{2}T/.test(date) && Number.isFinite(Date.parse(date))) && `date is a day (2026-11-25) or a time in UTC, not "${date}"`,
      !/^\d{1,15}$/.test(amount) && `amount is whole QUBIC, not "${amount}"`,
      !/^[a-z]{60}$/.test(transaction) && `transaction_id is 60 small letters, not "${transaction}"`,
      job !== "" && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(job) && `job_id is a UUID, not "${job}"`,
    ].filter((each) => each !== false);
    if (wrong.length > 0) errors.push(`line ${line}: ${wrong.join("; ")}`);
    else lines.push({ line, date, amount: BigInt(amount), transaction, job });
  }
  return errors.length > 0 ? { lines: [], errors } : { lines, errors };
}

export type Finding = "matched" | "missing" | "extra" | "differs";
export interface Compared {
  readonly finding: Finding;
  /** amount, job, date; twice for a second line with the same transaction. */
  readonly reasons: readonly string[];
  readonly ours: Line | null;
  readonly own: OwnLine | null;
}

/** Each line of either side is in one finding. A payment is its transaction: nothing is matched by amount or date. Of one's own lines those count
 * whose payment is in the statement, or whose date is in its period. */
export function compare(statement: Statement, own: readonly OwnLine[], period: Period): Compared[] {
  const ours = new Map(statement.lines.map((line) => [line.transaction, line]));
  const seen = new Set<string>();
  const found: Compared[] = [];
  for (const line of own) {
    const paid = ours.get(line.transaction);
    if (paid === undefined) {
      const day = dayOf(line.date);
      if (day >= period.from && day <= period.until) found.push({ finding: "extra", reasons: seen.has(line.transaction) ? ["twice"] : [], ours: null, own: line });
    } else if (seen.has(line.transaction)) found.push({ finding: "extra", reasons: ["twice"], ours: null, own: line });
    else {
      const from = isDay(line.date) ? startOf(line.date) : Date.parse(line.date);
      const until = isDay(line.date) ? from + DAY_MS : from;
      const at = Date.parse(paid.at);
      const reasons = [
        line.amount !== paid.amount && "amount",
        line.job !== "" && line.job !== paid.job && "job",
        (at < from - DAY_MS || at > until + DAY_MS) && "date",
      ].filter((each) => each !== false);
      found.push({ finding: reasons.length > 0 ? "differs" : "matched", reasons, ours: paid, own: line });
    }
    seen.add(line.transaction);
  }
  for (const line of statement.lines) if (!seen.has(line.transaction)) found.push({ finding: "missing", reasons: [], ours: line, own: null });
  const order: Finding[] = ["differs", "missing", "extra", "matched"];
  return found.sort((a, b) => order.indexOf(a.finding) - order.indexOf(b.finding));
}
