// SPDX-License-Identifier: Apache-2.0
// @vitest-environment happy-dom
import { act, cleanup, fireEvent, screen, within } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";
import type * as z from "zod/mini";
import type { Attempt, webhook } from "../src/api/webhooks.ts";
import { answerWords, bodyOf, hookName, HOOKS_MAX, TYPES, typeWords, URL_MAX, whyWords, wrongUrl } from "../src/lib/webhooks.ts";
import { id, terms } from "./fixtures.ts";
import { forAll, forAllTurns } from "./generate.ts";
import { asked, countOf, noToasts, pass, problem, serve, setUp, settle, showPage } from "./screen.tsx";

setUp();

type Hook = z.input<typeof webhook>;
const hook = (change: Partial<Hook> = {}): Hook => ({
  id: id(1), url: "https://example.org/tally", topics: ["all"], types: ["job.completed"], label: "accounting", created_at: "2026-11-25T11:00:00Z", status: "active", cursor: 40, failures: 0,
  failing_since: null, next_try_at: null, paused_at: null, paused_because: null, secret_version: 1, rotated_at: null, ...change,
});
const attempt = (change: Partial<Attempt> = {}): Attempt => ({ at: "2026-11-25T11:59:00Z", kind: "delivery", sequence: 41, number: 1, ms: 12, status: 204, good: true, error: "", ...change });
const secret = (letter: string) => `whsec_${letter.repeat(43)}=`;
const toasts = () => [...document.querySelectorAll("[data-sonner-toast]")].map((each) => each.textContent ?? "");
const click = async (name: RegExp | string) => {
  fireEvent.click(screen.getByRole("button", { name }));
  await settle();
};

describe("webhooks, in words", () => {
  test("an address is judged as the server does: https, or this machine on a local chain; what is wrong says what would do", () => {
    for (const [url, isLocal, good] of [["https://example.org/x", false, true], ["http://example.org/x", false, false], ["http://example.org/x", true, false], ["http://127.0.0.1:9/x", true, true], ["http://localhost/x", true, true],
      ["http://[::1]:9/", true, true], ["http://127.0.0.1:9/x", false, false], ["ftp://example.org", true, false], ["", true, false], ["example.org", false, false], ["https://me:pw@example.org/", false, false],
      [`https://example.org/${"x".repeat(URL_MAX)}`, false, false]] as const) {
      const wrong = wrongUrl(url, isLocal);
      expect([url, isLocal, wrong === ""]).toEqual([url, isLocal, good]);
      if (!good && !url.includes("@") && url.length < URL_MAX) expect(wrong).toContain("https://");
    }
  });
  test("what is asked for is what was chosen, and no more", () => {
    forAll((random) => ({ about: random.pick(["all", "job", "marketplace", "chain"] as const), types: TYPES.flatMap(([, all]) => all).filter(() => random.below(3) === 0), label: random.pick(["", "  ", "books"]), past: random.below(2) === 0 }), (wanted) => {
      const body = bodyOf({ ...wanted, url: " https://example.org ", job: ` ${id(4)} ` });
      expect(body).toEqual({
        url: "https://example.org", topics: [wanted.about === "job" ? `job:${id(4)}` : wanted.about], ...(wanted.types.length > 0 && { types: wanted.types }),
        ...(wanted.label.trim() !== "" && { label: "books" }), ...(wanted.past && { after: 0 }),
      });
    });
    expect([typeWords([]), typeWords(["a", "b", "c"]), typeWords(["a", "b", "c", "d"])]).toEqual(["every event", "a, b, c", "a, b and 2 more"]);
    expect([hookName({ label: "", url: "https://example.org/" }), hookName({ label: "", url: "https://example.org/x" }), hookName({ label: "books", url: "x" }), hookName({ label: "", url: "no" })]).toEqual(["example.org", "example.org/x", "books", "no"]);
  });
  test("every attempt that failed says why; none that was taken does", () => {
    forAll((random) => ({ status: random.pick([0, 200, 204, 299, 301, 400, 401, 404, 410, 500, 503]), error: random.pick(["", "connection refused"]) }), ({ status, error }) => {
      const good = status >= 200 && status < 300;
      expect(whyWords({ status, good, error }) === "").toBe(good);
      expect(answerWords({ status })).toBe(status === 0 ? "No answer" : String(status));
    });
    expect(whyWords({ status: 0, good: false, error: "connection refused" })).toBe("connection refused");
  });
});

