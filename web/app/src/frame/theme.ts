// SPDX-License-Identifier: Apache-2.0
// Light, dark, or as the system has it. public/theme.js reads the same choice before the first paint.
import { createStore } from "../lib/store.ts";

export type Theme = "system" | "light" | "dark";
const ORDER: readonly Theme[] = ["system", "light", "dark"];

const chosen = (): Theme => {
  const set = document.documentElement.dataset["theme"];
  return set === "light" || set === "dark" ? set : "system";
};
export const theme = createStore<Theme>(chosen());

export function nextTheme(): void {
  const next = ORDER[(ORDER.indexOf(theme.get()) + 1) % ORDER.length] ?? "system";
  if (next === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
  try {
    if (next === "system") localStorage.removeItem("tally.theme");
    else localStorage.setItem("tally.theme", next);
  } catch {
    // for this tab alone
  }
  theme.set(next);
}
