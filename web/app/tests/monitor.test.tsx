// SPDX-License-Identifier: Apache-2.0
// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import * as schema from "../src/api/schema.ts";
import { keepLock, whileSigning } from "../src/lib/lock.ts";
import { costOf } from "../src/lib/money.ts";
import { clockTime, shortDuration } from "../src/lib/units.ts";
import { Run, type Sample } from "../src/live/run.ts";
import { Facts } from "../src/pages/job/JobPage.tsx";
import { Confirmations, LockPanel } from "../src/pages/job/LockPanel.tsx";
import { Metrics } from "../src/pages/job/Metrics.tsx";
import { wallet } from "../src/wallet/wallet.ts";
import { job, offer, terms } from "./fixtures.ts";
import { forAllTurns, type Random } from "./generate.ts";
import { pass, serve, setUp, settle, showPage, showPart } from "./screen.tsx";

setUp();

const read = (change: Parameters<typeof job>[0]) => schema.job.parse(job(change));
/** What stands behind a name of a list of facts. */
const fact = (name: string): string | undefined => [...document.querySelectorAll("dt")].find((each) => each.textContent === name)?.nextElementSibling?.textContent ?? undefined;
/** By role and name, as a reader has them; two hundred times faster than asking for them so. */
function one(selector: string): Element {
  const found = document.querySelectorAll(selector);
  if (found.length !== 1) throw new Error(`${found.length} of ${selector}, expected one`);
  return found[0] as Element;
}
const amountOf = (element: Element | null | undefined) => element?.querySelector("data")?.getAttribute("value");

const STARTED = "2026-11-25T11:30:00Z";
const at = (sample: Sample) => clockTime(new Date(Date.parse(STARTED) + sample.at).toISOString());

function sampled(random: Random, count: number): { run: Run; samples: Sample[] } {
  const run = new Run();
  const data = Array.from({ length: count }, (_, index) => ({
    at_ms: index * 2000, cpu_permille: random.below(1001), ram_mib: 1 + random.below(65_536), ram_total_mib: 65_536, gpu_permille: random.below(1001), vram_mib: 1 + random.below(24_564), vram_total_mib: 24_564,
    temperature_c: 30 + random.below(70), power_mw: 1 + random.below(450_000),
  }));
  run.apply([{ id: "1", type: "metric.sampled", subject: "job:x", time: "2026-11-25T12:00:00Z", data: { samples: data } }]);
  return { run, samples: run.samples };
}

describe("paying", () => {
  test("R6.7 P21: the count is the escrow's, never above what is required, with the time still expected", async () => {
    await forAllTurns(async (random) => {
      const required = 1 + random.below(5);
      const confirmations = random.below(8);
      const expected_ms = random.pick([null, 1 + random.below(100_000)]);
      const status = confirmations === 0 ? "requested" : "observed";
      showPart(<Confirmations step="sent" job={read({ status: "awaiting_lock", escrow: { ...(job().escrow as NonNullable<ReturnType<typeof job>["escrow"]>), status, confirmations, required, expected_ms } })} />);
      const count = Math.min(confirmations, required);
      const bar = one('[role="progressbar"]');
      expect(screen.getByTestId("confirmations").textContent).toBe(`${count}/${required}`);
      expect([bar.getAttribute("aria-valuenow"), bar.getAttribute("aria-valuemax")]).toEqual([String(count), String(required)]);
      expect(bar.querySelectorAll(".on")).toHaveLength(count);
      expect(bar.textContent.includes("more")).toBe(expected_ms !== null && count < required);
      if (expected_ms !== null && count < required) expect(bar.textContent).toContain(`about ${shortDuration(expected_ms)} more`);
      cleanup();
    });
  });
  test("R6.6: who has launched is not asked for a second signature: not while the lock is made, not once it is kept, before any other answer", async () => {
    const escrow = { ...(job().escrow as NonNullable<ReturnType<typeof job>["escrow"]>), status: "requested" as const, confirmations: 0 };
    serve({ "GET /v1/terms": () => terms() });
    wallet.set({ is: "locked", vault: { version: 1, identity: escrow.consumer_identity as string, open: true, salt: "", ops: 1, memory: 1, nonce: "", box: "" } });
    const waiting = read({ status: "awaiting_lock", escrow });
    showPart(<LockPanel job={waiting} quotedCap={null} />);
    await settle();
    const shown = () => [one('[role="progressbar"]').textContent, document.querySelector('button[type="submit"]')?.textContent];
    expect(shown()).toEqual(["0/3Not sent yet", "Sign and lock 1\u202f000\u202f000 QUBIC"]);
    await act(() => whileSigning(waiting.id, async () => {
      await settle();
      expect(shown()).toEqual(["0/3Signing…", undefined]);
      keepLock(waiting.id, { hex: "00", id: "t", tick: 8 });
      await settle();
      expect(shown()).toEqual(["0/3Sent; waiting for its tick", undefined]);
    }));
    expect(shown()).toEqual(["0/3Sent; waiting for its tick", undefined]);
    wallet.set({ is: "none" });
  });
});