describe("R17: webhooks in the settings", () => {
  const base = { "GET /v1/auth/tokens": () => ({ items: [], next: null }), "GET /v1/terms": () => terms() };

  test("they are listed with address, state and events; none yet says what they are for; a server that is away says so and is asked again", async () => {
    let answer: unknown = { items: [hook(), hook({ id: id(2), label: "", url: "https://other.example/in", status: "failing", types: [], topics: ["chain"] }), hook({ id: id(3), label: "old", status: "paused" })] };
    serve({ ...base, "GET /v1/webhooks": () => answer });
    await showPage("/settings");
    const rows = within(screen.getByRole("region", { name: "All webhooks" })).getAllByRole("row").slice(1).map((row) => row.textContent ?? "");
    expect(rows).toHaveLength(3);
    for (const [index, words] of [["accounting", "https://example.org/tally", "Active", "job.completed", "everything of mine", "#40"], ["other.example/in", "Failing", "every event", "the chain"], ["old", "Paused"]].entries()) for (const word of words) expect(rows[index]).toContain(word);
    cleanup();
    answer = { items: [] };
    await showPage("/settings");
    expect(screen.getByText("No webhook yet")).toBeTruthy();
    cleanup();
    answer = problem(409, "not_now", "webhooks are being counted");
    await showPage("/settings");
    const card = within(document.querySelector('section[aria-label="Webhooks"]') as HTMLElement);
    expect(card.getByText("webhooks are being counted")).toBeTruthy();
    answer = { items: [hook()] };
    fireEvent.click(card.getByRole("button", { name: "Try again" }));
    await settle();
    expect(screen.getByRole("link", { name: "accounting" })).toBeTruthy();
    cleanup();
    answer = { items: Array.from({ length: HOOKS_MAX }, (_, n) => hook({ id: id(n) })) };
    await showPage("/settings");
    expect((screen.getByRole("button", { name: "New webhook" }) as HTMLButtonElement).disabled).toBe(true);
  });

  test("a new one: a bad address cannot be sent and says why; the secret is shown once, and stays until it is kept; a request that got lost is repeated as the same", async () => {
    let lost = true;
    const bodies: unknown[] = [];
    serve({ ...base, "GET /v1/webhooks": () => ({ items: [] }), "POST /v1/webhooks": ({ body }) => {
      bodies.push(body);
      if (lost) throw new TypeError("no network");
      return { webhook: hook(), secret: secret("A") };
    } });
    await showPage("/settings");
    await click("New webhook");
    const make = () => screen.getByRole("button", { name: "Make the webhook" }) as HTMLButtonElement;
    const address = screen.getByLabelText(/^Address/);
    expect(make().disabled).toBe(true);
    fireEvent.change(address, { target: { value: "http://example.org" } });
    fireEvent.blur(address);
    expect(make().disabled).toBe(true);
    expect(screen.getByText(/^Deliveries go to https/)).toBeTruthy();
    fireEvent.change(address, { target: { value: "https://example.org/tally" } });
    await click("Some kinds");
    fireEvent.click(screen.getByLabelText("payout.confirmed"));
    fireEvent.click(screen.getByLabelText("job.completed"));
    await click("Make the webhook");
    expect(screen.getByRole("alert").textContent).toContain("The server does not answer");
    lost = false;
    await click("Make the webhook");
    await settle();
    expect(bodies).toEqual([0, 1].map(() => ({ url: "https://example.org/tally", topics: ["all"], types: ["job.failed", "payout.confirmed"] })));
    const keys = asked.filter((each) => each.what === "POST /v1/webhooks").map((each) => each.key);
    expect(keys[0]).toBeTruthy();
    expect(keys[1]).toBe(keys[0]);
    expect(screen.getByTestId("secret").textContent).toBe(secret("A"));
    fireEvent.keyDown(document.activeElement ?? document.body, { key: "Escape" });
    await settle();
    expect(screen.queryByTestId("secret")).not.toBeNull(); // not by accident
    fireEvent.click(screen.getByLabelText("I have put it where it belongs"));
    await click("Done");
    expect(document.body.textContent).not.toContain(secret("A"));
  });
});

