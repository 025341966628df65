// SPDX-License-Identifier: Apache-2.0
// The wallet as the page has it: a vault at rest, and a worker while it is open.
//
//     none ── create, import ──▶ open ── lock, 15 minutes without a signature, a closed tab ──▶ locked ── passphrase ──▶ open
//
// A wallet of play money has no passphrase and is opened by itself.
import { createStore } from "../lib/store.ts";
import { load, save } from "../lib/storage.ts";
import { isVault, type Vault } from "./vault.ts";
import type { Answer, Call, Calls } from "./worker.ts";

export type WalletState =
  | { readonly is: "none" }
  | { readonly is: "locked"; readonly vault: Vault }
  | { readonly is: "open"; readonly vault: Vault };

const IDLE_MS = 15 * 60_000;

export class WalletRefusal extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

const kept = load("wallet");
export const wallet = createStore<WalletState>(isVault(kept) ? { is: "locked", vault: kept } : { is: "none" });

let worker: Worker | null = null;
let idle: ReturnType<typeof setTimeout> | undefined;
let nextId = 1;
const waiting = new Map<number, { resolve: (answer: never) => void; reject: (error: Error) => void }>();

function end(): void {
  worker?.terminate();
  worker = null;
  clearTimeout(idle);
  for (const { reject } of waiting.values()) reject(new WalletRefusal("WalletLocked", "the wallet was locked"));
  waiting.clear();
}

function call<Name extends keyof Calls>(name: Name, given: Parameters<Calls[Name]>[0]): Promise<ReturnType<Calls[Name]>> {
  if (worker === null) {
    worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const asked = waiting.get(data.id);
      waiting.delete(data.id);
      if ("error" in data) asked?.reject(new WalletRefusal(data.error.name, data.error.message));
      else asked?.resolve(data.answer as never);
    };
    worker.onerror = () => {
      for (const { reject } of waiting.values()) reject(new WalletRefusal("WalletBroken", "the wallet's program could not be loaded; reload the page"));
      waiting.clear();
    };
  }
  clearTimeout(idle);
  idle = setTimeout(() => {
    const state = wallet.get();
    if (state.is !== "open" || !state.vault.open) lock();
  }, IDLE_MS);
  const id = nextId++;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker?.postMessage({ id, name, given } as Call);
  });
}

function keep(vault: Vault): void {
  if (!save("wallet", vault)) {
    end();
    throw new WalletRefusal("NotKept", "this browser does not keep what a page stores (private mode?), so the wallet would be lost with the tab: not made");
  }
  wallet.set({ is: "open", vault });
}

/** A new seed, to be written down; nothing is kept until `sealWith`. */
export const createSeed = (): Promise<{ seed: string; identity: string }> => call("create", undefined as never);
export const takeSeed = (seed: string): Promise<{ identity: string }> => call("take", { seed });
export async function sealWith(passphrase: string): Promise<void> {
  keep(await call("seal", { passphrase }));
}

export async function unlock(passphrase: string): Promise<void> {
  const state = wallet.get();
  if (state.is !== "locked") return;
  await call("open", { vault: state.vault, passphrase });
  wallet.set({ is: "open", vault: state.vault });
}

/** Open, or openable without anybody: then it is open after this. */
export async function openIfPlay(): Promise<boolean> {
  const state = wallet.get();
  if (state.is === "locked" && state.vault.open) await unlock("");
  return wallet.get().is === "open";
}

export async function reveal(passphrase: string): Promise<string> {
  const state = wallet.get();
  if (state.is === "none") throw new WalletRefusal("NoWallet", "there is no wallet here");
  return (await call("reveal", { vault: state.vault, passphrase })).seed;
}

export function lock(): void {
  const state = wallet.get();
  end();
  if (state.is === "open") wallet.set({ is: "locked", vault: state.vault });
}

/** Its seed is gone from this browser; whoever wrote it down still has the money. */
export function forget(): void {
  end();
  save("wallet", null);
  wallet.set({ is: "none" });
}

export const signSignIn = (given: Parameters<Calls["signIn"]>[0]) => call("signIn", given);
export const signPayment = (given: Parameters<Calls["sign"]>[0]) => call("sign", given);

// Another tab made, locked or forgot it.
if (typeof window !== "undefined") {
  window.addEventListener("storage", (event) => {
    if (event.key !== "tally.wallet") return;
    const now = load("wallet");
    end();
    wallet.set(isVault(now) ? { is: "locked", vault: now } : { is: "none" });
  });
}
