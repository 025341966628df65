// SPDX-License-Identifier: Apache-2.0
// Sums of a provider's money, of what the server says and of nothing else.
import type { EarningsSum } from "../api/account.ts";
import type { Job } from "../api/schema.ts";

export interface Flow {
  readonly accruing: bigint;
  readonly escrowed: bigint | null; // not known yet
  readonly settling: bigint;
  readonly paid: bigint;
}

export const flowOf = (sum: Pick<EarningsSum, "active" | "pending" | "total">, open: readonly Pick<Job, "cap">[] | undefined): Flow => ({
  accruing: sum.active.reduce((all, job) => all + job.earned, 0n),
  escrowed: open === undefined ? null : open.reduce((all, job) => all + job.cap, 0n),
  settling: sum.pending,
  paid: sum.total,
});

/** "4.7"; null without a rating. */
export const rating = (stars: number, ratings: number): string | null => (ratings === 0 ? null : (Math.round((stars * 10) / ratings) / 10).toFixed(1));
