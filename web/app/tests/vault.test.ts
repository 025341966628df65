// SPDX-License-Identifier: Apache-2.0
import { expect, test } from "vitest";
import { isVault, seal, unseal } from "../src/wallet/vault.ts";

const SEED = "thiswalletlivesinapageandnoserverhaseverseenitsseedzzzz";

test("a seed at rest is opened by its passphrase and nothing else, and is not to be read in the vault", async () => {
  const vault = await seal(SEED, "IDENTITY", "a passphrase");
  expect(isVault(JSON.parse(JSON.stringify(vault)))).toBe(true);
  expect(JSON.stringify(vault)).not.toContain(SEED);
  expect(JSON.stringify(vault)).not.toContain(Buffer.from(SEED).toString("hex"));
  expect(vault.open).toBe(false);
  expect(await unseal(vault, "a passphrase")).toBe(SEED);
  expect(await unseal(vault, "a passphrasf")).toBeNull();
  const first = vault.box.startsWith("0") ? "1" : "0";
  expect(await unseal({ ...vault, box: first + vault.box.slice(1) }, "a passphrase")).toBeNull();
  const again = await seal(SEED, "IDENTITY", "a passphrase");
  expect([again.salt === vault.salt, again.nonce === vault.nonce, again.box === vault.box]).toEqual([false, false, false]);
});

test("what is no vault is not taken for one", () => {
  const vault = { version: 1, identity: "I", open: false, salt: "00", nonce: "00", box: "00", ops: 3, memory: 64 };
  expect(isVault(vault)).toBe(true);
  for (const wrong of [null, 1, {}, { ...vault, version: 2 }, { ...vault, box: "x" }, { ...vault, memory: 2 ** 40 }, { ...vault, ops: "3" }]) expect(isVault(wrong)).toBe(false);
});
