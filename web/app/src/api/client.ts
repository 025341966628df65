// SPDX-License-Identifier: Apache-2.0
// One request to our own server. What goes wrong is a Problem: the server's own words (RFC 9457), or ours when there was no answer.
import type * as z from "zod/mini";
import { problem as problemSchema } from "./schema.ts";

export class Problem extends Error {
  override readonly name = "Problem";
  constructor(
    readonly status: number, // 0: there was no answer
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly errors: readonly { pointer: string; detail: string }[] = [],
  ) {
    super(detail || title);
  }
  /** Asking again may help, and does nothing twice. */
  get mayRetry(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export const noAnswer = (): Problem =>
  new Problem(0, "no_answer", "The server does not answer", "It may be restarting, or you are offline. Nothing is lost: what was accepted is in the log.");

export interface Ask {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly body?: unknown;
  readonly token?: string | undefined;
  /** Idempotency-Key: asked again with the same, the first answer comes again. */
  readonly key?: string;
  /** If-Match: write only over what has this tag. */
  readonly over?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export function problemOf(status: number, body: unknown): Problem {
  const read = problemSchema.safeParse(body);
  if (!read.success) return new Problem(status, "unreadable", `The server answered ${status}`, "without saying why.");
  const { title, code, detail, errors } = read.data;
  return new Problem(status, code, title, detail, errors);
}

export async function ask<T extends z.ZodMiniType>(path: string, schema: T, { method = "GET", body, token, key, over, signal }: Ask = {}): Promise<z.infer<T>> {
  const headers: Record<string, string> = {};
  if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key !== undefined) headers["Idempotency-Key"] = key;
  if (over !== undefined) headers["If-Match"] = over;
  let answer: Response;
  let json: unknown;
  try {
    answer = await fetch(path, { method, headers, signal: signal ?? null, body: body === undefined ? null : JSON.stringify(body) });
    json = await answer.json();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw noAnswer();
  }
  if (!answer.ok) throw problemOf(answer.status, json);
  const read = schema.safeParse(json);
  if (!read.success) {
    const issue = read.error.issues[0];
    throw new Problem(answer.status, "unexpected", "The server's answer is not what this page knows",
      `${path.split("?")[0]}: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}. Reload the page: it may be older than the server.`);
  }
  return read.data as z.infer<T>;
}
