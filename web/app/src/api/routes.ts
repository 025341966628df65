// SPDX-License-Identifier: Apache-2.0
// The API's routes that the page uses, one function each. Everything else asks through these. Addresses, what is sent and what may come back are held
// to the contract (contract.ts): another name is an error of the build.
import * as z from "zod/mini";
import { whereOf } from "../lib/settings.ts";
import { session } from "../wallet/session.ts";
import { ask, noAnswer, Problem, problemOf } from "./client.ts";
import { address, type Answer, type Body, type Path, type Places, type Query, type Schema, type Takes } from "./contract.ts";
import { PIECES_FROM, type Reached, sendInPieces } from "./pieces.ts";
import * as schema from "./schema.ts";

const token = (): string | undefined => session.get()?.token;
interface At<Q> {
  readonly query?: Q;
  readonly signal?: AbortSignal | undefined;
  /** Instead of the session's. */
  readonly token?: string;
}
export const get = <P extends Path<"get">, S extends z.ZodMiniType>(path: P, of: S & Takes<S, Answer<"get", P>>, places: Places<"get", P>, { query, signal, token: given = token() }: At<Query<"get", P>> = {}) =>
  ask(address(path, places as object, query), of as S, { token: given, signal });
export const post = <P extends Path<"post">, S extends z.ZodMiniType>(path: P, of: S & Takes<S, Answer<"post", P>>, places: Places<"post", P>, body: Body<P>, key?: string, signal?: AbortSignal, over?: string) =>
  ask(address(path, places as object), of as S, { method: "POST", body, token: token(), ...(key === undefined ? {} : { key }), over, signal });

export const del = <P extends Path<"delete">, S extends z.ZodMiniType>(path: P, of: S & Takes<S, Answer<"delete", P>>, places: Places<"delete", P>, key?: string) =>
  ask(address(path, places as object), of as S, { method: "DELETE", token: token(), ...(key === undefined ? {} : { key }) });

export const getTerms = (signal?: AbortSignal) => get("/v1/terms", schema.terms, {}, { signal });
/** Answered with 503 while it is not ready, with the same body. */
export async function getReady(signal?: AbortSignal) {
  const answer = await fetch("/readyz", { signal: signal ?? null }).catch(() => Promise.reject(noAnswer()));
  const read: Takes<typeof schema.ready, Answer<"get", "/readyz">> = schema.ready;
  return read.parse(await answer.json());
}
export const getOffers = (signal?: AbortSignal) => get("/v1/offers", schema.list(schema.offer), {}, { query: { limit: 500 }, signal });

export const newChallenge = () => post("/v1/auth/challenge", schema.challenge, {}, {});
export const newSession = (body: Body<"/v1/auth/session">) => post("/v1/auth/session", schema.session, {}, body);
export const whoami = (given: string) => get("/v1/auth/whoami", schema.whoami, {}, { token: given });
export const revoke = (id: string) => post("/v1/auth/tokens/{id}/revoke", schema.revoked, { id }, {});

export const getUpload = (id: string, signal?: AbortSignal) => get("/v1/uploads/{id}", schema.upload, { id }, { signal });
const matchesQuery = (upload_id: string, settings: Settings, order: schema.Order, after: number): Query<"get", "/v1/matches"> => {
  const { network, image } = whereOf(settings);
  return { upload_id, network: network === true ? "true" : undefined, image, order, limit: 50, after: after > 0 ? after : undefined };
};
export const addressOfMatches = (upload: string, settings: Settings, order: schema.Order): string => address("/v1/matches" satisfies Path<"get">, {}, matchesQuery(upload, settings, order, 0));
export const getMatches = (upload: string, settings: Settings, order: schema.Order, after: number, signal?: AbortSignal) =>
  get("/v1/matches", schema.matches, {}, { query: matchesQuery(upload, settings, order, after), signal });
/** `over`: the sequence of what was said before, if anything was: what was said since elsewhere is not written over. */
export const overrideAnalysis = (id: string, body: Body<"/v1/analyses/{id}/override">, key: string, over: number | undefined) =>
  post("/v1/analyses/{id}/override", schema.overridden, { id }, body, key, undefined, over === undefined ? undefined : `"${over}"`);
export const getEstimates = (body: Body<"/v1/estimates">, signal?: AbortSignal) => post("/v1/estimates", schema.estimates, {}, body, undefined, signal);
/** The same, recorded. */
export const newMatch = (upload_id: string, settings: Settings, key: string) => post("/v1/matches", schema.match, {}, { upload_id, ...whereOf(settings) }, key);
export const newQuote = (body: Body<"/v1/quotes">, key: string) => post("/v1/quotes", schema.quote, {}, body, key);
export type Settings = Readonly<Schema["JobSettings"]>;
export const newJob = (quote_id: string, settings: Settings, key: string) =>
  post("/v1/jobs", schema.job, {}, { quote_id, ...(Object.keys(settings).length > 0 ? { settings } : {}) }, key);
export const broadcast = (transaction: string) => post("/v1/broadcast", schema.broadcast, {}, { transaction });

