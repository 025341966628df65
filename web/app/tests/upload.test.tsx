// SPDX-License-Identifier: Apache-2.0
// @vitest-environment happy-dom
import { act, fireEvent, screen } from "@testing-library/react";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { SUPPORTED } from "../src/lib/files.ts";
import { bytes } from "../src/lib/units.ts";
import { jobType } from "../src/lib/words.ts";
import { terms, upload } from "./fixtures.ts";
import { forAllTurns } from "./generate.ts";
import { noToasts, pass, serve, setUp, settle, showPage } from "./screen.tsx";

setUp();

const LIMIT = 1_000_000;

/** What the page sends, to be answered by the test: fetch has no progress, so the page takes XMLHttpRequest. */
class Sending {
  static all: Sending[] = [];
  upload: { onprogress: ((event: { loaded: number }) => void) | null } = { onprogress: null };
  onload: (() => void) | null = null;
  onerror: (() => void) | null = null;
  onabort: (() => void) | null = null;
  status = 0;
  responseText = "";
  url = "";
  headers = new Map<string, string>();
  body: unknown = null;
  open(_: string, url: string) {
    this.url = url;
  }
  setRequestHeader(name: string, value: string) {
    this.headers.set(name, value);
  }
  send(body: unknown) {
    this.body = body;
    Sending.all.push(this);
  }
  abort() {
    this.onabort?.();
  }
  get name(): string {
    return new URL(this.url, "http://x").searchParams.get("name") ?? "";
  }
  async answer(status: number, body: unknown): Promise<void> {
    this.status = status;
    this.responseText = JSON.stringify(body);
    act(() => this.onload?.());
    await settle();
    await settle();
  }
}

beforeEach(() => {
  Sending.all = [];
  sessionStorage.clear();
  localStorage.clear();
  vi.stubGlobal("XMLHttpRequest", Sending);
  serve({ "GET /v1/terms": () => terms({ upload_max: LIMIT }) });
});

const cards = () => [...document.querySelectorAll('[data-testid="upload"]')];
const cardOf = (name: string) => cards().find((card) => card.querySelector(".upload-name")?.textContent === name) as Element;
async function give(files: readonly File[]): Promise<void> {
  fireEvent.change(screen.getByLabelText("Files to upload"), { target: { files } });
  await pass(10);
  await settle();
}
function removeAll(): void {
  for (const button of document.querySelectorAll(".upload-head button")) fireEvent.click(button);
}
/** Of a size, without having it. */
function fileOf(name: string, size: number): File {
  const file = new File(["x"], name);
  Object.defineProperty(file, "size", { value: size });
  return file;
}

const GOOD = ["train.py", "notebook.ipynb", "data.csv", "bundle.tar.gz", "Dockerfile", "run.sh"] as const;
const BAD = ["film.mp4", "program.exe", "README", "letter.docx"] as const;

