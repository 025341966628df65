// SPDX-License-Identifier: Apache-2.0
// Paying a lock, so that nobody pays twice. A Qubic transaction runs in its tick or never; so while the one that was sent may still run, the
// same bytes are sent again, and only when its tick has passed without it is another one signed.
import type { Escrow, Job, Terms } from "../api/schema.ts";
import { load, save } from "./storage.ts";
import { createStore } from "./store.ts";

export const EVIDENCE_TICKS = 3; // as the server waits before it takes a tick's word
const AHEAD_MS = 2000; // for the way to the server and on to the network

export interface SentLock {
  readonly hex: string;
  readonly id: string;
  readonly tick: number;
}

export type LockStep = "unsigned" | "sent" | "lost" | "late" | "seen";

export function lockStep(escrow: Escrow, sent: SentLock | null, chain: Terms["chain"]): LockStep {
  if (escrow.status !== "requested") return "seen";
  if (sent !== null && chain.processed < sent.tick + EVIDENCE_TICKS) return "sent";
  if (chain.tick + 1 >= escrow.last_tick) return "late";
  return sent === null ? "unsigned" : "lost";
}

/** `askedMs`: how long it took to ask for the terms and the job. On a slow line telling the chain takes as long, and a lock that comes after its tick runs never. */
export function chooseTick(terms: Terms, escrow: Escrow, askedMs: number): number {
  const { tick, tick_ms } = terms.chain;
  const ahead = terms.terms.tick_offset + (tick_ms > 0 ? Math.ceil((AHEAD_MS + 2 * askedMs) / tick_ms) : 2);
  return Math.min(tick + ahead, escrow.last_tick);
}

/** What is about to be signed, or why it must not be. */
export function paymentOf(job: Job, quotedCap: bigint | null, identity: string, tick: number) {
  const escrow = job.escrow;
  if (escrow === null) throw new Error("this job has no escrow: not signed");
  if (escrow.amount !== job.cap || (quotedCap !== null && escrow.amount !== quotedCap)) {
    throw new Error("the server asks for another amount than it quoted: not signed");
  }
  if (escrow.consumer_identity !== null && escrow.consumer_identity !== identity) {
    throw new Error("this job was made by another identity than this wallet's; what this wallet pays would be sent back: not signed");
  }
  return { destination: escrow.identity, amount: escrow.amount, tick, inputType: escrow.input_type, input: escrow.input };
}

export function sentLock(job: string): SentLock | null {
  const value = load(`lock.${job}`) as Partial<SentLock> | null;
  return value !== null && typeof value.hex === "string" && typeof value.id === "string" && typeof value.tick === "number" ? (value as SentLock) : null;
}
/** Raised with every lock that is kept, so that components read anew. */
export const locksChanged = createStore(0);
export function keepLock(job: string, sent: SentLock): boolean {
  const kept = save(`lock.${job}`, sent);
  locksChanged.set(locksChanged.get() + 1);
  return kept;
}

/** One after another, in every tab of this browser: who looks whether a lock was kept, and keeps one if not, must be the only one. */
export const alone = <T>(job: string, work: () => Promise<T>): Promise<T> => ("locks" in navigator ? navigator.locks.request(`tally.lock.${job}`, work) : work()) as Promise<T>;

/** The job whose lock is being made by this tab: until that lock is kept, nobody is to be asked for another. */
export const beingSigned = createStore<string | null>(null);
export async function whileSigning(job: string, work: () => Promise<unknown>): Promise<void> {
  beingSigned.set(job);
  try {
    await work();
  } finally {
    beingSigned.set(null);
  }
}
