// SPDX-License-Identifier: Apache-2.0
// Signing in and out: with the wallet of this page, or with a token that `tally login` made elsewhere.
import { Problem } from "../api/client.ts";
import { newChallenge, newSession, revoke, whoami } from "../api/routes.ts";
import { session } from "./session.ts";
import { signSignIn } from "./wallet.ts";

export async function signInWithWallet(): Promise<void> {
  const challenge = await newChallenge();
  const signed = await signSignIn({ origin: location.origin, challenge });
  const made = await newSession({
    identity: signed.identity, nonce: challenge.nonce, signature: signed.signature, scopes: ["consumer", "provider"], label: "page",
  });
  session.set({ token: made.token, tokenId: made.token_id, accountId: made.account_id, identity: made.identity, scopes: made.scopes });
}

export async function signInWithToken(given: string): Promise<void> {
  const token = given.trim();
  if (!/^[0-9a-f]{64}$/.test(token)) throw new Problem(0, "token_shape", "That is not a token", "A token is 64 hex digits, as `tally login` prints it.");
  const who = await whoami(token);
  session.set({ token, tokenId: who.token_id, accountId: who.account_id, identity: who.identity, scopes: who.scopes });
}

/** The token is worth nothing any more, here and elsewhere. What the server cannot be told is forgotten here alone. */
export async function signOut(): Promise<void> {
  const now = session.get();
  if (now === null) return;
  await revoke(now.tokenId).catch(() => undefined);
  session.set(null);
}

/** A link may bring a token behind '#': that part is never sent to a server, and does not stay in the address. */
export async function signInFromLink(): Promise<void> {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return;
  history.replaceState(history.state, "", location.pathname + location.search);
  await signInWithToken(token);
}
