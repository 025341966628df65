// SPDX-License-Identifier: Apache-2.0
// What is meant by a few letters: each of them in order, beginnings of words before all else.

/** Higher is nearer; null: not meant. */
export function nearness(text: string, query: string): number | null {
  const [lower, wanted] = [text.toLowerCase(), query.trim().toLowerCase()];
  if (wanted === "") return 0;
  const at = lower.indexOf(wanted);
  if (at === 0) return 3;
  if (at > 0) return /[^a-z0-9]/.test(lower[at - 1] ?? "") ? 2 : 1;
  let from = 0;
  for (const letter of wanted.replaceAll(" ", "")) {
    const found = lower.indexOf(letter, from);
    if (found < 0) return null;
    from = found + 1;
  }
  return 0;
}

/** Nearest first, equals as they stood. */
export function meant<T>(list: readonly T[], textOf: (item: T) => string, query: string, most: number): T[] {
  return list.map((item) => ({ item, near: nearness(textOf(item), query) })).filter((each): each is { item: T; near: number } => each.near !== null)
    .sort((a, b) => b.near - a.near).slice(0, most).map(({ item }) => item);
}
