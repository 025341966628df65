// SPDX-License-Identifier: Apache-2.0
// @vitest-environment happy-dom
// Erasing what is private, from the page: asked about first, done once, told afterwards, and refused in words.
import { cleanup, fireEvent, screen } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import { draftOf, keepDraft, newDraft } from "../src/lib/drafts.ts";
import { queriesOf } from "../src/live/live.ts";
import { exactTime } from "../src/lib/units.ts";
import { id, job, terms, type Job } from "./fixtures.ts";
import { asked, countOf, noToasts, pass, problem, serve, setUp, settle, showPage, type Answers } from "./screen.tsx";

setUp();

const JOB = id(5);
const ERASE = `DELETE /v1/jobs/${JOB}/data`;
const ERASED_AT = "2026-11-25T11:59:58Z";
const done = (change: Partial<Job> = {}) => job({ status: "completed", ending: "completed", reason: "exited_zero", ended_at: "2026-11-25T11:50:00Z", settled: true, results: 3, ...change });
const section = (name: string) => document.querySelector(`section[aria-label="${name}"]`);
const button = (name: string | RegExp) => screen.queryByRole("button", { name });

/** A server with one job; it is erased when that is asked for. */
function world(first: Job, more: Answers = {}): { now: Job } {
  const held = { now: first };
  serve({
    "GET /v1/terms": () => terms(), "GET /v1/offers": () => ({ items: [], next: null }), [`GET /v1/jobs/${JOB}`]: () => held.now,
    [`GET /v1/jobs/${JOB}/timeline`]: () => ({ items: held.now.erased_at == null ? [{ sequence: 4, at: ERASED_AT, type: "job.created" }] : [{ sequence: 4, at: ERASED_AT, type: "job.created" }, { sequence: 9, at: ERASED_AT, type: "job.erased" }], next: null }),
    [`GET /v1/jobs/${JOB}/metrics`]: () => ({ items: [], next: null }),
    [`GET /v1/jobs/${JOB}/output`]: () => ({ items: [{ source: "stdout", first_line: 1, lines: 1, quota_reached: false, text: held.now.erased_at == null ? "quagga\n" : "" }], next: null, last_line: 1 }),
    [`GET /v1/jobs/${JOB}/results`]: () => ({ items: held.now.erased_at == null ? [{ name: "quagga.txt", size: 5, digest: "0".repeat(64), sequence: 7 }] : [], next: null }),
    [`GET /v1/jobs/${JOB}/events`]: () => ({ items: [{ id: "9", type: "job.erased", subject: `job:${JOB}`, time: ERASED_AT, data: { freed: 12_345 } }], next: null }),
    [ERASE]: () => {
      held.now = { ...held.now, erased_at: ERASED_AT, file_name: undefined, operation: undefined };
      return { erased_at: ERASED_AT, freed: 12_345, sequence: 9 };
    },
    ...more,
  });
  return held;
}

describe("a job's data", () => {
  test("is erased by a second click, once; what goes and what stays is said before, what was freed after, and nothing of it is shown any more", async () => {
    world(done());
    keepDraft({ ...newDraft(id(7), "train.py"), settings: { arguments: ["quagga"] }, job: JOB });
    await showPage(`/jobs/${JOB}`);
    await pass(200);
    expect(section("Results")?.textContent).toContain("quagga.txt");
    fireEvent.click(button("Erase my data…") as Element);
    await settle();
    const dialog = screen.getByRole("dialog").textContent ?? "";
    for (const words of ["train.py", "GoesIts output", "3 result files", "settings", "Names", "StaysAmounts, payments and times", "public record", "cannot be undone"]) expect(dialog, words).toContain(words);
    expect(countOf(ERASE)).toBe(0);
    fireEvent.click(button("Keep it") as Element);
    await settle();
    expect(countOf(ERASE)).toBe(0);
    fireEvent.click(button("Erase my data…") as Element);
    await settle();
    fireEvent.click(button("Erase my data") as Element);
    fireEvent.click(button("Erase my data") as Element);
    await pass(200);
    expect([countOf(ERASE), asked.find((each) => each.what === ERASE)?.key !== null]).toEqual([1, true]);
    expect([screen.queryByRole("dialog"), button(/^Erase my data/)]).toEqual([null, null]);
    for (const name of ["Output", "Results"]) expect(section(name)?.textContent, name).toContain(`Erased on ${exactTime(ERASED_AT)}`);
    expect(document.body.textContent).not.toContain("quagga");
    expect(draftOf(id(7))).toBeNull(); // nor kept in this browser
    cleanup();
    await showPage(`/jobs/${JOB}`); // long after
    await pass(200);
    expect(section("Results")?.textContent).toContain("Its 3 files are gone, 12 kB freed.");
    expect(document.querySelector(".error-panel")).toBeNull();
    await noToasts();
  });

  test("is offered for a job that is over and whose money has come, to whom it belongs, and not a second time", async () => {
    const cases: [Job, boolean][] = [
      [done(), true], [done({ status: "failed", ending: "program_failed" }), true], [done({ settled: false }), false], [job(), false], [done({ account_id: id(99) }), false], [done({ erased_at: ERASED_AT }), false],
    ];
    for (const [one, offered] of cases) {
      world(one);
      await showPage(`/jobs/${JOB}`);
      await pass(200);
      expect(button("Erase my data…") !== null, JSON.stringify([one.status, one.settled, one.account_id, one.erased_at])).toBe(offered);
      cleanup();
    }
  });

  test("that was erased can be rated no more, stars that were given stay, and its files are asked for no more", async () => {
    for (const [stars, shown] of [[0, false], [4, true]] as const) {
      world(done({ erased_at: ERASED_AT, stars, file_name: undefined }));
      await showPage(`/jobs/${JOB}`);
      await pass(200);
      expect([section("Rating") !== null, button("Send the rating")]).toEqual([shown, null]);
      expect(countOf(`GET /v1/jobs/${JOB}/results`)).toBe(0);
      expect(document.querySelector(".error-panel")).toBeNull();
      cleanup();
    }
  });

  test("that cannot be erased now stays, and why is said where it was asked for", async () => {
    world(done(), { [ERASE]: () => problem(409, "job_not_settled", "money of the job is on its way; wait until it has come") });
    await showPage(`/jobs/${JOB}`);
    await pass(200);
    fireEvent.click(button("Erase my data…") as Element);
    await settle();
    fireEvent.click(button("Erase my data") as Element);
    await pass(200);
    expect(screen.getByRole("dialog").querySelector('[role="alert"]')?.textContent).toContain("money of the job is on its way");
    expect(section("Results")?.textContent).toContain("quagga.txt");
  });

  test("is asked for anew when it was erased elsewhere", () => {
    const keys = queriesOf([{ id: "9", type: "job.erased", subject: `job:${JOB}`, time: ERASED_AT, data: { freed: 1 } }]);
    for (const key of [["job", JOB], ["jobs"], ["results", JOB], ["comment", JOB], ["as of", JOB]]) expect(keys).toContainEqual(key);
  });
});
