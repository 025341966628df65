// SPDX-License-Identifier: Apache-2.0
// UTC days, as the ledger counts them: "2026-11-25".

export const DAY_MS = 86_400_000;

export const dayOf = (time: string | number): string => new Date(time).toISOString().slice(0, 10);
export const startOf = (day: string): number => Date.parse(`${day}T00:00:00Z`);
export const dayAfter = (day: string, days = 1): string => dayOf(startOf(day) + days * DAY_MS);
export const isDay = (text: unknown): text is string => typeof text === "string" && /^\d{4}-\d{2}-\d{2}$/.test(text) && dayIsThere(text);

function dayIsThere(text: string): boolean {
  const start = startOf(text);
  return Number.isFinite(start) && dayOf(start) === text;
}

/** Both are in it. */
export interface Period {
  readonly from: string;
  readonly until: string;
}

export type Preset = "month" | "last-month" | "30-days" | "week";
export const PRESETS: readonly (readonly [Preset, string])[] = [["30-days", "30 days"], ["week", "7 days"], ["month", "This month"], ["last-month", "Last month"]];

export function periodOf(preset: Preset, today: string): Period {
  const first = `${today.slice(0, 7)}-01`;
  switch (preset) {
    case "week":
      return { from: dayAfter(today, -6), until: today };
    case "30-days":
      return { from: dayAfter(today, -29), until: today };
    case "month":
      return { from: first, until: today };
    case "last-month": {
      const last = dayAfter(first, -1);
      return { from: `${last.slice(0, 7)}-01`, until: last };
    }
  }
}
