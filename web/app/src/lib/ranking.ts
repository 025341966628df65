// SPDX-License-Identifier: Apache-2.0
// A ranking as the server gives it (docs/matching.md), in words and in pages. The order and the best three are the server's own.
import type { Fit, Matches, Order, Rank } from "../api/schema.ts";
import { fits } from "../api/schema.ts";

export const ORDER_WORDS: readonly (readonly [Order, string])[] = [["value", "Best value"], ["price", "Cheapest"], ["performance", "Fastest"], ["availability", "Free first"]];

/** What does not fit is shown and cannot be taken (R3.4); nor can what is more than one lock. */
export const selectable = (rank: Rank): boolean => rank.fit !== "insufficient" && rank.offer !== null && rank.cost !== null;

const TITLES: Readonly<Record<string, string>> = { best_value: "best value", fastest: "fastest", cheapest: "cheapest" };

/** "Best value and cheapest", or for one that only stands beside the best ones: "Next cheapest". */
export function titleOf({ picked_as, best_at }: Pick<Matches["best"][number], "picked_as" | "best_at">): string {
  const words = best_at.map((each) => TITLES[each] ?? each);
  if (words.length === 0) return `Next ${TITLES[picked_as] ?? picked_as}`;
  const text = words.length === 1 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words.at(-1) ?? ""}`;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The reasons that matter most first: what stands against it, then what has numbers to spare; equals as the server has them. */
export const worstFirst = (reasons: Rank["reasons"]): Rank["reasons"] => [...reasons].sort((a, b) => fits.indexOf(b.fit) - fits.indexOf(a.fit));

/** Pages that were asked for one after another, while the market went on: each offer once, where it was seen first. */
export function joined(pages: readonly Pick<Matches, "ranking">[]): Rank[] {
  const seen = new Map<string, Rank>();
  for (const rank of pages.flatMap((page) => page.ranking)) if (!seen.has(rank.offer_id)) seen.set(rank.offer_id, rank);
  return [...seen.values()];
}

/** "3 fit well, 1 is tight, 2 do not fit". */
export function classesInWords(classes: Readonly<Record<Fit, number>>): string {
  const words: Readonly<Record<Fit, readonly [string, string]>> = {
    recommended: ["fits well", "fit well"], compatible: ["fits", "fit"], borderline: ["is tight", "are tight"], insufficient: ["does not fit", "do not fit"] };
  return fits.filter((fit) => classes[fit] > 0).map((fit) => `${classes[fit]} ${words[fit][classes[fit] === 1 ? 0 : 1]}`).join(", ");
}
