// SPDX-License-Identifier: Apache-2.0
// As whom somebody who may be both looks at the overview; this browser remembers.
import { load, save } from "./storage.ts";
import { createStore } from "./store.ts";

export type Role = "consumer" | "provider";
const kept = load("role");
export const role = createStore<Role | null>(kept === "consumer" || kept === "provider" ? kept : null);
role.subscribe(() => save("role", role.get()));

/** What was chosen, of what the sign-in allows. */
export const roleOf = (chosen: Role | null, scopes: readonly string[]): Role => (scopes.includes("consumer") && scopes.includes("provider") ? (chosen ?? "consumer") : scopes.includes("provider") ? "provider" : "consumer");
