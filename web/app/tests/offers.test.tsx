// SPDX-License-Identifier: Apache-2.0
// @vitest-environment happy-dom
import { fireEvent, screen } from "@testing-library/react";
import { beforeEach, describe, expect, test } from "vitest";
import { draftOf, keepDraft, newDraft, withChoice } from "../src/lib/drafts.ts";
import { durationRange } from "../src/lib/units.ts";
import { estimates, id, match, matches, offer, upload } from "./fixtures.ts";
import { forAllTurns, Random } from "./generate.ts";
import { asked, countOf, noToasts, pass, serve, setUp, settle, showPage } from "./screen.tsx";

setUp();
beforeEach(() => localStorage.clear());

const UPLOAD = id(7);
const amounts = (element: Element) => [...element.querySelectorAll("data")].map((each) => each.getAttribute("value"));

describe("R3: offers", () => {
  test("R3.2 R3.3 R3.4 P9: each says its cost and its time and why; what fits is green, what is tight yellow, what does not fit is red and cannot be chosen", async () => {
    let ranking = [{ ...match(new Random(1), 1), fit: "recommended" as const }] as ReturnType<typeof match>[];
    serve({ [`GET /v1/uploads/${UPLOAD}`]: () => upload(new Random(1)), "GET /v1/matches": () => matches(ranking) });
    await showPage(`/new/${UPLOAD}/offers`);
    await forAllTurns(async (random) => {
      ranking = Array.from({ length: 1 + random.below(6) }, (_, index) => match(random, index + 1));
      fireEvent.click([...document.querySelectorAll("button")].find((each) => /^(Refresh offers|Look again)$/.test(each.getAttribute("aria-label") ?? each.textContent ?? "")) as Element);
      await settle();
      await settle();
      const rows = [...document.querySelectorAll("table tbody tr")];
      if (ranking.every((each) => each.fit === "insufficient")) expect(document.body.textContent).toContain(`None of ${ranking.length}`);
      else {
        expect(rows).toHaveLength(ranking.length);
        for (const [index, each] of ranking.entries()) {
          const row = rows[index] as Element;
          expect(amounts(row)).toEqual([String(each.cost)]);
          expect(row.textContent).toContain(durationRange(each.p50_ms, each.p90_ms));
          const tone = { recommended: "done", compatible: "done", borderline: "waiting", insufficient: "failed" }[each.fit];
          expect(row.querySelector(".pill")?.classList.contains(tone)).toBe(true);
          if (each.fit !== "recommended") expect(row.textContent).toContain(each.reasons[0]?.text);
          expect(row.querySelector("button")?.disabled).toBe(each.fit === "insufficient");
        }
        const best = [...document.querySelectorAll("li.offer")];
        expect(best).toHaveLength(Math.min(3, ranking.filter((each) => each.fit !== "insufficient").length)); // R3.8
        for (const [index, card] of best.entries()) expect(amounts(card)).toContain(String(matches(ranking).best[index]?.match.cost));
      }
      await noToasts();
    });
  });

  test("R3.4: the market is asked with the image and the network that the settings name, recorded likewise, and other ones are another record", async () => {
    const draft = withChoice(newDraft(UPLOAD, "Dockerfile"), { offer: id(1) });
    const other = withChoice(draft, { settings: { image: "python:3.11-slim", network: true } });
    expect(other.matchKey).not.toBe(draft.matchKey);
    expect(withChoice(other, { settings: { ...other.settings, arguments: ["x"] } }).matchKey).toBe(other.matchKey);
    keepDraft(other);
    serve({ [`GET /v1/uploads/${UPLOAD}`]: () => upload(new Random(1)), "GET /v1/matches": () => matches([match(new Random(1), 1)]) });
    const { unmount } = await showPage(`/new/${UPLOAD}/offers`);
    const query = asked.find(({ what }) => what === "GET /v1/matches")?.query;
    expect([query?.get("image"), query?.get("network")]).toEqual(["python:3.11-slim", "true"]);
    expect(screen.getByTitle(/^GET \/v1\/matches/).title).toContain("image=python%3A3.11-slim");
    unmount();
    await showPage(`/new/${UPLOAD}/pay`);
    expect(asked.find(({ what }) => what === "POST /v1/matches")?.body).toEqual({ upload_id: UPLOAD, network: true, image: "python:3.11-slim" });
  });
});