describe("R17: a webhook's page", () => {
  const at = `/settings/webhooks/${id(1)}`;
  const path = `/v1/webhooks/${id(1)}`;
  async function showHook(): Promise<void> {
    await showPage(at);
    await pass(20); // its attempts are asked for when it is there
  }

  test("of every list of attempts each is shown with its answer, time and reason, newest first; what is an event may be sent once more", async () => {
    let list: Attempt[] = [];
    serve({ [`GET ${path}`]: () => hook(), [`GET ${path}/attempts`]: () => ({ items: list }) });
    await showHook();
    expect(screen.getByText("Nothing was sent yet")).toBeTruthy();
    await forAllTurns(async (random) => {
      list = Array.from({ length: random.below(33) }, (_, n) => {
        const status = random.pick([0, 200, 204, 302, 404, 410, 500]);
        const kind = random.pick(["delivery", "resend", "test"] as const);
        return attempt({ kind, status, good: status >= 200 && status < 300, error: status === 0 ? "connection refused" : "", sequence: kind === "test" ? 0 : 100 - n, number: 1 + random.below(4), ms: random.below(15_000) });
      });
      vi.setSystemTime(Date.parse("2026-11-25T12:00:00Z"));
      await pass(5001); // it looks by itself
      const rows = [...document.querySelectorAll("#attempts tbody tr")];
      expect(rows).toHaveLength(list.length);
      list.forEach((each, index) => {
        const text = rows[index]?.textContent ?? "";
        expect(text).toContain(answerWords(each));
        expect(text).toContain("1 min ago");
        if (!each.good) expect(text).toContain(whyWords(each));
        expect(rows[index]?.querySelector("button") !== null).toBe(each.sequence > 0);
      });
      if (list.length === 0) expect(screen.getByText("Nothing was sent yet")).toBeTruthy();
    });
  });

  test("a test and a resend say how they went, and the list is asked anew", async () => {
    const items = [attempt({ status: 0, good: false, error: "connection refused" })];
    serve({
      [`GET ${path}`]: () => hook(), [`GET ${path}/attempts`]: () => ({ items }),
      [`POST ${path}/test`]: () => attempt({ kind: "test", sequence: 0 }), [`POST ${path}/resend`]: () => attempt({ kind: "resend", status: 500, good: false }),
    });
    await showHook();
    let before = countOf(`GET ${path}/attempts`);
    await click("Send a test");
    await pass(100);
    expect(toasts().some((text) => text.includes("The test was taken: 204"))).toBe(true);
    expect(countOf(`GET ${path}/attempts`)).toBeGreaterThan(before);
    before = countOf(`GET ${path}/attempts`);
    await click("Resend event 41");
    await pass(100);
    expect(asked.find((each) => each.what === `POST ${path}/resend`)?.body).toEqual({ sequence: 41 });
    expect(toasts().some((text) => text.includes("Event #41 was not taken: 500"))).toBe(true);
    expect(countOf(`GET ${path}/attempts`)).toBeGreaterThan(before);
    await noToasts();
  });

  test("a new secret asks first, is shown once, with until when the old one counts; deleting asks first and says what stays", async () => {
    serve({
      [`GET ${path}`]: () => hook(), [`GET ${path}/attempts`]: () => ({ items: [] }), "GET /v1/webhooks": () => ({ items: [] }), "GET /v1/auth/tokens": () => ({ items: [], next: null }),
      [`POST ${path}/rotate`]: () => ({ secret: secret("B"), secret_version: 2, old_until: "2026-11-26T12:00:00Z" }), [`DELETE ${path}`]: () => ({ deleted: true }),
    });
    await showHook();
    await click("New secret…");
    await click("Keep the old one");
    expect(countOf(`POST ${path}/rotate`)).toBe(0);
    await click("New secret…");
    await click("Make a new one");
    await settle();
    expect(screen.getByTestId("secret").textContent).toBe(secret("B"));
    expect(screen.getByRole("dialog").textContent).toMatch(/Until .*2026.* signed with the old one, too/);
    fireEvent.click(screen.getByLabelText("I have put it where it belongs"));
    await click("Done");
    await click("Delete…");
    expect(screen.getByRole("dialog").textContent).toContain("everything up to event #40");
    await click("Keep it");
    expect(countOf(`DELETE ${path}`)).toBe(0);
    await click("Delete…");
    await click("Delete it");
    await act(() => pass(10));
    await settle();
    expect(countOf(`DELETE ${path}`)).toBe(1);
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Settings");
    await noToasts();
  });

  test("one that fails says since when and when it is tried again; one that is paused says why, that nothing is lost, and goes on when asked", async () => {
    let now = hook({ status: "failing", failures: 3, failing_since: "2026-11-25T11:50:00Z", next_try_at: "2026-11-25T12:00:40Z" });
    serve({ [`GET ${path}`]: () => now, [`GET ${path}/attempts`]: () => ({ items: [] }), [`POST ${path}/resume`]: () => (now = hook()) });
    await showHook();
    const state = () => document.querySelector(".outcome")?.textContent ?? "";
    expect(state()).toContain("3 attempts failed, since 10 min ago. It is tried again in 40 s.");
    now = hook({ status: "paused", failures: 9, paused_at: "2026-11-25T11:59:00Z", paused_because: "410 Gone" });
    await pass(5100);
    expect(state()).toContain("410 Gone");
    expect(state()).toContain("every event since #40");
    await click("Go on");
    await settle();
    expect(document.querySelector(".outcome")).toBeNull();
    expect(screen.getByText("Active")).toBeTruthy();
    await noToasts();
  });

  test("one that is not there says so and leads back", async () => {
    serve({ [`GET ${path}`]: () => problem(404, "no_such_webhook", "you have no such webhook") });
    await showHook();
    expect(screen.getByText("You have no such webhook")).toBeTruthy();
    expect(screen.getByRole("link", { name: "To the settings" }).getAttribute("href")).toBe("/settings");
  });
});
