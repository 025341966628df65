// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { Output, placeOf, Scan, type Batch } from "../src/live/output.ts";
import { forAll, type Random } from "./generate.ts";

/** As a job writes: batch after batch, lines numbered over both streams. */
function written(random: Random): Batch[] {
  let line = 1;
  return Array.from({ length: 1 + random.below(40) }, () => {
    const lines = 1 + random.below(random.pick([3, 200]));
    const text = Array.from({ length: lines }, () => random.pick(["", "loss 0.2", "Error: no", "x\r", "\u001b[31mred"])).join("\n") + "\n";
    const batch = { source: random.pick(["stdout", "stderr"] as const), first_line: line, lines, quota_reached: false, text };
    line += lines;
    return batch;
  });
}
const linesOf = (batches: readonly Batch[]) => batches.flatMap(({ source, text }) => text.slice(0, -1).split("\n").map((each) => ({ source, text: each.replace(/\r$/, "") })));

test("R7.4: in whatever order and however often batches come, every line is there once, under its number", () => {
  forAll(written, (batches, random) => {
    const output = new Output();
    const all = linesOf(batches);
    output.knowLast(all.length);
    const order = batches.flatMap((batch) => (random.below(4) === 0 ? [batch, batch] : [batch])).map((batch) => [random.next(), batch] as const).sort(([a], [b]) => a - b);
    for (const [, batch] of order) {
      const missing = output.firstMissing();
      if (missing !== null) expect(output.line(missing)).toBeUndefined();
      output.take(batch);
    }
    expect([output.last, output.held, output.complete, output.firstMissing()]).toEqual([all.length, all.length, true, null]);
    for (let turn = 0; turn < 20; turn++) {
      const number = 1 + random.below(all.length);
      expect(output.line(number)).toEqual({ number, ...all[number - 1] });
    }
    expect(output.parts().join("")).toBe(all.map(({ text }) => `${text}\n`).join(""));
    expect(batches.some((batch) => output.take(batch))).toBe(false); // nothing is new
  });
});

test("a stream and words are found wherever they are, however small the bits that are read, and in what comes later too", () => {
  forAll(written, (batches, random) => {
    const output = new Output();
    const source = random.pick(["all", "stdout", "stderr"] as const);
    const words = random.pick(["", "ERROR", "loss"]);
    const scan = new Scan(output, source, words);
    for (const batch of batches) {
      output.take(batch);
      if (random.below(2) === 0) while (scan.step(1 + random.below(500)));
    }
    while (scan.step(1000));
    const all = linesOf(batches).map((line, index) => ({ ...line, number: index + 1 })).filter((line) => source === "all" || line.source === source);
    expect(scan.rows).toEqual(source === "all" ? [] : all.map(({ number }) => number));
    expect(scan.hits).toEqual(words === "" ? [] : all.filter(({ text }) => text.toLowerCase().includes(words.toLowerCase())).map(({ number }) => number));
    const number = 1 + random.below(output.last);
    expect(placeOf(scan.rows, number)).toBe(scan.rows.filter((each) => each < number).length);
  });
});

test("a search waits where a line is missing, and an erased line keeps its number", () => {
  const output = new Output();
  output.take({ source: "stdout", first_line: 3, lines: 2, quota_reached: false, text: "c\nd\n" });
  const scan = new Scan(output, "all", "d");
  expect([scan.step(10), scan.at, output.last, output.firstMissing()]).toEqual([false, 0, 4, 1]);
  output.take({ source: "stdout", first_line: 1, lines: 2, quota_reached: true, text: "" });
  while (scan.step(10));
  expect([scan.hits, output.line(2)?.text, output.quotaReached]).toEqual([[4], "", true]);
});
