// SPDX-License-Identifier: Apache-2.0
// Whether estimates keep what they promise: half of all jobs within p50, nine of ten within p90. Few jobs prove little, so each share comes with
// the interval that it may really be in (Wilson's, 95 %), and only what lies outside of that is called wrong.
import type { Calibration } from "../api/account.ts";

export type CalibrationRow = Calibration["items"][number];
const Z = 1.96;

export interface Share {
  readonly permille: number;
  readonly low: number;
  readonly high: number;
}

export function shareOf(count: number, of: number): Share | null {
  if (of === 0) return null;
  const part = count / of;
  const middle = (part + (Z * Z) / (2 * of)) / (1 + (Z * Z) / of);
  const half = (Z * Math.sqrt((part * (1 - part)) / of + (Z * Z) / (4 * of * of))) / (1 + (Z * Z) / of);
  return { permille: Math.round(part * 1000), low: Math.max(0, Math.round((middle - half) * 1000)), high: Math.min(1000, Math.round((middle + half) * 1000)) };
}

export type Verdict = "kept" | "too short" | "too long" | "too few";
export const FEW = 8;

/** Of a promise that `promised` of a thousand jobs keep the time. */
export function verdictOf(share: Share | null, finished: number, promised: number): Verdict {
  if (share === null || finished < FEW) return "too few";
  return share.high < promised ? "too short" : share.low > promised ? "too long" : "kept";
}

export const together = (rows: readonly CalibrationRow[]): Pick<CalibrationRow, "finished" | "within_p50" | "within_p90"> =>
  rows.reduce((sum, row) => ({ finished: sum.finished + row.finished, within_p50: sum.within_p50 + row.within_p50, within_p90: sum.within_p90 + row.within_p90 }), { finished: 0, within_p50: 0, within_p90: 0 });