export const getJobs = (query: Query<"get", "/v1/jobs">, signal?: AbortSignal) => get("/v1/jobs", schema.list(schema.job), {}, { query, signal });
export const getJob = (id: string, signal?: AbortSignal) => get("/v1/jobs/{id}", schema.job, { id }, { signal });
export const cancelJob = (id: string, key: string) => post("/v1/jobs/{id}/cancel", schema.job, { id }, {}, key);
export const rateJob = (id: string, body: Body<"/v1/jobs/{id}/rating">, key: string) => post("/v1/jobs/{id}/rating", schema.job, { id }, body, key);
export const eraseJob = (id: string, key: string) => del("/v1/jobs/{id}/data", schema.erasure, { id }, key);
export const getResults = (id: string, signal?: AbortSignal) => get("/v1/jobs/{id}/results", schema.list(schema.result), { id }, { signal });
export const getJobEvents = (id: string, after: number, signal?: AbortSignal) => get("/v1/jobs/{id}/events", schema.events, { id }, { query: { after, limit: 500 }, signal });
/** As it stood after an event. */
export const getJobAsOf = (id: string, as_of: number, signal?: AbortSignal) => get("/v1/jobs/{id}", schema.job, { id }, { query: { as_of }, signal });
export const getTimeline = (id: string, after: number, signal?: AbortSignal) => get("/v1/jobs/{id}/timeline", schema.timeline, { id }, { query: { after, limit: 500 }, signal });
export async function getSamples(id: string, after: number, signal?: AbortSignal): Promise<{ items: schema.Sampled[]; next: number | null }> {
  const { items, next } = await get("/v1/jobs/{id}/metrics", schema.metricPage, { id }, { query: { after, limit: 500 }, signal });
  return { items: items.filter((item) => "at_ms" in item), next }; // windows come only where they are asked for
}
export const getOutputEnd = (id: string, signal?: AbortSignal) => get("/v1/jobs/{id}/output", schema.outputPage, { id }, { query: { before: "end", limit: 16 }, signal });
export const getOutputAfter = (id: string, after: number, limit: number, signal?: AbortSignal) => get("/v1/jobs/{id}/output", schema.outputPage, { id }, { query: { after, limit }, signal });
export const getEvents = (after: number, limit: number, signal?: AbortSignal) => get("/v1/events", schema.events, {}, { query: { after, limit }, signal });
/** Of the feed as an event stream. */
export const feedAddress = (after: number): string => address("/v1/feed" satisfies Path<"get">, {}, { topics: "all", after } satisfies Query<"get", "/v1/feed">);

export const getBalance = (identity: string, signal?: AbortSignal) => get("/v1/balances/{name}", schema.balance, { name: identity }, { signal });
export const askFaucet = (identity: string, amount: bigint) => post("/v1/faucet", schema.faucet, {}, { identity, amount: Number(amount) });
export const getEarnings = (signal?: AbortSignal) => get("/v1/earnings", schema.earnings, {}, { signal });

/** A file of results, whole, as the browser keeps it: the token goes in a header, so a plain link would not do. */
export async function getResult(job: string, name: string): Promise<Blob> {
  const path = `${address("/v1/jobs/{id}/results", { id: job })}/${name.split("/").map(encodeURIComponent).join("/")}`;
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

/** Bytes from `offset` on. */
function sendPiece(path: string, offset: number, piece: Blob, onProgress: (sent: number) => void, signal: AbortSignal): Promise<Reached> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PATCH", path);
    request.setRequestHeader("Authorization", `Bearer ${token() ?? ""}`);
    request.setRequestHeader("Content-Type", "application/partial-upload");
    request.setRequestHeader("Upload-Offset", String(offset));
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress(event.loaded);
    request.onerror = () => reject(noAnswer());
    request.onabort = () => reject(new Problem(0, "aborted", "The upload was stopped", ""));
    request.onload = () => {
      const read = schema.resumable.safeParse(request.response);
      if (request.status === 200 && read.success) resolve(read.data);
      else reject(problemOf(request.status, request.response));
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(piece);
  });
}

const RESUMABLE = "/v1/uploads/resumable/{id}";

export function sendUpload({ files, entry, key }: Sent, onProgress: (sent: number) => void, signal: AbortSignal): Promise<schema.Upload> {
  const [only] = files;
  if (files.length === 1 && only !== undefined && only.data.size >= PIECES_FROM) {
    return sendInPieces<schema.Upload>(only.data, {
      begin: () => post("/v1/uploads/resumable", schema.resumable, {}, { file_name: only.name, size: only.data.size, ...(entry === undefined ? {} : { entry }) }, key, signal),
      look: (id) => get(RESUMABLE, schema.resumable, { id }, { signal }),
      send: (id, offset, piece, sent) => sendPiece(address(RESUMABLE, { id }), offset, piece, sent, signal),
      complete: (id) => post(`${RESUMABLE}/complete`, schema.upload, { id }, {}, undefined, signal),
      wait: (ms, stop) => new Promise((done) => {
        const timer = setTimeout(done, ms);
        stop.addEventListener("abort", () => { clearTimeout(timer); done(); });
      }),
    }, onProgress, signal);
  }
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const [first] = files;
    const alone = files.length === 1 && first !== undefined;
    const query: Query<"post", "/v1/uploads"> = alone ? { name: first.name, entry } : {};
    request.open("POST", address("/v1/uploads" satisfies Path<"post">, {}, query));
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
      const taken: Takes<typeof schema.upload, Answer<"post", "/v1/uploads">> = schema.upload;
      const read = taken.safeParse(body);
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
