// SPDX-License-Identifier: Apache-2.0
// Who is signed in. The token says so to the server for thirty days; it cannot move the wallet's money, which takes a signature.
import { createStore } from "../lib/store.ts";
import { load, save } from "../lib/storage.ts";

export interface SignedIn {
  readonly token: string;
  readonly tokenId: string;
  readonly accountId: string | null;
  readonly identity: string | null;
  readonly scopes: readonly string[];
}

function kept(): SignedIn | null {
  const value = load("session") as Partial<SignedIn> | null;
  return value !== null && typeof value.token === "string" && typeof value.tokenId === "string" && Array.isArray(value.scopes) ? (value as SignedIn) : null;
}

export const session = createStore<SignedIn | null>(kept());
session.subscribe(() => save("session", session.get()));

if (typeof window !== "undefined") {
  window.addEventListener("storage", (event) => {
    if (event.key === "tally.session") session.set(kept());
  });
}
