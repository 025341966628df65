// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { sample, type Job, type LedgerEvent, type Sampled } from "../src/api/schema.ts";
import { stagesOf } from "../src/lib/stages.ts";
import { queriesOf } from "../src/live/live.ts";
import { jobOf, Run } from "../src/live/run.ts";
import { JOB, randomEvents } from "./events.ts";
import { forAll, Random } from "./generate.ts";
import recorded from "./recorded-job.json";

const told = (run: Run) => ({ ...structuredClone({ ...run }), version: 0 });

test("replaying all events is the same as hearing them in pieces, repeated pieces counted once", () => {
  forAll(randomEvents, (events, random) => {
    const whole = new Run();
    whole.apply(events);
    const pieces = new Run();
    for (let at = 0; at < events.length; ) {
      const from = Math.max(0, at - random.below(4)); // a reconnection brings some again
      const to = Math.min(events.length, at + 1 + random.below(5));
      pieces.apply(events.slice(from, to));
      at = to;
    }
    expect(told(pieces)).toEqual(told(whole));
    const version = pieces.version;
    expect(pieces.apply(events)).toBe(false); // nothing is new
    expect(pieces.version).toBe(version);
  });
});

test("a timeline and samples, and then what is heard, give the same notches and samples as all events", () => {
  forAll(randomEvents, (events, random) => {
    const whole = new Run();
    whole.apply(events);
    const upTo = random.below(events.length + 1);
    const run = new Run();
    run.takeTimeline(events.slice(0, upTo).filter(({ type }) => !["job.output", "metric.sampled", "job.progressed"].includes(type)).map(({ id, time, type }) => ({ sequence: Number(id), at: time, type })), 3);
    const sampled = events.slice(0, upTo + random.below(3)).filter(({ type }) => type === "metric.sampled").flatMap(({ data }) => data["samples"] as Sampled[]); // read a moment later
    run.takeSamples(sampled.map((each) => sample.parse(each)));
    run.apply(events.slice(Math.max(0, upTo - random.below(3))));
    expect(run.notches.map(({ sequence, label, kind }) => [sequence, label, kind])).toEqual(whole.notches.map(({ sequence, label, kind }) => [sequence, label, kind]));
    expect(run.samples).toEqual(whole.samples);
  });
});

test("R8: what the feed repeats of long ago costs no sample, and another machine's are dropped when the next one starts", () => {
  const event = (id: number, type: string, data = {}): LedgerEvent => ({ id: String(id), type, subject: `job:${JOB}`, time: "2026-11-25T17:37:16Z", data });
  const report = (id: number): Sampled[] => Array.from({ length: 60 }, (_, n) => sample.parse({ at_ms: (id * 60 + n) * 2000, cpu_permille: n, ram_mib: 100, ram_total_mib: 21695 }));
  const run = new Run();
  run.takeTimeline([{ sequence: 9, at: "2026-11-25T17:37:16Z", type: "job.started" }], 3);
  for (let id = 0; id < 30; id++) run.takeSamples(report(id));
  run.apply(Array.from({ length: 28 }, (_, n) => event(13 + n, "metric.sampled", { samples: report(3 + n) }))); // the last of them is new
  expect(run.samples.map(({ at }) => at)).toEqual(Array.from({ length: 31 * 60 }, (_, n) => n * 2000));
  run.apply([event(50, "job.started", { attempt: 2 }), event(51, "metric.sampled", { samples: report(0) })]);
  expect(run.samples.map(({ at }) => at)).toEqual(Array.from({ length: 60 }, (_, n) => n * 2000));
  for (let id = 0; id < 20; id++) run.takeSamples(report(id));
  for (let id = 0; id < 20; id++) run.takeSamples(report(id)); // asked for again
  expect(run.samples.map(({ at }) => at)).toEqual(Array.from({ length: 20 * 60 }, (_, n) => n * 2000));
});