describe("facts", () => {
  test("R7.2 P22: of every job id, machine, start and cost so far are there; used and coming back are together what is locked", async () => {
    serve({ "GET /v1/offers": () => ({ items: [offer({ id: job().offer_id, model: "RTX 4090" })], next: null }) });
    await forAllTurns(async (random) => {
      const cap = 1 + random.below(10 ** 9);
      const rate = 1 + random.below(10 ** 9);
      const used_ms = random.below(10 ** 7);
      const run = new Run();
      run.usedMs = random.below(10 ** 7);
      showPart(<Facts job={read({ cap, rate, used_ms })} run={run} />);
      await settle();
      expect(fact("Runs on")).toBe("RTX 4090");
      const used = costOf(Math.max(used_ms, run.usedMs), BigInt(rate), BigInt(cap));
      expect(amountOf(screen.getByTestId("used"))).toBe(String(used));
      expect(amountOf(screen.getByTestId("back"))).toBe(String(BigInt(cap) - used));
      for (const name of ["Submitted", "Started", "Running for", "Paid time", "Price per hour", "Job", "Machine"]) expect(fact(name), name).not.toBe("");
      expect(fact("Job")).toContain("01a213");
      cleanup();
    });
  });
  test("R4.4: an output folder and an image are among the facts of a job that was given them, and of no other", () => {
    serve({});
    showPart(<Facts job={read({ results_folder: "out/model", image: "a:1" })} run={new Run()} />);
    expect([fact("Output folder"), fact("Image")]).toEqual(["out/model", "a:1"]);
    cleanup();
    showPart(<Facts job={read({})} run={new Run()} />);
    expect([fact("Output folder"), fact("Image")]).toEqual([undefined, undefined]);
  });
  test("R7.7 P26: the time remaining follows from what is done of it, is never negative, and is not guessed from the first moments", async () => {
    serve({});
    await forAllTurns(async (random) => {
      const elapsed = 1000 * (1 + random.below(10_000));
      const permille = random.below(1001);
      showPart(<Facts job={read({ started_at: new Date(Date.now() - elapsed).toISOString(), permille })} run={new Run()} />);
      const left = (elapsed * (1000 - permille)) / permille;
      if (permille < 50) expect(fact("Still needs, about")).toBeUndefined();
      else expect(fact("Still needs, about")).toBe(shortDuration(Math.round(left / 1000) * 1000));
      cleanup();
    });
  });
});

describe("metrics", () => {
  test("R7.3 R8.2 R8.3 R8.4 R8.5 P23 P24 P27: the newest of every measure is shown as soon as it is heard, each beyond its threshold in a word", async () => {
    await forAllTurns(async (random) => {
      const { run, samples } = sampled(random, 1 + random.below(40));
      showPart(<Metrics run={run} over={false} startedAt={STARTED} />);
      const last = samples.at(-1) as Sample;
      const charts = [...document.querySelectorAll('[role="img"]')].map((each) => each.getAttribute("aria-label") ?? "");
      expect(charts.find((label) => label.startsWith("Utilisation"))).toContain(`GPU ${((last.gpu ?? 0) / 10).toFixed((last.gpu ?? 0) < 100 ? 1 : 0)} %`);
      expect(charts.find((label) => label.startsWith("Power"))).toContain(`${((last.power ?? 0) / 1000).toFixed(0)} W`);
      const gauge = one('[role="meter"][aria-label="Temperature"]');
      const celsius = last.temperature ?? 0;
      expect(gauge.getAttribute("aria-valuetext")).toBe(`${celsius} °C, ${celsius > 80 ? "hot" : celsius >= 70 ? "warm" : "normal"}`);
      const memory = one('[role="meter"][aria-label="Video memory"]');
      expect(memory.getAttribute("aria-valuenow")).toBe(String(last.vram));
      expect(memory.getAttribute("aria-valuemax")).toBe(String(last.vramTotal));
      const share = (last.vram ?? 0) / 24_564;
      expect(memory.getAttribute("aria-valuetext")).toContain(share > 0.95 ? "nearly full" : share > 0.85 ? "filling up" : "normal");
      const hot = samples.filter((sample) => (sample.temperature ?? 0) > 80);
      expect(screen.queryByText(/Above 80 °C/) !== null).toBe(hot.length > 0); // whenever it was
      cleanup();
    });
  });
  test("R8.1 R8.6 P28: hovering, or the arrow keys, show the value and the time of the point that is meant", async () => {
    await forAllTurns(async (random) => {
      const { run, samples } = sampled(random, 2 + random.below(60));
      showPart(<Metrics run={run} over={false} startedAt={STARTED} />);
      const shown = samples.filter((sample) => sample.at >= (samples.at(-1)?.at ?? 0) - 60_000); // the last minute
      const chart = one('[role="img"][aria-label^="Utilisation"]');
      const figure = chart.closest("figure") as HTMLElement;
      chart.getBoundingClientRect = () => ({ left: 0, width: 300, top: 0, height: 96, right: 300, bottom: 96, x: 0, y: 0, toJSON: () => null });
      const index = random.below(shown.length);
      fireEvent.pointerMove(chart, { clientX: (300 * index) / (shown.length - 1) });
      const meant = shown[index] as Sample;
      expect(figure.querySelector("time")?.textContent).toBe(at(meant));
      expect(figure.querySelector(".chart-value b")?.textContent).toBe(`${((meant.gpu ?? 0) / 10).toFixed((meant.gpu ?? 0) < 100 ? 1 : 0)} %`);
      fireEvent.keyDown(chart, { key: "ArrowLeft" });
      expect(figure.querySelector("time")?.textContent).toBe(at(shown[Math.max(0, index - 1)] as Sample));
      cleanup();
    });
  });
});

