// SPDX-License-Identifier: Apache-2.0
// @vitest-environment happy-dom
import { useQuery } from "@tanstack/react-query";
import { act, cleanup, fireEvent, screen } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import { getOffers } from "../src/api/routes.ts";
import { ago } from "../src/lib/units.ts";
import { Refresh } from "../src/parts/Refresh.tsx";
import { earnings, job, offer } from "./fixtures.ts";
import { forAllTurns, type Random } from "./generate.ts";
import { countOf, noToasts, pass, problem, serve, setUp, settle, showPage, showPart } from "./screen.tsx";

setUp();

function Machines() {
  const offers = useQuery({ queryKey: ["offers"], queryFn: ({ signal }) => getOffers(signal) });
  return <><Refresh query={offers} what="Machines" /><p data-testid="shown">{offers.data?.items[0]?.model}</p></>;
}
const page = (model: string) => ({ items: [offer({ model })], next: null });
const button = () => document.querySelector('button[aria-label="Refresh machines"]') as HTMLButtonElement;
const toasts = () => [...document.querySelectorAll("[data-sonner-toast]")].map((each) => each.textContent ?? "");

describe("R13 R17: refreshing", () => {
  test("P46 P47 P48: every click asks anew, spins until it is answered, and then shows the data and says so", async () => {
    await forAllTurns(async (random: Random) => {
      let answer = (_: unknown) => undefined as void;
      let version = 0;
      serve({ "GET /v1/offers": () => (version++ === 0 ? page("0") : new Promise((resolve) => (answer = resolve))) });
      showPart(<Machines />);
      await settle();
      for (let click = 1; click <= 1 + random.below(3); click++) {
        await pass(random.below(9) * 1000); // within what is still good, too
        const before = countOf("GET /v1/offers");
        fireEvent.click(button());
        await settle();
        expect(countOf("GET /v1/offers")).toBe(before + 1);
        expect(button().querySelector(".spin")).not.toBeNull();
        expect(button().disabled).toBe(true);
        expect(screen.getByTestId("shown").textContent).toBe(String(click - 1)); // what was there stays
        await pass(random.below(5000));
        act(() => answer(page(String(click))));
        await settle();
        expect(screen.getByTestId("shown").textContent).toBe(String(click));
        expect(button().querySelector(".spin")).toBeNull();
        expect(toasts().some((text) => text.includes("Machines refreshed"))).toBe(true);
        await noToasts();
      }
      cleanup();
    });
  });

  test("R13.4: what goes wrong is said with a Retry, which asks again; what was shown stays", async () => {
    let broken = false;
    serve({ "GET /v1/offers": () => (broken ? problem(409, "not_now", "the market is being counted") : page("first")) });
    showPart(<Machines />);
    await settle();
    broken = true;
    fireEvent.click(button());
    await settle();
    await pass(100);
    expect(toasts().some((text) => text.includes("the market is being counted"))).toBe(true);
    expect(screen.getByTestId("shown").textContent).toBe("first");
    broken = false;
    const before = countOf("GET /v1/offers");
    fireEvent.click(screen.getByRole("button", { name: "Retry" }));
    await settle();
    await pass(100);
    expect(countOf("GET /v1/offers")).toBe(before + 1);
    expect(toasts().some((text) => text.includes("Machines refreshed"))).toBe(true);
    await noToasts();
  });

  test("P49 P50: the age of what is shown counts by the second; after thirty it is asked for again by itself, and again", async () => {
    await forAllTurns(async (random: Random) => {
      serve({ "GET /v1/offers": () => page("x") });
      showPart(<Machines />);
      await settle();
      let waited = 500; // between two ticks of the clock
      await pass(waited);
      for (let step = 0; step < 6; step++) {
        const more = 1000 * (1 + random.below(20));
        const before = countOf("GET /v1/offers");
        await pass(more);
        const turns = Math.floor((waited + more) / 30_000) - Math.floor(waited / 30_000);
        waited += more;
        expect(countOf("GET /v1/offers") - before).toBe(turns);
        expect(screen.getByText(/Last updated/).textContent).toBe(`Last updated ${ago((waited % 30_000) - 500)}`);
      }
      cleanup();
    });
  });

  test("R13.1 R13.2 R13.3 R13.5 R13.6: the market, the jobs and the earnings have it", async () => {
    serve({
      "GET /v1/offers": () => page("RTX 4090"), "GET /v1/jobs": () => ({ items: [job()], next: null }), "GET /v1/earnings": () => earnings(),
      "GET /v1/transactions": () => ({ items: [], next: null }),
    });
    for (const [path, route, name] of [["/market", "/v1/offers", /^Refresh market/], ["/jobs", "/v1/jobs", /^Refresh jobs/], ["/earnings", "/v1/earnings", /^Refresh earnings/]] as const) {
      await showPage(path);
      const refresh = screen.getByRole("button", { name });
      expect(screen.getByText(/Last updated/), path).toBeTruthy();
      const before = countOf(`GET ${route}`);
      fireEvent.click(refresh);
      await settle();
      expect(countOf(`GET ${route}`), path).toBe(before + 1);
      await pass(31_000);
      expect(countOf(`GET ${route}`), path).toBeGreaterThan(before + 1);
      cleanup();
    }
  });
});
