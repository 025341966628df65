// SPDX-License-Identifier: Apache-2.0
// @vitest-environment happy-dom
import { fireEvent, screen } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";
import { terms } from "./fixtures.ts";
import { asked, ME, pass, serve, setUp, settle, showPage } from "./screen.tsx";

setUp();

/** The body in the command that a button copies. */
async function copied(button: HTMLElement): Promise<unknown> {
  const write = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
  fireEvent.click(button);
  await settle();
  const command = String(write.mock.calls.at(-1)?.[0]);
  expect(command).toContain(`'${location.origin}${button.title.replace("POST ", "")}'`);
  return JSON.parse(/-d '([^']*)'/.exec(command)?.[1] ?? "null");
}
const sent = (what: string) => asked.find((each) => each.what === what)?.body;

describe("copied as curl is what the button beside it sends", () => {
  test("play money", async () => {
    const { chain, ...rest } = terms();
    serve({
      "GET /v1/terms": () => ({ ...rest, chain: { ...chain, faucet: true } }), "POST /v1/faucet": ({ body }) => body,
      [`GET /v1/balances/${ME.identity}`]: () => ({ identity: ME.identity, balance: 0, tick: 1, age_ms: 1, stale: false }),
    });
    await showPage("/wallet");
    await pass(10);
    const body = await copied(screen.getByTitle("POST /v1/faucet"));
    fireEvent.click(screen.getByRole("button", { name: "Get play money" }));
    await pass(10);
    expect(body).toEqual({ identity: ME.identity, amount: 100_000_000 });
    expect(sent("POST /v1/faucet")).toEqual(body);
  });

  test("a code for a machine, by the name it is to have", async () => {
    serve({
      "GET /v1/workers": () => ({ items: [], next: null }), "GET /v1/offers": () => ({ items: [], next: null }),
      "POST /v1/workers/codes": () => ({ code: "C", token_id: "t", expires_at: "2026-11-25T12:15:00Z" }),
    });
    await showPage("/machines");
    await pass(10);
    fireEvent.change(screen.getByLabelText("Its name"), { target: { value: "rig" } });
    const body = await copied(screen.getByTitle("POST /v1/workers/codes"));
    fireEvent.click(screen.getByRole("button", { name: "Put a code into it" }));
    await pass(10);
    expect(body).toEqual({ valid_s: 900, label: "code for rig" });
    expect(sent("POST /v1/workers/codes")).toEqual(body);
  });
});
