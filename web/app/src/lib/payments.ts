// SPDX-License-Identifier: Apache-2.0
// What there is to say of a transaction on the chain beside its fields: its link, and when a pending one should be over.
import type { Payment } from "../api/account.ts";
import { EVIDENCE_TICKS } from "./lock.ts";

/** Where people look at it; null where the network has no such place. */
export const explorerLink = (explorer: string | null, transaction: string | null): string | null =>
  explorer !== null && /^https?:\/\//.test(explorer) && transaction !== null && /^[a-z]{60}$/.test(transaction) ? explorer + transaction : null;

export const isPending = (payment: Pick<Payment, "status">): boolean => payment.status === "observed" || payment.status === "signed";

/** How long it still takes, as the ledger itself reckons: a lock until its confirmations, a payment until its tick's evidence. null: nobody can say. */
export function expectedMs(payment: Pick<Payment, "status" | "tick">, chain: { processed: number; tick_ms: number; answers: boolean } | undefined, confirmations: number): number | null {
  if (!isPending(payment) || chain === undefined || !chain.answers || chain.tick_ms === 0) return null;
  const until = payment.tick + (payment.status === "observed" ? confirmations : EVIDENCE_TICKS);
  return Math.max(1, until - chain.processed) * chain.tick_ms;
}
