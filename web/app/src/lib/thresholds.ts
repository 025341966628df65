// SPDX-License-Identifier: Apache-2.0
// Where a measure stops being normal (R8.3, R8.5), in a colour and in a word, and how long it was so.
import type { Sample } from "../live/run.ts";
import type { Tone } from "../parts/StatusPill.tsx";

export interface Level {
  readonly tone: Extract<Tone, "done" | "waiting" | "failed">;
  readonly word: string;
}
const NORMAL: Level = { tone: "done", word: "normal" };

export const WARM_C = 70;
export const HOT_C = 80;
/** Green below 70 °C, yellow to 80, red above. */
export const heat = (celsius: number): Level => (celsius > HOT_C ? { tone: "failed", word: "hot" } : celsius >= WARM_C ? { tone: "waiting", word: "warm" } : NORMAL);

/** Of memory: what is nearly full ends a program sooner or later. */
export function fullness(used: number, total: number): Level {
  const share = total > 0 ? used / total : 0;
  return share > 0.95 ? { tone: "failed", word: "nearly full" } : share > 0.85 ? { tone: "waiting", word: "filling up" } : NORMAL;
}

/** Of what is paid for by the minute: idle is worth a look. */
export const business = (permille: number): Level => (permille < 100 ? { tone: "waiting", word: "mostly idle" } : permille > 950 ? { tone: "done", word: "fully used" } : NORMAL);

export type Trend = "rising" | "falling" | "steady";
const TREND_MS = 10_000;
const TREND_SHARE = 0.05;

/** The last ten seconds against the ten before; null while there are no two such stretches. */
export function trend(times: readonly number[], values: readonly (number | null)[]): Trend | null {
  const last = times.at(-1);
  if (last === undefined) return null;
  const mean = (from: number, to: number): number | null => {
    const inside = values.filter((value, index): value is number => value !== null && (times[index] ?? 0) > from && (times[index] ?? 0) <= to);
    return inside.length === 0 ? null : inside.reduce((sum, value) => sum + value, 0) / inside.length;
  };
  const [now, before] = [mean(last - TREND_MS, last), mean(last - 2 * TREND_MS, last - TREND_MS)];
  if (now === null || before === null) return null;
  if (Math.abs(now - before) <= TREND_SHARE * Math.max(before, 1)) return "steady";
  return now > before ? "rising" : "falling";
}

export interface Crossing {
  /** Between samples that were both above. */
  readonly ms: number;
  readonly highest: number;
  readonly at: number;
}

/** How long a measure was not normal, and when it was worst; null: never. */
export function crossing(samples: readonly Sample[], measure: (sample: Sample) => number | null, isOver: (value: number) => boolean): Crossing | null {
  let ms = 0;
  let worst: { highest: number; at: number } | null = null;
  let since: number | null = null;
  for (const sample of samples) {
    const value = measure(sample);
    if (value === null || !isOver(value)) {
      since = null;
      continue;
    }
    if (since !== null) ms += sample.at - since;
    since = sample.at;
    if (worst === null || value > worst.highest) worst = { highest: value, at: sample.at };
  }
  return worst === null ? null : { ms, ...worst };
}