describe("R1 R15: files become uploads", () => {
  test("P1 P2 P5 P6 P57: of every drop each valid file is shown with name, size and type and is sent, each other one says why and what would do, at once", async () => {
    await showPage("/new");
    fireEvent.click(screen.getByRole("button", { name: "a job each" }));
    await forAllTurns(async (random) => {
      Sending.all = [];
      const files = Array.from({ length: 1 + random.below(5) }, (_, index) => fileOf(`${index}-${random.pick([...GOOD, ...BAD])}`.replace(/^\d-Dockerfile$/, `${index}.dockerfile`), random.pick([0, 1 + random.below(LIMIT), LIMIT, LIMIT + 1 + random.below(10 ** 9)])));
      const before = Date.now();
      await give(files);
      expect(Date.now() - before).toBeLessThan(1000); // R1.3, by the moved clock: nothing is waited for
      expect(cards()).toHaveLength(files.length);
      for (const file of files) {
        const text = cardOf(file.name).textContent ?? "";
        const isKnown = !BAD.some((bad) => file.name.endsWith(bad));
        expect(text).toContain(file.name);
        expect(text).toContain(bytes(file.size));
        expect(text).toContain(file.name.includes(".") ? file.name.slice(file.name.lastIndexOf(".")) : "no ending");
        const alert = cardOf(file.name).querySelector('[role="alert"]')?.textContent;
        if (!isKnown) expect(alert).toContain(SUPPORTED);
        else if (file.size === 0) expect(alert).toContain("empty");
        else if (file.size > LIMIT) expect(alert).toContain(`at most ${bytes(LIMIT)}`);
        else expect(alert).toBeUndefined();
        expect(Sending.all.some((sending) => sending.name === file.name)).toBe(isKnown && file.size > 0 && file.size <= LIMIT);
      }
      removeAll();
      expect(cards()).toHaveLength(0);
    });
  });

  test("R2.5 P54 P55 P56: the bar is between 0 and 100 and never goes back; every upload that ended says so and shows its type and what it needs", async () => {
    await showPage("/new");
    await forAllTurns(async (random) => {
      Sending.all = [];
      const file = fileOf("train.py", 1 + random.below(LIMIT));
      await give([file]);
      const [sending] = Sending.all;
      if (sending === undefined) throw new Error("nothing was sent");
      const bar = () => Number(cardOf("train.py").querySelector('[role="progressbar"]')?.getAttribute("aria-valuenow"));
      let last = bar();
      expect(last).toBe(0);
      let loaded = 0;
      for (let part = 0; part < 4; part++) {
        loaded += random.below(file.size); // with headers, and what a proxy counts, it may be more than the file
        act(() => sending.upload.onprogress?.({ loaded }));
        expect(bar()).toBeGreaterThanOrEqual(last);
        expect(bar()).toBeLessThanOrEqual(100);
        last = bar();
        const says = cardOf("train.py").querySelector('[role="status"]');
        expect(says?.textContent).toContain(last < 100 ? `Uploading, ${last} %` : "Analyzing…"); // R15.3
        expect(says?.querySelector(".spin") !== null).toBe(last >= 100);
      }
      const got = upload(random, { size: file.size });
      await sending.answer(201, got);
      const text = cardOf("train.py").textContent ?? "";
      expect(text).toContain("Upload complete");
      const needs = got.analysis !== null && "requirements" in got.analysis ? got.analysis : null;
      if (needs === null) throw new Error("the fixture has no analysis");
      expect(text).toContain(jobType(needs.job_type));
      expect(text).toContain(`${needs.requirements.vram_mib / 1024} GB`);
      expect(text).toContain(`${needs.requirements.tflops} TFLOPS`);
      expect(text).toContain(`${needs.requirements.ram_mib / 1024} GB`);
      expect(cardOf("train.py").querySelector('[role="progressbar"]')).toBeNull();
      removeAll();
      await noToasts();
    });
  });

  test("R15: a server that is away is said with a way to try again, which is the same upload; what the server refuses is said in its words", async () => {
    await showPage("/new");
    await give([fileOf("train.py", 10)]);
    act(() => Sending.all[0]?.onerror?.());
    await settle();
    expect(cardOf("train.py").textContent).toContain("The server does not answer");
    fireEvent.click(screen.getByRole("button", { name: "Try again" }));
    await settle();
    expect(Sending.all).toHaveLength(2);
    expect(Sending.all[1]?.headers.get("Idempotency-Key")).toBe(Sending.all[0]?.headers.get("Idempotency-Key"));
    await Sending.all[1]?.answer(422, { title: "Unprocessable", status: 422, code: "unsupported", detail: "train.py: named like a program, but it is a picture" });
    expect(cardOf("train.py").textContent).toContain("named like a program, but it is a picture");
  });

  test("R15: an upload beyond what an account may hold is refused with the way to where room is made", async () => {
    await showPage("/new");
    await give([fileOf("train.py", 10)]);
    await Sending.all[0]?.answer(409, { title: "Storage full", status: 409, code: "storage_full", detail: "your uploads and results hold 99 of at most 100 bytes, and this needs 10 more: delete uploads, or the data of jobs that have ended" });
    const said = cardOf("train.py").querySelector('[role="alert"]');
    expect(said?.textContent).toContain("hold 99 of at most 100 bytes");
    expect([...(said?.querySelectorAll("a") ?? [])].map((each) => [each.textContent, each.getAttribute("href")])).toEqual([["See what you hold", "/settings#storage"]]);
  });
});
