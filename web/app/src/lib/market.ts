// SPDX-License-Identifier: Apache-2.0
// The market as a list: which offers, in which order, and where one stands among its like.
import type { Offer } from "../api/schema.ts";
import { byTelling } from "./software.ts";

export const SORTS = ["value", "price", "speed", "memory"] as const;
export type Sort = (typeof SORTS)[number];
export const SORT_WORDS: Readonly<Record<Sort, string>> = { value: "Price for speed", price: "Price", speed: "Speed", memory: "Video memory" };

export interface MarketFilter {
  readonly q?: string;
  readonly device?: "gpu" | "cpu";
  readonly free?: true;
  /** A Python package, by the name it is imported under. */
  readonly has?: string;
  readonly sort?: Sort;
}

/** What it can do, to compare within one kind: a GPU by its TFLOPS where they are told, else by its speed against the reference of its kind. */
export const powerOf = (offer: Offer): number => (offer.device === "gpu" && offer.tflops_milli > 0 ? offer.tflops_milli * Math.max(1, offer.gpus) : offer.speed_permille);
/** QUBIC an hour for one unit of it; less is better. */
export const priceForSpeed = (offer: Offer): number => Number(offer.rate) / Math.max(1, powerOf(offer));

const compared: Readonly<Record<Sort, (a: Offer, b: Offer) => number>> = {
  value: (a, b) => (a.device === b.device ? priceForSpeed(a) - priceForSpeed(b) : a.device === "gpu" ? -1 : 1),
  price: (a, b) => (a.rate < b.rate ? -1 : a.rate > b.rate ? 1 : 0),
  speed: (a, b) => (a.device === b.device ? powerOf(b) - powerOf(a) : a.device === "gpu" ? -1 : 1),
  memory: (a, b) => b.vram_mib * b.gpus - a.vram_mib * a.gpus || b.ram_mib - a.ram_mib,
};

/** Machines that are there come first, whatever the order; equals stay as they stood, oldest first. */
export function shownOffers(offers: readonly Offer[], { q = "", device, free, has, sort = "value" }: MarketFilter): Offer[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  return offers
    .filter((offer) => (device === undefined || offer.device === device) && (free !== true || (offer.online && !offer.busy)) && (has === undefined || (offer.packages !== null && Object.hasOwn(offer.packages, has))) && words.every((word) => offer.model.toLowerCase().includes(word)))
    .sort((a, b) => Number(b.online) - Number(a.online) || compared[sort](a, b));
}

/** All that may be asked for: what some machine says it has, but for Python, which any has that says something. */
export const packagesOffered = (offers: readonly Offer[]): string[] => [...new Set(offers.flatMap((offer) => Object.keys(offer.packages ?? {})))].filter((name) => name !== "python").sort(byTelling);

export interface Standing {
  readonly place: number; // 1 is best; equals share it
  readonly of: number;
}

/** Among all of its kind that are online, itself always among them. */
export function standing(offer: Offer, offers: readonly Offer[], by: "price" | "value"): Standing {
  const alike = offers.filter((other) => other.id === offer.id || (other.device === offer.device && other.online));
  const better = alike.filter((other) => other.id !== offer.id && compared[by](other, offer) < 0).length;
  return { place: better + 1, of: alike.length };
}

export const ordinal = (place: number): string => `${place}${place % 100 >= 11 && place % 100 <= 13 ? "th" : (["th", "st", "nd", "rd"][place % 10] ?? "th")}`;
