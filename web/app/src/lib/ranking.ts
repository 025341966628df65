// SPDX-License-Identifier: Apache-2.0
// Offers in the order somebody wants, and those that cannot be taken apart from the others.
import type { Rank } from "../api/schema.ts";

export type Order = "value" | "price" | "speed" | "available";

export const selectable = (rank: Rank): boolean => rank.fit !== "insufficient" && rank.offer !== null && rank.offer.online;

const free = (rank: Rank): number => (rank.offer === null || !rank.offer.online ? 2 : rank.offer.busy ? 1 : 0);
const ORDERS: Readonly<Record<Order, (a: Rank, b: Rank) => number>> = {
  value: () => 0, // the server's own, best first (P8)
  price: (a, b) => (a.cost < b.cost ? -1 : a.cost > b.cost ? 1 : 0),
  speed: (a, b) => a.p50_ms - b.p50_ms,
  available: (a, b) => free(a) - free(b),
};

/** Equal ones stay in the server's order. */
export const sorted = (ranking: readonly Rank[], order: Order): Rank[] => [...ranking].sort(ORDERS[order]);

/** The best three to stand side by side, each with what it is best at; one machine is there once. */
export function bestThree(ranking: readonly Rank[]): { title: string; rank: Rank }[] {
  const good = ranking.filter(selectable);
  const picks: { title: string; rank: Rank }[] = [];
  for (const [title, order] of [["Best value", "value"], ["Fastest", "speed"], ["Cheapest", "price"]] as const) {
    const rank = sorted(good, order).find((each) => picks.every((pick) => pick.rank.offer_id !== each.offer_id));
    if (rank !== undefined) picks.push({ title: picks.length === 0 || rank === sorted(good, order)[0] ? title : "Next best", rank });
  }
  return picks;
}

/** Why not, counted: "needs 10 GB, has 8": 9. */
export function whyNot(ranking: readonly Rank[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const rank of ranking.filter((each) => !selectable(each))) {
    const why = rank.why || (rank.offer === null ? "withdrawn" : rank.offer.online ? "does not fit" : "offline");
    counts.set(why, (counts.get(why) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]);
}
