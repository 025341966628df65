// SPDX-License-Identifier: Apache-2.0
// @vitest-environment happy-dom
import { cleanup, fireEvent, screen } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";
import { useAction } from "../src/lib/action.ts";
import { keepDraft, newDraft, withChoice } from "../src/lib/drafts.ts";
import { ago } from "../src/lib/units.ts";
import { Boundary } from "../src/parts/States.tsx";
import { session } from "../src/wallet/session.ts";
import { earnings, id, job, offer, terms } from "./fixtures.ts";
import { forAllTurns } from "./generate.ts";
import { asked, countOf, ME, noToasts, pass, problem, serve, setUp, settle, showPage, showPart } from "./screen.tsx";

setUp();

test("R5.7 P15: a balance that the server remembers is asked for again when that is over, and says how old it is", async () => {
  for (const age of [0, 9_999, 10_000, 21_345, 29_999]) {
    serve({ [`GET /v1/balances/${ME.identity}`]: () => ({ identity: ME.identity, balance: 7, tick: 1, age_ms: age, stale: false }), "GET /v1/jobs": () => ({ items: [], next: null }), "GET /v1/earnings": () => ({ ...earnings(), total: 0, uptime: { ...earnings().uptime, hosts: 0 } }) });
    await showPage("/");
    const what = `GET /v1/balances/${ME.identity}`;
    expect(document.querySelector(".tiles dt")?.textContent).toBe(age < 10_000 ? "In the wallet" : `In the wallet, ${ago(age)}`);
    const before = countOf(what);
    await pass(Math.max(1000, 30_000 - age) - 100);
    expect(countOf(what)).toBe(before);
    await pass(700);
    expect(countOf(what)).toBe(before + 1);
    cleanup();
  }
});

describe("R17: buttons", () => {
  test("what is clicked again while it is at it is not done again; when it is over, however it ended, it may be", async () => {
    let end = (_: boolean) => undefined as void;
    let begun = 0;
    function Button() {
      const action = useAction({ mutationFn: () => new Promise<void>((done, failed) => {
        begun++;
        end = (good) => (good ? done() : failed(new Error("no")));
      }) });
      return <button type="button" onClick={() => action.mutate()}>Go</button>;
    }
    showPart(<Button />);
    await forAllTurns(async (random) => {
      const before = begun;
      for (let click = 0; click <= random.below(4); click++) fireEvent.click(screen.getByText("Go"));
      await settle();
      for (let click = 0; click < random.below(3); click++) fireEvent.click(screen.getByText("Go"));
      expect(begun).toBe(before + 1);
      end(random.below(2) === 0);
      await settle();
    });
  });
  test("cancelling asks first, and what is clicked twice is cancelled once", async () => {
    serve({ [`GET /v1/jobs/${id(5)}`]: () => job(), "GET /v1/offers": () => ({ items: [offer()], next: null }), "GET /v1/terms": () => terms(), [`POST /v1/jobs/${id(5)}/cancel`]: () => job({ status: "cancelled" }) });
    await showPage(`/jobs/${id(5)}`);
    const cancel = `POST /v1/jobs/${id(5)}/cancel`;
    fireEvent.click(screen.getByRole("button", { name: "Cancel…" }));
    await settle();
    expect([countOf(cancel), screen.getByRole("dialog").textContent?.includes("Comes back")]).toEqual([0, true]);
    fireEvent.click(screen.getByRole("button", { name: "Cancel the job" }));
    fireEvent.click(screen.getByRole("button", { name: "Cancel the job" }));
    await pass(100);
    expect(countOf(cancel)).toBe(1);
    await noToasts();
  });
});

describe("R17: what is not there yet, and what broke", () => {
  const PAGES = ["/", "/jobs", "/market", "/machines", "/earnings", "/earnings/statement", "/money", "/events", "/estimates", "/status", "/settings", "/wallet", `/jobs/${id(5)}`, `/new/${id(7)}/offers`, `/new/${id(7)}/pay`, `/settings/webhooks/${id(1)}`];
  test("on every page what is still asked for has its shape, and says to who listens that it is loading", async () => {
    keepDraft(withChoice(newDraft(id(7), "train.py"), { offer: id(1) }));
    serve(new Proxy({}, { get: () => () => new Promise(() => undefined) })); // no answer ever comes
    for (const path of PAGES) {
      await showPage(path);
      expect(document.querySelectorAll(".skeleton[role=status][aria-label=Loading]").length, path).toBeGreaterThan(0);
      expect(document.querySelector(".error-panel"), path).toBeNull();
      cleanup();
    }
  });
  test("a server that refuses, or does not answer, is said on every page, with what is safe or what to do; the frame stands, and nothing is thrown", async () => {
    keepDraft(withChoice(newDraft(id(7), "train.py"), { offer: id(1) }));
    for (const answer of [() => problem(409, "not_now", "the ledger is being counted"), () => Promise.reject(new TypeError("no network"))]) {
      serve(new Proxy({}, { get: () => answer }));
      for (const path of PAGES.filter((each) => each !== "/")) {
        await showPage(path);
        await pass(9500); // asked again, while that may help
        expect(document.querySelectorAll('[role="alert"]').length, path).toBeGreaterThan(0);
        expect(document.querySelector("nav.rail"), path).not.toBeNull();
        cleanup();
      }
    }
    expect(asked.length).toBeGreaterThan(20);
  });
  test("one panel that breaks leaves the others standing, and is drawn again when asked", async () => {
    let broken = true;
    const quiet = vi.spyOn(console, "error").mockImplementation(() => undefined);
    function Panel() {
      if (broken) throw new Error("a fault of the page");
      return <p>Whole again</p>;
    }
    showPart(<><Boundary><Panel /></Boundary><Boundary><p>The other one</p></Boundary></>);
    expect(screen.getByText("The other one")).toBeTruthy();
    expect(screen.getByRole("alert").textContent).toContain("a fault of the page");
    expect(screen.getByRole("alert").textContent).toContain("do not depend on it");
    broken = false;
    fireEvent.click(screen.getByRole("button", { name: "Try again" }));
    await settle();
    expect(screen.getByText("Whole again")).toBeTruthy();
    quiet.mockRestore();
  });
  test("an earnings list of a hundred jobs at once is whole", async () => {
    const active = Array.from({ length: 100 }, (_, n) => ({ job_id: id(n), earned: n, since: "2026-11-25T11:00:00Z", reported_at: null, rate: 3600, cap: 10 ** 6, used_ms: n }));
    serve({ "GET /v1/earnings": () => ({ ...earnings(), active }), "GET /v1/transactions": () => ({ items: [], next: null }) });
    expect(session.get()).not.toBeNull();
    await showPage("/earnings");
    expect(document.querySelectorAll('[data-testid="active"]')).toHaveLength(100);
  });
});
