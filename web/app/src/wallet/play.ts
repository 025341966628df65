// SPDX-License-Identifier: Apache-2.0
// On a chain with a faucet: from nothing to a signed-in wallet with money, in one step. Play money needs no passphrase.
import { askFaucet, getBalance } from "../api/routes.ts";
import { session } from "./session.ts";
import { signInWithWallet } from "./signin.ts";
import { createSeed, openIfPlay, sealWith, wallet } from "./wallet.ts";

export const PLAY_AMOUNT = 100_000_000n;

/** Money for whoever is signed in. */
export async function fetchPlayMoney(): Promise<bigint> {
  const identity = session.get()?.identity;
  if (identity == null) throw new Error("sign in first");
  return (await askFaucet(identity, PLAY_AMOUNT)).amount;
}

export async function startWithPlayMoney(): Promise<void> {
  const isNew = wallet.get().is === "none";
  if (isNew) {
    await createSeed();
    await sealWith("");
  } else if (!(await openIfPlay())) throw new Error("there is a wallet here already: unlock it with its passphrase");
  if (session.get() === null) await signInWithWallet();
  const identity = session.get()?.identity;
  if (identity != null && (isNew || (await getBalance(identity)).balance < PLAY_AMOUNT / 10n)) await fetchPlayMoney();
}
