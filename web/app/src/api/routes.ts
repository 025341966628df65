// SPDX-License-Identifier: Apache-2.0
// The API's routes that the page uses, one function each. Everything else asks through these.
import * as z from "zod/mini";
import { session } from "../wallet/session.ts";
import { ask, noAnswer, Problem, problemOf } from "./client.ts";
import * as schema from "./schema.ts";

const token = (): string | undefined => session.get()?.token;
const post = <T extends z.ZodMiniType>(path: string, of: T, body: unknown, key?: string) =>
  ask(path, of, { method: "POST", body, token: token(), ...(key === undefined ? {} : { key }) });
const get = <T extends z.ZodMiniType>(path: string, of: T, signal?: AbortSignal) => ask(path, of, { token: token(), signal });
const id = encodeURIComponent;

export const getTerms = (signal?: AbortSignal) => ask("/v1/terms", schema.terms, { signal });
/** Answered with 503 while it is not ready, with the same body. */
export async function getReady(signal?: AbortSignal) {
  const answer = await fetch("/readyz", { signal: signal ?? null }).catch(() => Promise.reject(noAnswer()));
  return schema.ready.parse(await answer.json());
}
export const getOffers = (signal?: AbortSignal) => get("/v1/offers?limit=500", schema.list(schema.offer), signal);

export const newChallenge = () => post("/v1/auth/challenge", schema.challenge, {});
export const newSession = (body: { identity: string; nonce: string; signature: string; scopes: string[]; label: string }) =>
  post("/v1/auth/session", schema.session, body);
export const whoami = (given: string) => ask("/v1/auth/whoami", schema.whoami, { token: given });
export const revoke = (tokenId: string) => post(`/v1/auth/tokens/${id(tokenId)}/revoke`, z.object({ revoked: z.boolean() }), {});

export const getUpload = (upload: string, signal?: AbortSignal) => get(`/v1/uploads/${id(upload)}`, schema.upload, signal);
export const getMatches = (upload: string, order: schema.Order, after: number, signal?: AbortSignal) =>
  get(`/v1/matches?upload_id=${id(upload)}&order=${order}&limit=50${after > 0 ? `&after=${after}` : ""}`, schema.matches, signal);
export const overrideAnalysis = (upload: string, body: Readonly<Record<string, unknown>>, key: string) =>
  post(`/v1/analyses/${id(upload)}/override`, schema.overridden, body, key);
export const getEstimates = (body: Readonly<Record<string, unknown>>, signal?: AbortSignal) =>
  ask("/v1/estimates", schema.estimates, { method: "POST", body, token: token(), signal });
/** The same, recorded. */
export const newMatch = (upload: string, key: string) => post("/v1/matches", schema.match, { upload_id: upload }, key);
export const newQuote = (body: { upload_id: string; offer_id: string; match_id?: string }, key: string) => post("/v1/quotes", schema.quote, body, key);
export interface Settings {
  readonly arguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Variables that only the machine can read: hex of a box sealed to the quote's key. */
  readonly sealed?: Readonly<Record<string, string>>;
  readonly entry?: string;
}
export const newJob = (quote: string, settings: Settings, key: string) =>
  post("/v1/jobs", schema.job, { quote_id: quote, ...(Object.keys(settings).length > 0 ? { settings } : {}) }, key);
export const broadcast = (transaction: string) => post("/v1/broadcast", schema.broadcast, { transaction });

export const getJobs = (query: string, signal?: AbortSignal) => get(`/v1/jobs?${query}`, schema.list(schema.job), signal);
export const getJob = (job: string, signal?: AbortSignal) => get(`/v1/jobs/${id(job)}`, schema.job, signal);
export const cancelJob = (job: string, key: string) => post(`/v1/jobs/${id(job)}/cancel`, schema.job, {}, key);
export const getResults = (job: string, signal?: AbortSignal) => get(`/v1/jobs/${id(job)}/results`, schema.list(schema.result), signal);
export const getJobEvents = (job: string, after: number, signal?: AbortSignal) =>
  get(`/v1/jobs/${id(job)}/events?after=${after}&limit=500`, schema.events, signal);
export const getEvents = (after: number, limit: number, signal?: AbortSignal) => get(`/v1/events?after=${after}&limit=${limit}`, schema.events, signal);

export const getBalance = (identity: string, signal?: AbortSignal) => get(`/v1/balances/${id(identity)}`, schema.balance, signal);
export const askFaucet = (identity: string, amount: bigint) => post("/v1/faucet", schema.faucet, { identity, amount: Number(amount) });
export const getEarnings = (signal?: AbortSignal) => get("/v1/earnings", schema.earnings, signal);
export const getTransactions = (before: string | undefined, signal?: AbortSignal) =>
  get(`/v1/transactions?limit=50${before === undefined ? "" : `&before=${id(before)}`}`, schema.list(schema.transaction), signal);

/** A file of results, whole, as the browser keeps it: the token goes in a header, so a plain link would not do. */
export async function getResult(job: string, name: string): Promise<Blob> {
  const path = `/v1/jobs/${id(job)}/results/${name.split("/").map(id).join("/")}`;
  const answer = await fetch(path, { headers: { Authorization: `Bearer ${token() ?? ""}` } }).catch(() => Promise.reject(noAnswer()));
  if (!answer.ok) throw problemOf(answer.status, await answer.json().catch(() => null));
  return answer.blob();
}

/** fetch cannot tell how much has gone, XMLHttpRequest can (P54). */
export interface Sent {
  /** Several are one job. */
  readonly files: readonly { readonly name: string; readonly data: Blob }[];
  /** Which of them starts it, where the server cannot tell. */
  readonly entry?: string | undefined;
  readonly key: string;
}

export function sendUpload({ files, entry, key }: Sent, onProgress: (sent: number) => void, signal: AbortSignal): Promise<schema.Upload> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const [first] = files;
    const alone = files.length === 1 && first !== undefined;
    request.open("POST", alone ? `/v1/uploads?name=${id(first.name)}${entry === undefined ? "" : `&entry=${id(entry)}`}` : "/v1/uploads");
    request.setRequestHeader("Authorization", `Bearer ${token() ?? ""}`);
    if (alone) request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Idempotency-Key", key);
    request.upload.onprogress = (event) => onProgress(event.loaded);
    request.onerror = () => reject(noAnswer());
    request.onabort = () => reject(new Problem(0, "aborted", "The upload was stopped", ""));
    request.onload = () => {
      let body: unknown = null;
      try {
        body = JSON.parse(request.responseText) as unknown;
      } catch {
        // problemOf says so
      }
      const read = schema.upload.safeParse(body);
      if (request.status === 201 && read.success) resolve(read.data);
      else reject(problemOf(request.status, body));
    };
    signal.addEventListener("abort", () => request.abort());
    if (alone) request.send(first.data);
    else {
      const form = new FormData();
      for (const { name, data } of files) form.append("file", data, name);
      if (entry !== undefined) form.append("entry", entry);
      request.send(form);
    }
  });
}