describe("the job's page", () => {
  test("R7.1 R7.6 R7.7 P25: its progress is between 0 and 100 % with the operation, on the bar, in the pill and in the tab", async () => {
    let now = job();
    serve({
      [`GET /v1/jobs/${now.id}`]: () => now, [`GET /v1/jobs/${now.id}/timeline`]: () => ({ items: [], next: null }), [`GET /v1/jobs/${now.id}/metrics`]: () => ({ items: [], next: null }), "GET /v1/offers": () => ({ items: [offer({ model: "RTX 4090" })], next: null }),
      [`GET /v1/jobs/${now.id}/output`]: () => ({ items: [], next: null, last_line: 0 }),
    });
    await showPage(`/jobs/${now.id}`);
    for (const name of ["Facts", "Metrics", "Output", "Timeline"]) expect(screen.getByRole("region", { name })).toBeTruthy();
    for (const permille of [0, 4, 5, 499, 999, 1000]) {
      now = job({ permille, operation: `step ${permille}` });
      await pass(6000); // it is asked for again while it runs
      await settle();
      const percent = Math.floor(permille / 10);
      expect(screen.getByRole("progressbar", { name: "Progress of the job" }).getAttribute("aria-valuenow")).toBe(String(percent));
      expect(screen.getByText(`Running ${percent} %`)).toBeTruthy();
      expect(screen.getByText(`step ${permille}`)).toBeTruthy();
      expect(document.title).toMatch(new RegExp(`^${percent} % · train.py`));
    }
  });

  test("rewound to any of its events, the page shows the job as the server had it then, and nothing that came later; and comes back to now", async () => {
    const names = ["job.created", "escrow.confirmed", "escrow.locked", "job.started", "job.completed", "refund.confirmed"];
    const statuses = ["awaiting_lock", "awaiting_lock", "queued", "running", "completed", "completed"] as const;
    const over = job({ status: "completed", permille: 1000, used_ms: 100_000, gross: 100_000, refund: 900_000, ended_at: "2026-11-25T11:00:05Z", settled: true });
    const stops = names.map((type, index) => ({ sequence: 10 * (index + 1), at: `2026-11-25T11:00:0${index}Z`, type }));
    serve({
      [`GET /v1/jobs/${over.id}`]: ({ query }) => {
        const at = query.get("as_of");
        if (at === null) return over;
        const status = statuses[Number(at) / 10 - 1] ?? "failed";
        return job({ status, permille: Number(at), ...(status === "completed" ? { gross: Number(at), ended_at: over.ended_at } : { used_ms: Number(at) }) });
      },
      [`GET /v1/jobs/${over.id}/timeline`]: () => ({ items: stops, next: null }), [`GET /v1/jobs/${over.id}/metrics`]: () => ({ items: [], next: null }),
      [`GET /v1/jobs/${over.id}/output`]: () => ({ items: [], next: null, last_line: 0 }), [`GET /v1/jobs/${over.id}/results`]: () => ({ items: [], next: null }), "GET /v1/offers": () => ({ items: [offer()], next: null }),
    });
    await showPage(`/jobs/${over.id}`);
    await settle();
    const slider = () => one("#rewind") as HTMLInputElement;
    expect([slider().value, slider().max]).toEqual(["6", "6"]);
    for (const index of [3, 0, 5, 2, 1, 4]) {
      fireEvent.change(slider(), { target: { value: String(index) } });
      await settle();
      await pass(10);
      await settle();
      expect(screen.getByText(/As it stood after/).textContent).toContain(`#${stops[index]?.sequence} ${stops[index]?.type}`);
      expect(amountOf(screen.getByTestId("used"))).toBe(String(costOf(10 * (index + 1), 3_600_000n, 1_000_000n)));
      expect(document.querySelector(".page-head .pill")?.textContent).toContain({ awaiting_lock: "Confirming", queued: "Waiting", running: "Running 4 %", completed: "Completed" }[statuses[index] as (typeof statuses)[number]]);
      expect(screen.queryByRole("button", { name: "Cancel…" })).toBeNull(); // what is past is not acted on
    }
    fireEvent.click(screen.getByRole("button", { name: "Back to now" }));
    await settle();
    await pass(10);
    expect(amountOf(screen.getByTestId("used"))).toBe("100000");
  });
});
