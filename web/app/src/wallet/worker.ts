// SPDX-License-Identifier: Apache-2.0
// Where the seed lives while the wallet is open: in a worker of its own, ended by `lock`. The page sends what is to be signed and gets the
// signature; it sees the seed only when somebody asks to write it down.
import wasmUrl from "#wallet.wasm?url";
import { createWallet, type Challenge, type Payment, type Wallet } from "../../../wallet/wallet.ts";
import { seal, unseal, type Vault } from "./vault.ts";

export interface Calls {
  /** A new seed, and its identity; kept here until it is sealed. */
  create(): { seed: string; identity: string };
  /** Somebody's own seed; likewise. */
  take(given: { seed: string }): { identity: string };
  seal(given: { passphrase: string }): Vault;
  open(given: { vault: Vault; passphrase: string }): { identity: string };
  reveal(given: { vault: Vault; passphrase: string }): { seed: string };
  signIn(given: { origin: string; challenge: Challenge }): { identity: string; signature: string; text: string };
  sign(given: Payment): { hex: string; id: string };
}
export type Call = { [Name in keyof Calls]: { id: number; name: Name; given: Parameters<Calls[Name]>[0] } }[keyof Calls];
export type Answer = { id: number; answer: unknown } | { id: number; error: { name: string; message: string } };

let seed: string | null = null;
let loading: Promise<Wallet> | null = null;
const wallet = () => (loading ??= WebAssembly.compileStreaming(fetch(wasmUrl)).then((module) => createWallet(module)));

function fail(name: string, message: string): never {
  throw Object.assign(new Error(message), { name });
}
function opened(): string {
  return seed ?? fail("WalletLocked", "the wallet is locked");
}
async function unsealed({ vault, passphrase }: { vault: Vault; passphrase: string }): Promise<string> {
  const found = await unseal(vault, passphrase);
  if (found === null) return fail("PassphraseWrong", "that is not this wallet's passphrase");
  if ((await wallet()).identityOf(found).identity !== vault.identity) return fail("VaultChanged", "this vault holds another identity than it says");
  return found;
}

const calls: { [Name in keyof Calls]: (given: Parameters<Calls[Name]>[0]) => Promise<ReturnType<Calls[Name]>> } = {
  async create() {
    const module = await wallet();
    seed = module.newSeed();
    return { seed, identity: module.identityOf(seed).identity };
  },
  async take(given) {
    const { identity } = (await wallet()).identityOf(given.seed);
    seed = given.seed;
    return { identity };
  },
  async seal({ passphrase }) {
    return seal(opened(), (await wallet()).identityOf(opened()).identity, passphrase);
  },
  async open(given) {
    seed = await unsealed(given);
    return { identity: given.vault.identity };
  },
  async reveal(given) {
    return { seed: await unsealed(given) };
  },
  async signIn(request) {
    return (await wallet()).signIn(opened(), request);
  },
  async sign(payment) {
    return (await wallet()).signTransaction(opened(), payment);
  },
};

// One after another: a wallet that is being sealed is not opened in between.
let last: Promise<unknown> = Promise.resolve();
self.onmessage = ({ data }: MessageEvent<Call>) => {
  last = last.then(async () => {
    let answer: Answer;
    try {
      answer = { id: data.id, answer: await (calls[data.name] as (given: unknown) => Promise<unknown>)(data.given) };
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      answer = { id: data.id, error: { name, message } };
    }
    self.postMessage(answer);
  });
};
