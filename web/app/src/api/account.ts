// SPDX-License-Identifier: Apache-2.0
// What an account asks about itself: its payments, machines, tokens and what it holds; and what anybody may ask of the whole: status, calibration, the log's proofs.
import * as z from "zod/mini";
import { noAnswer, problemOf } from "./client.ts";
import { address, type Answer, type Body, type Query, type Takes } from "./contract.ts";
import { del, get, post } from "./routes.ts";
import * as schema from "./schema.ts";

const text = z.string();
const time = z.nullable(z.string());
const count = z.number();

const pageOf = <T extends z.ZodMiniType>(item: T) => z.object({ items: z.array(item), next: z.nullable(text) });
const listOf = <T extends z.ZodMiniType>(item: T) => z.object({ items: z.array(item), next: z.nullable(count) });

/** All pages of a list that names the next one. */
async function all<T, C>(page: (cursor?: C) => Promise<{ items: T[]; next: C | null }>): Promise<T[]> {
  const found: T[] = [];
  let cursor: C | undefined;
  do {
    const { items, next }: { items: T[]; next: C | null } = await page(cursor);
    found.push(...items);
    cursor = next ?? undefined;
  } while (cursor !== undefined);
  return found;
}

/* ── payments ── */

export const paymentKinds = ["lock", "payout", "refund", "fee", "return", "deposit"] as const;
export type PaymentKind = (typeof paymentKinds)[number];
const payment = z.extend(schema.transaction, { tick: count, escrow_id: z.nullable(text), source: z.nullable(text), destination: z.nullable(text), attempt: count });
export type Payment = z.infer<typeof payment>;

export type PaymentQuery = Query<"get", "/v1/transactions">;
export const getPayments = (query: PaymentQuery, signal?: AbortSignal) => get("/v1/transactions", schema.list(payment), {}, { query, signal });
export const addressOfPayments = (query: PaymentQuery): string => address("/v1/transactions", {}, query);
/** Newest first, until one began before `since`; without it, all. */
export async function getPaymentsSince(query: PaymentQuery, since: number | null, signal?: AbortSignal): Promise<Payment[]> {
  const found: Payment[] = [];
  for (let before: number | undefined; ; ) {
    const { items, next } = await getPayments({ ...query, limit: 500, before }, signal);
    found.push(...items);
    const last = items.at(-1);
    if (next === null || (since !== null && last !== undefined && Date.parse(last.at) < since)) return found;
    before = Number(next);
  }
}

/* ── earnings and machines ── */

export const earnings = z.extend(schema.earnings, {
  ratings: count, stars: count,
  active: z.array(z.object({ job_id: text, earned: schema.amount, since: time, reported_at: time, rate: schema.amount, cap: schema.amount, used_ms: count })),
  uptime: z.object({ days: count, hosts: count, online_ms: count, possible_ms: count, permille: z.nullable(count) }),
});
export type EarningsSum = z.infer<typeof earnings>;
export const getEarningsSum = (signal?: AbortSignal) => get("/v1/earnings", earnings, {}, { signal });

const machine = z.object({
  host_id: text, name: text, enrolled_at: text, online: z.boolean(), changed_at: time, last_report_at: time, job_id: z.nullable(text), queued: count, done: count, lost: count,
  measured_at: time, online_ms: count, possible_ms: count, permille: z.nullable(count),
});
export type Machine = z.infer<typeof machine>;
const newCode = z.object({ code: text, token_id: text, expires_at: text });
export type NewCode = z.infer<typeof newCode>;
/** A code that joins one machine, once. */
export const makeCode = (body: Body<"/v1/workers/codes">, key: string) => post("/v1/workers/codes", newCode, {}, body, key);
export const getMachines = (signal?: AbortSignal) => all((after?: string) => get("/v1/workers", pageOf(machine), {}, { query: { limit: 500, after }, signal }));
/** Every offer of the market. */
export const getMarket = (signal?: AbortSignal) => all((after?: string) => get("/v1/offers", pageOf(schema.offer), {}, { query: { limit: 500, after }, signal }));
/** Jobs on one's own machines that are paid for and not over. */
export const getOpenJobs = async (signal?: AbortSignal) =>
  (await Promise.all((["queued", "assigned", "running"] as const).map((status) => all((before?: number) => get("/v1/jobs", listOf(schema.job), {}, { query: { role: "provider", limit: 500, status, before }, signal }))))).flat();

/* ── tokens ── */

const token = z.object({
  token_id: text, scopes: z.array(text), label: text, host_id: z.nullable(text), issued_at: text, expires_at: time, last_used_at: time, revoked_at: time, current: z.boolean(),
});
export type Token = z.infer<typeof token>;
const newToken = z.object({ token: text, token_id: text, scopes: z.array(text), expires_at: time });
export type NewToken = z.infer<typeof newToken>;
export const getTokens = (signal?: AbortSignal) => all((before?: number) => get("/v1/auth/tokens", listOf(token), {}, { query: { limit: 500, before }, signal }));
export const makeToken = (body: Body<"/v1/auth/tokens">) => post("/v1/auth/tokens", newToken, {}, body);

