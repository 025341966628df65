// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "vitest";
import { costOf, group, permilleOf, THIN } from "../src/lib/money.ts";
import { ago, bytes, duration, durationRange, mib, shortDuration, shortId } from "../src/lib/units.ts";
import { forAll } from "./generate.ts";

describe("amounts", () => {
  test("every amount is grouped in threes and reads back as itself, far above 2^53", () => {
    forAll((random) => random.amount(10n ** 18n), (amount) => {
      const shown = group(amount);
      expect(shown.split(THIN).slice(1).every((part) => part.length === 3)).toBe(true);
      expect(BigInt(shown.replaceAll(THIN, ""))).toBe(amount);
    });
    expect(group(-1234567n)).toBe(`\u2212${["1", "234", "567"].join(THIN)}`);
    expect(group(9007199254740993n)).toBe(["9", "007", "199", "254", "740", "993"].join(THIN));
  });

  test("P22 P43: the cost of used time is rounded down, never above the cap, never falls with time", () => {
    forAll((random) => ({ ms: random.below(10 ** 9), more: random.below(10 ** 6), rate: random.amount(10n ** 12n), cap: random.amount(10n ** 14n) }), ({ ms, more, rate, cap }) => {
      const cost = costOf(ms, rate, cap);
      expect(cost <= cap).toBe(true);
      if (cost < cap) expect(cost * 3600000n <= BigInt(ms) * rate && (cost + 1n) * 3600000n > BigInt(ms) * rate).toBe(true);
      expect(costOf(ms + more, rate, cap) >= cost).toBe(true);
    });
    expect(costOf(2089, 3600000n, 528915n)).toBe(2089n);
    expect([costOf(1, 3599999n, 9n), costOf(1, 3600000n, 9n), costOf(10 ** 9, 3600000n, 9n), costOf(-5, 3600000n, 9n)]).toEqual([0n, 1n, 9n, 0n]);
  });

  test("a share is between nothing and a thousand, of nothing too", () => {
    forAll((random) => [random.amount(10n ** 15n), random.amount(10n ** 15n)] as const, ([a, b]) => {
      const [part, whole] = a < b ? [a, b] : [b, a];
      expect(permilleOf(part, whole)).toBeGreaterThanOrEqual(0);
      expect(permilleOf(part, whole)).toBeLessThanOrEqual(1000);
    });
    expect(permilleOf(0n, 0n)).toBe(0);
  });
});

describe("durations and sizes", () => {
  test("R12.2 P42: people's words, the two largest units", () => {
    for (const [ms, words] of [[0, "0 seconds"], [400, "0.4 seconds"], [1000, "1 second"], [330_000, "5 minutes 30 seconds"], [60_000, "1 minute"], [3_600_000, "1 hour"],
      [3_661_000, "1 hour 1 minute"], [3_605_000, "1 hour"], [59_600, "1 minute"]] as const) expect(duration(ms), String(ms)).toBe(words);
  });
  test("R12.6: what is uncertain is a range in one unit", () => {
    for (const [from, to, words] of [[300_000, 480_000, "5–8 minutes"], [60_000, 300_000, "1–5 minutes"], [20_000, 26_000, "20–26 seconds"], [5_000, 5_200, "about 5 seconds"],
      [3_600_000, 10_800_000, "1–3 hours"]] as const) expect(durationRange(from, to)).toBe(words);
    forAll((random) => ({ from: random.below(10 ** 8), more: random.below(10 ** 8) }), ({ from, more }) => expect(durationRange(from, from + more)).not.toContain("NaN"));
  });
  test("short forms keep their unit", () => {
    expect([shortDuration(2089), shortDuration(330_000), shortDuration(11_520_000)]).toEqual(["2.1 s", "5 min 30 s", "3 h 12 min"]);
    expect([bytes(1), bytes(587), bytes(1500), bytes(500_000_000), bytes(2_500_000_000)]).toEqual(["1 byte", "587 bytes", "1.5 kB", "500 MB", "2.5 GB"]);
    expect([mib(256), mib(1024), mib(21695), mib(6144)]).toEqual(["256 MB", "1 GB", "21 GB", "6 GB"]);
    expect([ago(0), ago(12_000), ago(300_000), ago(7_200_000), ago(200_000_000)]).toEqual(["now", "12 s ago", "5 min ago", "2 h ago", "2 d ago"]);
    expect(shortId("01a213c8-803d-72a4-b537-1277fe812081")).toBe("01a213…12081");
    expect(shortId("short")).toBe("short");
  });
});
