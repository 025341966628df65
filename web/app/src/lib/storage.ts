// SPDX-License-Identifier: Apache-2.0
// What this browser keeps. A browser that keeps nothing (private mode, full) still works until the tab is closed.

const memory = new Map<string, string>();

export function load(name: string): unknown {
  let text = memory.get(name) ?? null;
  try {
    text ??= localStorage.getItem(`tally.${name}`);
  } catch {
    // no storage
  }
  if (text === null) return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** null forgets it. False: only this tab will remember. */
export function save(name: string, value: unknown): boolean {
  try {
    memory.delete(name);
    if (value === null) localStorage.removeItem(`tally.${name}`);
    else localStorage.setItem(`tally.${name}`, JSON.stringify(value));
    return true;
  } catch {
    if (value !== null) memory.set(name, JSON.stringify(value));
    return false;
  }
}

export function names(prefix: string): string[] {
  try {
    return Object.keys(localStorage)
      .filter((name) => name.startsWith(`tally.${prefix}`))
      .map((name) => name.slice("tally.".length));
  } catch {
    return [];
  }
}