/* ── what it holds ── */

const account = z.object({ storage: z.optional(z.object({ used: count, limit: z.nullable(count) })) });
/** Bytes of its uploads and of its jobs' results, and how many there may be. */
export const getStorage = async (id: string, signal?: AbortSignal) => (await get("/v1/accounts/{id}", account, { id }, { signal })).storage ?? null;
const heldUpload = z.object({ id: text, file_name: text, size: count, received_at: text, status: text });
export type HeldUpload = z.infer<typeof heldUpload>;
export type UploadQuery = Query<"get", "/v1/uploads">;
export const getUploads = (query: UploadQuery, signal?: AbortSignal) => get("/v1/uploads", listOf(heldUpload), {}, { query, signal });
export const addressOfUploads = (query: UploadQuery): string => address("/v1/uploads", {}, query);
export const eraseUpload = (id: string, key: string) => del("/v1/uploads/{id}", schema.erasure, { id }, key);
/** Those of an upload's jobs that are not over: while there is one, it cannot be erased. */
export async function getOpenJobsOf(upload: string, signal?: AbortSignal): Promise<schema.Job[]> {
  const open = await Promise.all((["awaiting_lock", "queued", "assigned", "running"] as const).map((status) => all((before?: number) => get("/v1/jobs", listOf(schema.job), {}, { query: { limit: 500, status, before }, signal }))));
  return open.flat().filter((job) => job.upload_id === upload);
}

/* ── the whole ── */

const readiness = z.object({
  ready: z.boolean(),
  ledger: z.object({ writable: z.boolean(), head: count, reason: text }),
  settlement: z.object({
    on: z.boolean(), chain_answers: z.boolean(), tick: count, processed: count, reason: text, legs_stuck: count, oldest_stuck_since: time, keys_missing: z.array(count),
    observing: z.boolean(), waits_for: text,
  }),
  anchoring: z.object({ on: z.boolean(), records: count, reason: text }),
});
export type Readiness = z.infer<typeof readiness>;
/** 503 while it is not ready, with the same body. */
export async function getStatus(signal?: AbortSignal): Promise<Readiness> {
  const answer = await fetch("/readyz", { signal: signal ?? null }).catch(() => Promise.reject(noAnswer()));
  const read: Takes<typeof readiness, Answer<"get", "/readyz">> = readiness;
  return read.parse(await answer.json());
}

const calibration = z.object({ items: z.array(z.object({ job_type: text, ran_on: text, finished: count, within_p50: count, within_p90: count })), sequence: count });
export type Calibration = z.infer<typeof calibration>;
export const getCalibration = (signal?: AbortSignal) => get("/v1/estimates/calibration", calibration, {}, { signal });

const inclusion = z.object({ index: count, size: count, hashes: z.array(text) });
export const getInclusion = (sequence: number, size: number) => get("/v1/log/proof/inclusion", inclusion, {}, { query: { sequence, size } });

async function bytesOf(path: string): Promise<Uint8Array> {
  const answer = await fetch(path).catch(() => Promise.reject(noAnswer()));
  if (!answer.ok) throw problemOf(answer.status, await answer.json().catch(() => null));
  return new Uint8Array(await answer.arrayBuffer());
}
export const getCheckpoint = async (): Promise<string> => new TextDecoder().decode(await bytesOf("/v1/log/checkpoint"));

const TILE = 256;
/** A record's bytes, out of the tile of records that has it in a log of `size`. */
export async function getRecord(sequence: number, size: number): Promise<Uint8Array> {
  const tile = Math.floor((sequence - 1) / TILE);
  const width = Math.min(TILE, size - tile * TILE);
  const digits = String(tile).padStart(Math.ceil(String(tile).length / 3) * 3, "0").replace(/\d{3}(?=\d)/g, "x$&/");
  const entries = await bytesOf(`/v1/log/tile/entries/${digits}${width < TILE ? `.p/${width}` : ""}`);
  let at = 0;
  for (let index = tile * TILE + 1; index < sequence; index++) at += 2 + (((entries[at] ?? 0) << 8) | (entries[at + 1] ?? 0));
  const length = ((entries[at] ?? 0) << 8) | (entries[at + 1] ?? 0);
  if (at + 2 + length > entries.length || length === 0) throw problemOf(200, null);
  return entries.slice(at + 2, at + 2 + length);
}

const fullEvent = z.extend(schema.event, { typeversion: z.optional(count), actor: z.optional(text), commandid: z.optional(text), causation: z.optional(text) });
export type FullEvent = z.infer<typeof fullEvent>;
const eventPage = z.object({ items: z.array(fullEvent), next: z.nullable(z.union([z.string(), z.number()])), head: z.optional(count) });
export const getEventPage = (after: number, stream: string | undefined, limit: number, signal?: AbortSignal) =>
  get("/v1/events", eventPage, {}, { query: { after, limit, stream }, signal });
