// SPDX-License-Identifier: Apache-2.0
// The title of the page and of the tab: one place says both.
import { useEffect } from "react";
import { createStore } from "../lib/store.ts";

export const pageTitle = createStore("Tallystick");

/** `tab` when the tab shall say more than the page: "62 % · digits-mlp.py". */
export function useTitle(title: string, tab: string = title): void {
  useEffect(() => {
    pageTitle.set(title);
    document.title = `${tab} · Tallystick`;
  }, [title, tab]);
}
