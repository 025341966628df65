// SPDX-License-Identifier: Apache-2.0
// Amounts are whole QUBIC, as bigint from the API's edge to the screen: never a number, never rounded.

export const THIN = "\u202f"; // narrow, and does not break

/** 12480000n → "12 480 000" with thin spaces. */
export function group(amount: bigint | number): string {
  const text = amount.toString();
  const sign = text.startsWith("-") ? "\u2212" : "";
  return sign + text.replace(/^-/, "").replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
}

/** What `used_ms` at `rate` QUBIC per hour costs, at most `cap`: as the ledger counts (billing version 1), rounded down. */
export function costOf(usedMs: number, rate: bigint, cap: bigint): bigint {
  const gross = (BigInt(Math.max(0, Math.trunc(usedMs))) * rate) / 3_600_000n;
  return gross < cap ? gross : cap;
}

/** Thousandths of `whole`, rounded down; 0 of nothing. For the width of a bar, not for a sum. */
export const permilleOf = (part: bigint, whole: bigint): number => (whole <= 0n ? 0 : Number((part * 1000n) / whole));
