// SPDX-License-Identifier: Apache-2.0
// Webhooks in people's words: where they may call, what of, and how it goes.
import type { Attempt, EventType, Webhook } from "../api/webhooks.ts";

export const URL_MAX = 2048; // as the contract has it
export const HOOKS_MAX = 16;

/** What is asked for most, of the types that the contract has; by what it is about. */
export const TYPES: readonly (readonly [string, readonly EventType[]])[] = [
  ["Jobs", ["job.created", "job.assigned", "job.started", "job.completed", "job.failed", "job.cancelled", "result.stored"]],
  ["Money", ["deposit.observed", "escrow.locked", "escrow.settled", "payout.confirmed", "refund.confirmed"]],
  ["Machines", ["provider.online", "provider.offline", "offer.published", "offer.withdrawn", "host.benchmarked"]],
  ["Account", ["token.issued", "token.revoked", "webhook.paused"]],
];

export type About = "all" | "job" | "marketplace" | "chain";
export const ABOUT: readonly (readonly [About, string])[] = [
  ["all", "Everything that concerns me"], ["job", "One job"], ["marketplace", "The market: machines and offers of everybody"], ["chain", "The chain: payments that concern me"],
];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface Wanted {
  readonly url: string;
  readonly about: About;
  readonly job: string;
  readonly types: readonly EventType[];
  readonly label: string;
  /** From the log's beginning instead of from now on. */
  readonly past: boolean;
}
export const bodyOf = ({ url, about, job, types, label, past }: Wanted) => ({
  url: url.trim(), topics: [about === "job" ? `job:${job.trim()}` : about], ...(types.length > 0 ? { types: [...types] } : {}), ...(label.trim() !== "" ? { label: label.trim() } : {}),
  ...(past ? { after: 0 } : {}),
});

const HERE = /^(localhost|127\.|\[::1\]$)/;
/** What is wrong with an address, before the server is asked; it looks further, at where a name leads. "" for nothing. */
export function wrongUrl(text: string, isLocal: boolean): string {
  const wanted = isLocal ? "https:// and a public host, or this machine with http:// too" : "https:// and a public host";
  if (text.trim().length > URL_MAX) return `At most ${URL_MAX} characters.`;
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    return `That is no address: expected ${wanted}.`;
  }
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLocal && HERE.test(url.hostname))) return `Deliveries go to ${wanted}.`;
  return url.username !== "" || url.password !== "" ? "Without a name and a password in it: deliveries are signed instead." : "";
}
export const wrongJob = (text: string): string => (UUID.test(text.trim()) ? "" : "A job's id, as its page has it in the address.");

export const topicWords = (topics: readonly string[]): string =>
  topics.map((topic) => (topic === "all" ? "everything of mine" : topic === "marketplace" ? "the market" : topic === "chain" ? "the chain" : topic.replace(/^(\w+):(.{8}).*/, "$1 $2"))).join(", ");
/** "job.completed, job.failed and 3 more". */
export function typeWords(types: readonly string[], shown = 2): string {
  if (types.length === 0) return "every event";
  return types.length <= shown + 1 ? types.join(", ") : `${types.slice(0, shown).join(", ")} and ${types.length - shown} more`;
}
export const hookName = (hook: Pick<Webhook, "label" | "url">): string => {
  if (hook.label !== "") return hook.label;
  try {
    const { host, pathname } = new URL(hook.url);
    return `${host}${pathname === "/" ? "" : pathname}`;
  } catch {
    return hook.url;
  }
};

export const kindWords = (attempt: Pick<Attempt, "kind" | "number">): string =>
  attempt.kind === "test" ? "Test" : attempt.kind === "resend" ? "Sent once more" : attempt.number > 1 ? `Delivery, try ${attempt.number}` : "Delivery";
/** The answer's status, or that there was none. */
export const answerWords = (attempt: Pick<Attempt, "status">): string => (attempt.status === 0 ? "No answer" : String(attempt.status));
/** Of what failed: why, and what its owner may do. */
export function whyWords({ good, status, error }: Pick<Attempt, "good" | "status" | "error">): string {
  if (good) return "";
  if (status === 410) return "Gone: with this answer it is paused at once.";
  if (status >= 300 && status < 400) return "Redirects are not followed: name the last address.";
  if (status === 401 || status === 403) return "The receiver refuses it: look at how it checks the signature.";
  if (status === 404 || status === 405) return "The receiver takes nothing at this address.";
  if (status >= 500) return "The receiver failed.";
  return status === 0 && error !== "" ? error : "Only 200 to 299 means taken.";
}

export const SECRET_WORDS = "This is the only time it is shown: the server keeps it nowhere. With it your receiver checks that a request comes from here: the header webhook-signature has the HMAC-SHA256 of id, time and body.";
