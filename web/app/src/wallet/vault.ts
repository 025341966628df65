// SPDX-License-Identifier: Apache-2.0
// A seed at rest: secretbox (XSalsa20-Poly1305) under a key that Argon2id makes of the passphrase. libsodium's own, loaded when it is needed.

export interface Vault {
  readonly version: 1;
  readonly identity: string;
  /** No passphrase: whoever has this browser has the money. Only ever for play money. */
  readonly open: boolean;
  readonly salt: string;
  readonly ops: number;
  readonly memory: number;
  readonly nonce: string;
  readonly box: string;
}

const OPS = 3;
const MEMORY = 64 << 20; // a quarter of a second on a laptop; a phone has it, too
const MEMORY_MAX = 1 << 30;
export const PASSPHRASE_MIN = 10;

const sodium = async () => {
  const module = (await import("libsodium-wrappers-sumo")).default;
  await module.ready;
  return module;
};

export function isVault(value: unknown): value is Vault {
  const vault = value as Partial<Vault> | null;
  return (
    typeof vault === "object" && vault !== null && vault.version === 1 && typeof vault.identity === "string" && typeof vault.open === "boolean" &&
    [vault.salt, vault.nonce, vault.box].every((hex) => typeof hex === "string" && /^([0-9a-f]{2})+$/.test(hex)) &&
    Number.isInteger(vault.ops) && Number.isInteger(vault.memory) && (vault.memory as number) <= MEMORY_MAX
  );
}

export async function seal(seed: string, identity: string, passphrase: string): Promise<Vault> {
  const lib = await sodium();
  const salt = lib.randombytes_buf(lib.crypto_pwhash_SALTBYTES);
  const nonce = lib.randombytes_buf(lib.crypto_secretbox_NONCEBYTES);
  const key = lib.crypto_pwhash(lib.crypto_secretbox_KEYBYTES, passphrase.normalize("NFKC"), salt, OPS, MEMORY, lib.crypto_pwhash_ALG_ARGON2ID13);
  const box = lib.crypto_secretbox_easy(seed, nonce, key);
  lib.memzero(key);
  return {
    version: 1, identity, open: passphrase === "", ops: OPS, memory: MEMORY,
    salt: lib.to_hex(salt), nonce: lib.to_hex(nonce), box: lib.to_hex(box),
  };
}

/** null: the passphrase is another, or the vault was changed. */
export async function unseal(vault: Vault, passphrase: string): Promise<string | null> {
  const lib = await sodium();
  const key = lib.crypto_pwhash(lib.crypto_secretbox_KEYBYTES, passphrase.normalize("NFKC"), lib.from_hex(vault.salt), vault.ops, vault.memory,
    lib.crypto_pwhash_ALG_ARGON2ID13);
  try {
    return lib.to_string(lib.crypto_secretbox_open_easy(lib.from_hex(vault.box), lib.from_hex(vault.nonce), key));
  } catch {
    return null;
  } finally {
    lib.memzero(key);
  }
}
