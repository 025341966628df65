// SPDX-License-Identifier: Apache-2.0
// Back through the log, newest first, by an API that goes forward: a window of so many sequences holds at most as many events, and where few are
// one's own it grows.

const FIRST_WINDOW = 500;
const ASKED_MAX = 24;

export interface Looked<T> {
  readonly items: T[]; // newest first
  readonly before: number; // everything from here on was looked at; 1: the beginning
}

type Page<T> = (after: number) => Promise<{ items: T[]; next: string | number | null }>;

/** Up to `want` events below `before` that `accept` takes; fewer when the log begins, or when very many were passed over. */
export async function lookBack<T extends { readonly id: string }>(page: Page<T>, before: number, want: number, accept: (event: T) => boolean): Promise<Looked<T>> {
  const items: T[] = [];
  let upto = before;
  let size = FIRST_WINDOW;
  for (let asked = 0; upto > 1 && items.length < want && asked < ASKED_MAX; size *= 4) {
    const begin = Math.max(0, upto - 1 - size);
    const window: T[] = [];
    for (let after: number | null = begin; after !== null && after < upto - 1; ) {
      const answer: { items: T[]; next: string | number | null } = await page(after);
      asked++;
      window.push(...answer.items.filter((event) => Number(event.id) < upto));
      after = answer.next === null || answer.items.some((event) => Number(event.id) >= upto) ? null : Number(answer.next);
    }
    items.push(...window.reverse().filter(accept));
    upto = begin + 1;
  }
  const last = items[want - 1];
  return items.length > want && last !== undefined ? { items: items.slice(0, want), before: Number(last.id) } : { items, before: upto };
}