describe("R12: estimates", () => {
  test("P44 P45: every changed setting that counts is estimated anew within 500 ms of the last letter, once; the price by the minute and in all is shown, in whole QUBIC", async () => {
    let made = estimates(new Random(1));
    keepDraft(withChoice(newDraft(UPLOAD, "train.py"), { offer: id(1) }));
    serve({ [`GET /v1/uploads/${UPLOAD}`]: () => upload(new Random(1)), "POST /v1/estimates": () => made });
    await showPage(`/new/${UPLOAD}/settings`);
    await pass(500);
    await forAllTurns(async (random) => {
      const epochs = String(1 + random.below(10 ** 6)) + String(1 + random.below(9)); // of the turn before another number
      const before = countOf("POST /v1/estimates");
      made = estimates(random);
      const field = screen.getByLabelText("Arguments");
      for (let letters = 1; letters <= epochs.length; letters++) fireEvent.change(field, { target: { value: `--epochs ${epochs.slice(0, letters)}` } });
      await pass(500);
      await settle();
      const last = asked.at(-1);
      expect(last?.what).toBe("POST /v1/estimates");
      expect((last?.body as { parameters: unknown }).parameters).toEqual({ epochs: Number(epochs) });
      expect(countOf("POST /v1/estimates")).toBe(before + 1);
      const panel = document.querySelector('[aria-label="Estimate"]') as Element;
      const price = made.estimates[0]?.price;
      expect(panel.textContent).toContain(`epochs ${epochs} of your arguments`);
      expect(amounts(panel)).toEqual([String(price?.total), String(Math.round((price?.per_minute_milli ?? 0) / 1000))]);
    });
  });
});

