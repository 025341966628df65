// SPDX-License-Identifier: Apache-2.0
// Light, dark, or as the system has it. public/theme.js reads the same choice before the first paint.
import { useSyncExternalStore } from "react";
import { createStore } from "../lib/store.ts";

export type Theme = "system" | "light" | "dark";
export const THEMES: readonly Theme[] = ["system", "light", "dark"];

const chosen = (): Theme => {
  const set = document.documentElement.dataset["theme"];
  return set === "light" || set === "dark" ? set : "system";
};
export const theme = createStore<Theme>(chosen());

/** For what is painted, not styled: renders anew when the colours change, by whoever changed them. */
export function useScheme(): string {
  return useSyncExternalStore(
    (listener) => {
      const system = matchMedia("(prefers-color-scheme: dark)");
      const page = new MutationObserver(listener);
      system.addEventListener("change", listener);
      page.observe(document.documentElement, { attributeFilter: ["data-theme"] });
      return () => {
        system.removeEventListener("change", listener);
        page.disconnect();
      };
    },
    () => `${matchMedia("(prefers-color-scheme: dark)").matches} ${document.documentElement.dataset["theme"] ?? ""}`,
  );
}

export const nextTheme = (): void => setTheme(THEMES[(THEMES.indexOf(theme.get()) + 1) % THEMES.length] ?? "system");

export function setTheme(next: Theme): void {
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
