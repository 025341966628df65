// SPDX-License-Identifier: Apache-2.0
// @vitest-environment happy-dom
// Erasing what is private, from the page: asked about first, done once, told afterwards, and refused in words.
import { cleanup, fireEvent, screen } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import { draftOf, keepDraft, newDraft } from "../src/lib/drafts.ts";
import { queriesOf } from "../src/live/live.ts";
import { keepSources, sourceOf } from "../src/lib/sources.ts";
import { exactTime, shortId } from "../src/lib/units.ts";
import { session } from "../src/wallet/session.ts";
import { id, job, terms, type Job } from "./fixtures.ts";
import { asked, countOf, ME, noToasts, pass, problem, serve, setUp, settle, showPage, type Answers } from "./screen.tsx";

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
      held.now = { ...held.now, erased_at: ERASED_AT, file_name: "", operation: "" };
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
    expect(document.querySelector("h1")?.textContent).toBe(shortId(JOB));
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
    for (const key of [["job", JOB], ["jobs"], ["results", JOB], ["comment", JOB], ["as of", JOB], ["storage"]]) expect(keys).toContainEqual(key);
  });
});

describe("what an account holds", () => {
  const ACCOUNT = `GET /v1/accounts/${ME.accountId}`;
  const erasing = (number: number) => `DELETE /v1/uploads/${id(number)}`;
  const uploaded = (number: number, size = 1000) => ({ id: id(number), file_name: `train-${number}.py`, size, received_at: "2026-11-25T11:00:00Z", status: "analysed" });
  const rows = () => [...document.querySelectorAll("#uploads tbody th")].map((each) => each.textContent);

  /** Settings, with so many uploads, newest first. */
  function settings(count: number, limit: number | null, more: Answers = {}): void {
    let list = Array.from({ length: count }, (_, index) => uploaded(count - index));
    serve({
      "GET /v1/auth/tokens": () => ({ items: [], next: null }), "GET /v1/webhooks": () => ({ items: [] }), [ACCOUNT]: () => ({ storage: { used: 1000 * list.length, limit } }),
      "GET /v1/uploads": ({ query }) => {
        const older = list.filter((each) => Number.parseInt(each.id.slice(-12), 16) < Number(query.get("before") ?? Infinity));
        const page = older.slice(0, Number(query.get("limit")));
        return { items: page, next: older.length > page.length ? Number.parseInt((page.at(-1) as { id: string }).id.slice(-12), 16) : null };
      },
      ...Object.fromEntries(list.map((each) => [`DELETE /v1/uploads/${each.id}`, () => {
        list = list.filter((other) => other.id !== each.id);
        return { erased_at: ERASED_AT, freed: each.size, sequence: 9 };
      }])),
      ...more,
    });
  }

  test("is said of what it may hold, with what counts; without a limit there is none", async () => {
    for (const [limit, words, now] of [[8000, "2.0 kB of 8.0 kB used", "25"], [1000, "2.0 kB of 1.0 kB used", "100"], [null, "2.0 kB used; there is no limit", undefined]] as const) {
      settings(2, limit);
      await showPage("/settings");
      expect(section("Storage")?.textContent).toContain(words);
      expect(section("Storage")?.textContent).toContain("Your uploads count, and the result files of your jobs");
      expect(document.querySelector('[role="meter"]')?.getAttribute("aria-valuenow") ?? undefined).toBe(now);
      cleanup();
    }
  });

  test("an upload is erased by a second click, once, what was freed is said, and the sum is asked for anew; what this browser kept of it goes, too", async () => {
    settings(3, 8000);
    keepDraft(newDraft(id(2), "train-2.py"));
    await keepSources(id(2), [new File(["quagga"], "train-2.py")]);
    await showPage("/settings");
    expect(rows()).toEqual(["train-3.py", "train-2.py", "train-1.py"]);
    fireEvent.click(button("Erase train-2.py") as Element);
    await settle();
    for (const words of ["GoesThe file, 1.0 kB", "digest", "StaysIn the public record", "figures of what it needs", "All money", "cannot be undone"]) expect(screen.getByRole("dialog").textContent, words).toContain(words);
    expect(countOf(erasing(2))).toBe(0);
    fireEvent.click(button("Erase it") as Element);
    fireEvent.click(button("Erase it") as Element);
    await pass(100);
    expect([countOf(erasing(2)), screen.queryByRole("dialog"), rows()]).toEqual([1, null, ["train-3.py", "train-1.py"]]);
    expect(section("Uploads")?.textContent).toContain("train-2.py is erased: 1.0 kB freed.");
    expect(screen.getByTestId("storage-used").textContent).toBe("2.0 kB");
    expect([draftOf(id(2)), sourceOf(id(2), "train-2.py")]).toEqual([null, null]);
    await noToasts();
  });

  test("an upload that a job needs stays; which job that is is said, with the way there", async () => {
    settings(1, 8000, {
      [erasing(1)]: () => problem(409, "upload_in_use", "1 of its jobs have not ended; cancel them, or wait for their end"),
      "GET /v1/jobs": ({ query }) => ({ items: query.get("status") === "running" ? [job({ upload_id: id(1), file_name: "train-1.py" }), job({ id: id(6), upload_id: id(2) })] : [], next: null }),
    });
    await showPage("/settings");
    fireEvent.click(button("Erase train-1.py") as Element);
    await settle();
    fireEvent.click(button("Erase it") as Element);
    await pass(100);
    const said = screen.getByRole("dialog").querySelector('[role="alert"]');
    expect(said?.textContent).toContain("1 of its jobs have not ended");
    expect([...(said?.querySelectorAll("a") ?? [])].map((each) => each.getAttribute("href"))).toEqual([`/jobs/${JOB}`]);
    expect(rows()).toEqual(["train-1.py"]);
  });

  test("uploads come page by page, and the page is in the address", async () => {
    settings(45, null);
    await showPage("/settings");
    expect([rows()[0], rows().length]).toEqual(["train-45.py", 20]);
    const older = document.querySelector('nav[aria-label="Pages of uploads"] a');
    expect(older?.getAttribute("href")).toBe("/settings?before=26#storage");
    cleanup();
    await showPage("/settings?before=6");
    expect(rows()).toEqual(["train-5.py", "train-4.py", "train-3.py", "train-2.py", "train-1.py"]);
    expect(document.querySelector('nav[aria-label="Pages of uploads"]')?.textContent).toBe("Newest");
  });

  test("who orders nothing is shown none of it", async () => {
    settings(1, null);
    session.set({ ...ME, scopes: ["provider"] });
    await showPage("/settings");
    expect([section("Storage"), section("Tokens") !== null, countOf("GET /v1/uploads")]).toEqual([null, true, 0]);
  });

  test("is asked for anew when it changed elsewhere", () => {
    const of = (type: string) => queriesOf([{ id: "9", type, subject: `upload:${id(1)}`, time: ERASED_AT, data: {} }]);
    expect([of("upload.erased"), of("upload.received")]).toEqual([[["uploads"], ["storage"]], [["uploads"], ["storage"]]]);
  });
});
