// SPDX-License-Identifier: Apache-2.0
// Pages and parts in a document without a browser (happy-dom), with a server whose answers the test gives and a clock that it moves.
import { QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, createRouter, RouterProvider } from "@tanstack/react-router";
import { act, cleanup, render } from "@testing-library/react";
import { toast, Toaster } from "sonner";
import { afterEach, beforeEach, vi } from "vitest";
import { newQueries } from "../src/api/queries.ts";
import { router } from "../src/router.tsx";
import { session } from "../src/wallet/session.ts";

export interface Asked {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  /** Idempotency-Key. */
  readonly key: string | null;
}
type Answer = (asked: Asked) => unknown;
/** Answers by "GET /v1/jobs"; a Response is sent as it is, a promise when it is ready, all else as JSON. What has no answer is 404. */
export type Answers = Record<string, Answer>;

export const problem = (status: number, code: string, detail: string) =>
  Response.json({ type: "about:blank", title: "Problem", status, code, detail }, { status, headers: { "Content-Type": "application/problem+json" } });

export const asked: (Asked & { readonly what: string })[] = [];
export const countOf = (what: string): number => asked.filter((each) => each.what === what).length;

export function serve(answers: Answers): void {
  vi.stubGlobal("fetch", async (input: string, init: RequestInit = {}) => {
    const url = new URL(input, "http://tally.test");
    const what = `${init.method ?? "GET"} ${url.pathname}`;
    const request = { path: url.pathname, query: url.searchParams, body: typeof init.body === "string" ? (JSON.parse(init.body) as unknown) : null, key: new Headers(init.headers).get("Idempotency-Key") };
    asked.push({ ...request, what });
    const answer = await answers[what]?.(request);
    return answer instanceof Response ? answer : answer === undefined ? problem(404, "not_found", `${what} is not served here`) : Response.json(answer);
  });
}

export const ME = { token: "t", tokenId: "i", accountId: "01a213c8-803d-72a4-b537-1277fe812081", identity: "A".repeat(60), scopes: ["consumer", "provider"] };

/** Parts that ask nothing of the address. */
export function showPart(part: React.ReactNode) {
  return render(<QueryClientProvider client={newQueries()}>{part}<Toaster /></QueryClientProvider>);
}

/** The page at an address, its code loaded. */
export async function showPage(path: string) {
  const own = createRouter({ routeTree: router.routeTree, history: createMemoryHistory({ initialEntries: [path] }) });
  const screen = render(<QueryClientProvider client={newQueries()}><RouterProvider router={own as unknown as typeof router} /></QueryClientProvider>);
  await settle();
  await vi.dynamicImportSettled();
  await settle();
  return screen;
}

/** What is answered is shown; the clock stands. */
export const settle = () => act(() => vi.advanceTimersByTimeAsync(0));
export const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

/** Of what was said so far: they go after seconds, and here seconds do not pass. */
export async function noToasts(): Promise<void> {
  toast.dismiss();
  await pass(300);
}

/** In a file's beginning: a moved clock, somebody signed in, nothing left of the test before. */
export function setUp(): void {
  beforeEach(() => {
    vi.useFakeTimers({ now: Date.parse("2026-11-25T12:00:00Z") });
    session.set(ME);
    asked.length = 0;
    if (typeof ResizeObserver === "undefined") throw new Error("expected happy-dom: begin the file with // @vitest-environment happy-dom");
  });
  afterEach(() => {
    cleanup();
    session.set(null);
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });
}
