// SPDX-License-Identifier: Apache-2.0
// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";
import { id, job, type Job, offer } from "./fixtures.ts";
import { asked, countOf, pass, problem, serve, setUp, settle, showPage, type Answers } from "./screen.tsx";

setUp();

const RATING = `POST /v1/jobs/${job().id}/rating`;
const over = (change: Partial<Job> = {}): Job => job({ status: "completed", permille: 1000, gross: 100_000, refund: 900_000, ended_at: "2026-11-25T12:00:05Z", settled: true, ...change });
const stops = [{ sequence: 10, at: "2026-11-25T12:00:00Z", type: "job.started" }, { sequence: 20, at: "2026-11-25T12:00:05Z", type: "job.completed" }];

async function page(now: () => Job, more: Answers = {}, timeline: () => typeof stops = () => stops) {
  const empty = () => ({ items: [], next: null });
  const path = `GET /v1/jobs/${job().id}`;
  serve({ [path]: now, [`${path}/timeline`]: () => ({ items: timeline(), next: null }), [`${path}/metrics`]: empty, [`${path}/output`]: () => ({ items: [], next: null, last_line: 0 }), [`${path}/results`]: empty, "GET /v1/offers": () => ({ items: [offer()], next: null }), ...more });
  await showPage(`/jobs/${job().id}`);
  await settle();
}
const form = () => document.querySelector('section[aria-label="Rating"] form');
const send = () => screen.getByRole("button", { name: "Send the rating" }) as HTMLButtonElement;

describe("the rating", () => {
  test("stars are a labelled group of radio buttons; nothing is sent before one is chosen; two clicks send it once, a toast says so, and it stays shown", async () => {
    let stars = 0;
    let answer: (value: unknown) => void = () => undefined;
    await page(() => over({ stars }), { [RATING]: () => new Promise((done) => (answer = done)) });
    const radios = screen.getAllByRole("radio") as HTMLInputElement[];
    expect(radios.map((each) => each.getAttribute("aria-label"))).toEqual(["1 star, bad", "2 stars, poor", "3 stars, fair", "4 stars, good", "5 stars, very good"]);
    expect(new Set(radios.map((each) => each.name))).toEqual(new Set(["stars"])); // so the arrow keys go from one to the other
    expect(screen.getByRole("group", { name: "How was it?" }).contains(radios[0] as HTMLElement)).toBe(true);
    expect([send().disabled, screen.queryByTitle(/rating$/)]).toEqual([true, null]);
    fireEvent.click(radios[3] as HTMLElement);
    fireEvent.change(screen.getByLabelText("Comment, if you like"), { target: { value: " Quick, and quiet. " } });
    expect([send().disabled, document.querySelectorAll(".star.on").length]).toEqual([false, 4]);
    const copied = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
    fireEvent.click(screen.getByTitle(`POST /v1/jobs/${job().id}/rating`));
    fireEvent.click(send());
    fireEvent.click(send());
    await settle();
    expect(countOf(RATING)).toBe(1);
    const sent = asked.find((each) => each.what === RATING);
    expect(sent?.body).toEqual({ stars: 4, comment: "Quick, and quiet." });
    expect(copied.mock.calls[0]?.[0]).toContain(`-d '{"stars":4,"comment":"Quick, and quiet."}'`);
    expect(copied.mock.calls[0]?.[0]).toContain(`Idempotency-Key: ${sent?.key}`);
    stars = 4;
    await act(() => Promise.resolve(answer(over({ stars }))));
    await settle();
    await pass(300);
    expect(screen.getByText("You gave 4 stars, good")).toBeTruthy();
    expect([screen.getByTestId("stars").textContent, document.querySelectorAll(".star.on").length, form()]).toEqual(["4 stars, good", 4, null]);
  });

  test("a comment of another day is read from its event", async () => {
    const events = `GET /v1/jobs/${job().id}/events`;
    const rated = { id: "30", type: "job.rated", subject: `job:${job().id}`, time: "2026-11-25T12:00:09Z", data: { stars: 2, comment: "Slow." } };
    await page(() => over({ stars: 2 }), { [events]: ({ query }) => ({ items: query.get("after") === "29" ? [rated] : [], next: null }) }, () => [...stops, { sequence: 30, at: rated.time, type: rated.type }]);
    await settle();
    await pass(10);
    expect([screen.getByTestId("stars").textContent, document.querySelector("blockquote")?.textContent]).toEqual(["2 stars, poor", "Slow."]);
  });

  test("a comment that the server would find too long is not sent: it is counted in bytes, as there", async () => {
    await page(() => over());
    fireEvent.click(screen.getByRole("radio", { name: /^1 star/ }));
    const type = (text: string) => fireEvent.change(screen.getByRole("textbox", { name: /^Comment/ }), { target: { value: text } });
    type(`${"é".repeat(500)} `); // a space at the end is not sent
    expect([send().disabled, screen.queryByText(/At most/)]).toEqual([false, null]);
    type("é".repeat(501));
    expect([send().disabled, screen.getByText(/At most/).textContent]).toEqual([true, "At most 1000 bytes; these are 1002."]);
  });

  test("refused, it says why and nothing of it is lost; the same is sent again under the same key, another one under another", async () => {
    await page(() => over(), { [RATING]: () => problem(503, "shedding", "too much is asked at once") });
    fireEvent.click(screen.getByRole("radio", { name: /^1 star/ }));
    const turn = async () => {
      fireEvent.click(send());
      await settle();
      await pass(10);
    };
    await turn();
    expect(screen.getByText("too much is asked at once")).toBeTruthy();
    await turn();
    fireEvent.click(screen.getByRole("radio", { name: /^2 stars/ }));
    await turn();
    const keys = asked.filter((each) => each.what === RATING).map((each) => each.key);
    expect([keys.length, keys[0] === keys[1], keys[1] === keys[2]]).toEqual([3, true, false]);
  });

  test("only what ran, has ended and is one's own is rated", async () => {
    for (const change of [{ status: "running", ended_at: null }, { status: "cancelled", started_at: null }, { account_id: id(99) }] as const) {
      await page(() => over(change));
      expect(document.querySelector(".page.job"), JSON.stringify(change)).not.toBeNull();
      expect(document.querySelector('section[aria-label="Rating"]'), JSON.stringify(change)).toBeNull();
      cleanup();
    }
  });
});