describe("R4: settings", () => {
  test("R4.4: a folder for the results is kept with the job when it is below where the job runs, else the page says what is wrong", async () => {
    keepDraft(withChoice(newDraft(UPLOAD, "train.py"), { offer: id(1) }));
    serve({ [`GET /v1/uploads/${UPLOAD}`]: () => upload(new Random(1)), "POST /v1/estimates": () => estimates(new Random(1)) });
    await showPage(`/new/${UPLOAD}/settings`);
    const field = screen.getByLabelText("Output folder") as HTMLInputElement;
    const go = () => screen.getByRole("button", { name: /to payment/i }) as HTMLButtonElement;
    const before = draftOf(UPLOAD)?.quoteKey;
    expect(go().textContent).toContain("Skip"); // it may be left out
    for (const [path, words] of [["/etc", "without a /"], ["out/../..", "no .."], ["out/", "one / in between"], ["a\\b", "backslash"], ["ä".repeat(101), "200 bytes"]] as const) {
      fireEvent.change(field, { target: { value: path } });
      expect([field.value, field.getAttribute("aria-invalid"), go().disabled]).toEqual([path, "true", true]);
      expect(screen.getByRole("alert").textContent).toContain(words);
      expect(draftOf(UPLOAD)?.settings).toEqual({});
    }
    fireEvent.change(field, { target: { value: "out/model" } });
    await settle();
    expect(screen.queryByRole("alert")).toBeNull();
    expect([go().disabled, go().textContent, draftOf(UPLOAD)?.settings]).toEqual([false, "To payment", { results: "out/model" }]);
    expect(draftOf(UPLOAD)?.quoteKey).toBe(before); // it takes no time
    fireEvent.change(field, { target: { value: "" } });
    expect(draftOf(UPLOAD)?.settings).toEqual({});
  });

  test("R4.4: a longest run is a number of minutes, asks for another price, and is part of it", async () => {
    keepDraft(withChoice(newDraft(UPLOAD, "train.py"), { offer: id(1) }));
    serve({ [`GET /v1/uploads/${UPLOAD}`]: () => upload(new Random(1)), "POST /v1/estimates": () => estimates(new Random(1)) });
    await showPage(`/new/${UPLOAD}/settings`);
    const field = screen.getByLabelText("Longest run, in minutes") as HTMLInputElement;
    const go = () => screen.getByRole("button", { name: /to payment/i }) as HTMLButtonElement;
    const before = draftOf(UPLOAD)?.quoteKey;
    for (const wrong of ["0", "-1", "1.5", "43201", "an hour", "123456"]) {
      fireEvent.change(field, { target: { value: wrong } });
      expect(screen.getByRole("alert").textContent).toContain("1 to 43200");
      expect([go().disabled, draftOf(UPLOAD)?.limitMs]).toEqual([true, undefined]);
    }
    fireEvent.change(field, { target: { value: "90" } });
    expect([screen.queryByRole("alert"), go().disabled, draftOf(UPLOAD)?.limitMs]).toEqual([null, false, 5_400_000]);
    expect(draftOf(UPLOAD)?.quoteKey).not.toBe(before);
    fireEvent.change(field, { target: { value: "" } });
    expect([go().disabled, draftOf(UPLOAD)?.limitMs]).toEqual([false, undefined]);
  });

  test("R4.4: a Dockerfile's image can be another, named as FROM does; nothing else has the field", async () => {
    const known = upload(new Random(1));
    let kind = "dockerfile";
    keepDraft(withChoice(newDraft(UPLOAD, "Dockerfile"), { offer: id(1) }));
    serve({ [`GET /v1/uploads/${UPLOAD}`]: () => ({ ...known, analysis: { ...known.analysis, kind } }), "POST /v1/estimates": () => estimates(new Random(1)) });
    const { unmount } = await showPage(`/new/${UPLOAD}/settings`);
    const field = screen.getByLabelText("Image") as HTMLInputElement;
    const go = () => screen.getByRole("button", { name: /to payment/i }) as HTMLButtonElement;
    const before = draftOf(UPLOAD)?.quoteKey;
    for (const wrong of ["--root=/etc", "a b", "$X", "Scratch", "x".repeat(256)]) {
      fireEvent.change(field, { target: { value: wrong } });
      expect(screen.getByRole("alert").textContent).toContain("is no image's name");
      expect([go().disabled, draftOf(UPLOAD)?.settings]).toEqual([true, {}]);
    }
    fireEvent.change(field, { target: { value: "ghcr.io/org/Image_1:3.11@sha256:00" } });
    expect(screen.queryByRole("alert")).toBeNull();
    expect([go().disabled, draftOf(UPLOAD)?.settings]).toEqual([false, { image: "ghcr.io/org/Image_1:3.11@sha256:00" }]);
    expect(draftOf(UPLOAD)?.quoteKey).not.toBe(before); // it may take another time
    unmount();
    kind = "python";
    await showPage(`/new/${UPLOAD}/settings`);
    expect(screen.getByLabelText("Output folder")).toBeTruthy();
    expect(screen.queryByLabelText("Image")).toBeNull();
  });

  test("R4.4: an image that the chosen machine does not list is said at once, however it is spelt; one by digest nobody lists", async () => {
    const known = upload(new Random(1));
    keepDraft(withChoice(newDraft(UPLOAD, "Dockerfile"), { offer: id(1) }));
    serve({
      [`GET /v1/uploads/${UPLOAD}`]: () => ({ ...known, analysis: { ...known.analysis, kind: "dockerfile" } }), "POST /v1/estimates": () => estimates(new Random(1)),
      "GET /v1/offers": () => ({ items: [offer({ id: id(1), images: ["python:3.11-slim", "debian:latest"] })], next: null }),
    });
    await showPage(`/new/${UPLOAD}/settings`);
    const field = screen.getByLabelText("Image");
    const said = (value: string) => {
      fireEvent.change(field, { target: { value } });
      return screen.queryByRole("alert")?.textContent ?? null;
    };
    for (const there of ["python:3.11-slim", "docker.io/library/python:3.11-slim", "debian", "", "python@sha256:00"]) expect(said(there), there).toBeNull();
    for (const not of ["python", "python:3.12", "org/debian"]) expect(said(not), not).toContain("This machine does not have it.");
    expect((screen.getByRole("button", { name: /to payment/i }) as HTMLButtonElement).disabled).toBe(false); // it may have it by now
  });

  test("R4.2: the variables that the program reads are offered by name until they are given", async () => {
    const known = upload(new Random(1));
    const environment = [{ name: "HF_TOKEN", needed: true, file: "train.py", line: 5 }, { name: "DATA_DIR", needed: false, file: "train.py", line: 6 }];
    keepDraft(withChoice(newDraft(UPLOAD, "train.py"), { offer: id(1) }));
    serve({ [`GET /v1/uploads/${UPLOAD}`]: () => ({ ...known, analysis: { ...known.analysis, environment } }), "POST /v1/estimates": () => estimates(new Random(1)) });
    await showPage(`/new/${UPLOAD}/settings`);
    fireEvent.click(screen.getByRole("button", { name: "HF_TOKEN, without a default" }));
    await settle();
    expect((screen.getByLabelText("Name of variable 1") as HTMLInputElement).value).toBe("HF_TOKEN");
    expect(screen.queryByRole("button", { name: /^HF_TOKEN/ })).toBeNull();
    expect(screen.getByRole("button", { name: "DATA_DIR" }).title).toBe("train.py, line 6");
  });
});
