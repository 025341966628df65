// SPDX-License-Identifier: Apache-2.0
// On a chain with a faucet: from nothing to a signed-in wallet with money, in one step. Play money needs no passphrase.
import type { QueryClient } from "@tanstack/react-query";
import { askFaucet, getBalance } from "../api/routes.ts";
import type { CurlOf } from "../lib/curl.ts";
import { session } from "./session.ts";
import { signInWithWallet } from "./signin.ts";
import { createSeed, openIfPlay, sealWith, wallet } from "./wallet.ts";

export const PLAY_AMOUNT = 100_000_000n;
/** What is asked for then, for a terminal. */
export const playMoney = (identity: string): CurlOf => ({ path: "/v1/faucet", method: "POST", body: { identity, amount: Number(PLAY_AMOUNT) } });

/** Money for whoever is signed in. What is shown of it is asked for anew: it may have been asked for while there was none, and is good for half a minute. */
export async function fetchPlayMoney(queries: QueryClient): Promise<bigint> {
  const identity = session.get()?.identity;
  if (identity == null) throw new Error("sign in first");
  const { amount } = await askFaucet(identity, PLAY_AMOUNT);
  await queries.cancelQueries({ queryKey: ["balance"] }); // an answer on its way may be from before
  void queries.invalidateQueries({ queryKey: ["balance"] });
  return amount;
}

export async function startWithPlayMoney(queries: QueryClient): Promise<void> {
  const isNew = wallet.get().is === "none";
  if (isNew) {
    await createSeed();
    await sealWith("");
  } else if (!(await openIfPlay())) throw new Error("there is a wallet here already: unlock it with its passphrase");
  if (session.get() === null) await signInWithWallet();
  const identity = session.get()?.identity;
  if (identity != null && (isNew || (await getBalance(identity)).balance < PLAY_AMOUNT / 10n)) await fetchPlayMoney(queries);
}
