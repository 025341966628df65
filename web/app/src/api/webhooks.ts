// SPDX-License-Identifier: Apache-2.0
// Webhooks of the account: what is sent where, how that went, and what may be done about it.
import * as z from "zod/mini";
import type { Body, Schema } from "./contract.ts";
import { del, get, post } from "./routes.ts";

const text = z.string();
const time = z.nullable(z.string());
const count = z.number();

export const hookStates = ["active", "failing", "paused"] as const;
export const webhook = z.object({
  id: text, url: text, topics: z.array(text), types: z.array(text), label: text, created_at: text, status: z.enum(hookStates), cursor: count, failures: count,
  failing_since: time, next_try_at: time, paused_at: time, paused_because: z.nullable(text), secret_version: count, rotated_at: time,
});
export type Webhook = z.infer<typeof webhook>;
const attempt = z.object({ at: time, kind: z.enum(["delivery", "resend", "test"]), sequence: count, number: count, ms: count, status: count, good: z.boolean(), error: text });
export type Attempt = z.infer<typeof attempt>;
const newWebhook = z.object({ webhook, secret: text });
const rotated = z.object({ secret: text, secret_version: count, old_until: time });
export type EventType = Schema["Event"]["type"];

export const getWebhooks = async (signal?: AbortSignal) => (await get("/v1/webhooks", z.object({ items: z.array(webhook) }), {}, { signal })).items;
export const getWebhook = (id: string, signal?: AbortSignal) => get("/v1/webhooks/{id}", webhook, { id }, { signal });
export const getAttempts = async (id: string, signal?: AbortSignal) => (await get("/v1/webhooks/{id}/attempts", z.object({ items: z.array(attempt) }), { id }, { signal })).items;
/** Asked again with the same key, the same webhook with the same secret comes again. */
export const makeWebhook = (body: Body<"/v1/webhooks">, key: string) => post("/v1/webhooks", newWebhook, {}, body, key);
export const rotateWebhook = (id: string, key: string) => post("/v1/webhooks/{id}/rotate", rotated, { id }, {}, key);
export const resumeWebhook = (id: string, key: string) => post("/v1/webhooks/{id}/resume", webhook, { id }, {}, key);
export const deleteWebhook = (id: string, key: string) => del("/v1/webhooks/{id}", z.object({ deleted: z.boolean() }), { id }, key);
export const testWebhook = (id: string) => post("/v1/webhooks/{id}/test", attempt, { id }, {});
export const resendEvent = (id: string, sequence: number) => post("/v1/webhooks/{id}/resend", attempt, { id }, { sequence });