test("a job as a server recorded it: money, time and notches are read from its events", () => {
  const run = new Run();
  run.apply(recorded as LedgerEvent[]);
  expect([run.confirmations, run.required, run.permille, run.usedMs, run.ending, run.results]).toEqual([3, 3, 1000, 2041, "completed", 2]);
  expect(run.notches.map((notch) => notch.label)).toEqual(["submitted", "lock seen", "1/3", "2/3", "3/3", "locked", "assigned", "started", "result", "result", "completed",
    "settled", "refund signed", "refunded", "payout signed", "paid out"]);
  expect(run.notches.find((notch) => notch.label === "refunded")?.kind).toBe("money");
});

test("an event of a newer server is passed over, and what follows is shown", () => {
  const run = new Run();
  run.apply([
    { id: "1", type: "job.progressed", subject: `job:${JOB}`, time: "2026-11-25T17:37:16Z", data: { permille: "half" } },
    { id: "2", type: "job.invented", subject: `job:${JOB}`, time: "2026-11-25T17:37:16Z", data: {} },
    { id: "3", type: "job.progressed", subject: `job:${JOB}`, time: "2026-11-25T17:37:17Z", data: { permille: 420, used_ms: 9 } },
  ]);
  expect([run.cursor, run.permille]).toEqual([3, 420]);
});

test("an event is its job's, or its escrow's job's, or nobody's", () => {
  const events = randomEvents(new Random(1));
  expect(new Set(events.map(jobOf))).toEqual(new Set([JOB]));
  expect(jobOf({ id: "1", type: "identity.registered", subject: "account:x", time: "", data: {} })).toBeNull();
});

test("what is asked for again is what an event changed: no list for a line of output", () => {
  const event = (type: string): LedgerEvent => ({ id: "1", type, subject: `job:${JOB}`, time: "", data: {} });
  expect(queriesOf([event("job.output"), event("metric.sampled")])).toEqual([]);
  expect(queriesOf([event("job.progressed"), event("job.progressed")])).toEqual([["job", JOB], ["jobs"], ["earnings"]]);
  expect(queriesOf([event("refund.confirmed")])).toContainEqual(["balance"]);
});

const job = (change: Partial<Job>): Job => ({
  status: "awaiting_lock", created_at: "2026-11-25T17:00:00Z", queued_at: null, assigned_at: null, started_at: null, ended_at: null, legs: [],
  escrow: { required: 3 }, ...change,
} as unknown as Job);

test("notches: all are awaited at first, each is cut when it happened, none is left out of order", () => {
  expect(stagesOf(job({}), { notches: [] }).map((stage) => [stage.label, stage.time !== null])).toEqual([
    ["submitted", true], ["1/3", false], ["2/3", false], ["3/3", false], ["assigned", false], ["started", false], ["ended", false], ["settled", false]]);
  const run = new Run();
  run.apply(recorded as LedgerEvent[]);
  const done = stagesOf(job({ status: "completed", queued_at: "x", assigned_at: "x", started_at: "x", ended_at: "x",
    legs: [{ kind: "refund", amount: 5n, status: "confirmed" }, { kind: "payout", amount: 0n, status: "confirmed" }, { kind: "fee", amount: 1n, status: "signed" }] as never }), run);
  expect(done.map((stage) => stage.label)).toEqual(["submitted", "1/3", "2/3", "locked 3/3", "assigned", "started", "completed", "refunded", "fee"]);
  expect(done.filter((stage) => stage.billed).map((stage) => stage.key)).toEqual(["started"]);
  expect(done.at(-1)?.time).toBeNull(); // signed is not yet paid
});

test("notches: a job that ended before it was paid has none of what never came", () => {
  expect(stagesOf(job({ status: "cancelled", ended_at: "x" }), { notches: [] }).map((stage) => [stage.label, stage.kind])).toEqual([["submitted", "fact"], ["cancelled", "failure"]]);
});
