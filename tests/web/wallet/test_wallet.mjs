// SPDX-License-Identifier: Apache-2.0
// The page's wallet under Node.js: the project's vectors through it, what it refuses, and what it leaves in memory. TALLY_WALLET_DIR has
// wallet.js, wallet.wasm and vectors.wasm (the module's own sources and flags, plus what vectors ask for and a wallet must not offer).
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const DIR = process.env.TALLY_WALLET_DIR;
const { createWallet, WalletError } = await import(pathToFileURL(`${DIR}/wallet.js`));
const VECTORS = JSON.parse(readFileSync(`${process.env.TALLY_SOURCE_DIR}/tests/data/qubic-vectors.json`));
const MODULE = await WebAssembly.compile(readFileSync(`${DIR}/wallet.wasm`));
const wallet = await createWallet(MODULE, { crypto: webcrypto });

const SEED = VECTORS.identities[0].seed;
const SELF = VECTORS.identities[0].identity;
const ORIGIN = "https://ledger.example:8443";
const CHALLENGE = {
  origin: ORIGIN,
  log_id: "0192f3a0-5d2c-7c41-9a3e-1b2c3d4e5f60",
  nonce: "00112233445566778899aabbccddeeff",
  expires_at: "2026-11-24T02:55:46Z",
};

const bytesOf = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = (bytes) => Buffer.from(bytes).toString("hex");
const ascii = (text) => Uint8Array.from(Buffer.from(text, "latin1"));
const named = (name, words = "") => (error) =>
  error instanceof WalletError && error.name === name && error.message.includes(words) ? true : assert.fail(`${error.name}: ${error.message}`);

// ── vectors ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const checkedArrays = new Set();

// A test of every row of one array; the count is the file's own.
function vectors(name, check) {
  checkedArrays.add(name);
  test(`vectors ${name}`, () => {
    let checked = 0;
    for (const row of VECTORS[name]) {
      check(row);
      checked++;
    }
    console.log(`vectors ${name}: ${checked} checked of ${VECTORS.counts[name]}`);
    assert.equal(checked, VECTORS.counts[name]);
    assert.ok(checked > 0);
  });
}

const inside = (await WebAssembly.instantiate(await WebAssembly.compile(readFileSync(`${DIR}/vectors.wasm`)), {})).exports;
const area = () => new Uint8Array(inside.memory.buffer).subarray(inside.vector_area());

// One of vectors.wasm's exports on these fields; `size` bytes of its answer.
function ask(name, fields, size, ...more) {
  let at = 0;
  for (const field of fields) {
    area().set(field, at);
    at += field.length;
  }
  inside[name](...more);
  return area().slice(0, size);
}

function k12(input, size, customization = new Uint8Array(0), skip = 0) {
  inside.vector_k12_begin();
  for (let at = 0; at < input.length; at += 65536) {
    const part = input.subarray(at, at + 65536);
    ask("vector_k12_update", [part], 0, part.length);
  }
  return ask("vector_k12_end", [customization], size, customization.length, skip, size);
}

const pattern = (size) => Uint8Array.from({ length: size }, (_, i) => i % 251);

vectors("k12", ({ len, gen, inputHex, outLen, outputHex }) => {
  const input = Uint8Array.from({ length: len }, (_, i) => (i * gen.mul + gen.add) % gen.mod);
  if (inputHex !== undefined) assert.equal(hexOf(input), inputHex);
  assert.equal(hexOf(k12(input, outLen)), outputHex);
});

vectors("k12Rfc9861", ({ inputKind, len, customLen, skip, outLen, outputHex }) => {
  const input = inputKind === "ff" ? new Uint8Array(len).fill(0xff) : pattern(len);
  assert.equal(hexOf(k12(input, outLen, pattern(customLen), skip)), outputHex);
});

vectors("fourq", (row) => {
  if (row.op === "decode") {
    const answer = ask("vector_decode", [bytesOf(row.encodedHex)], 97);
    assert.equal(answer[0] === 1, row.onCurve);
    if (row.onCurve) assert.equal(hexOf(answer.subarray(1)), row.xHex + row.yHex + row.encodedHex);
  } else if (row.op === "mulBase") {
    assert.equal(hexOf(ask("vector_mul_base", [bytesOf(row.kHex)], 32)), row.resultHex);
  } else {
    assert.equal(row.op, "mulDouble(k*G+l*P)");
    assert.equal(hexOf(ask("vector_mul_double", [row.kHex, row.lHex, row.pHex].map(bytesOf), 32)), row.resultHex);
  }
});

vectors("identities", ({ seed, subseedHex, privateKeyHex, publicKeyHex, identity }) => {
  assert.deepEqual(wallet.identityOf(seed), { identity, publicKey: publicKeyHex });
  assert.equal(wallet.publicKeyOf(identity), publicKeyHex);
  assert.equal(wallet.identityOfPublicKey(publicKeyHex), identity);
  assert.equal(wallet.checkIdentity(identity), true);
  assert.equal(hexOf(ask("vector_secrets", [ascii(seed)], 64)), subseedHex + privateKeyHex);
});

vectors("signatures", ({ subseedHex, publicKeyHex, digestHex, signatureHex, valid }) => {
  assert.equal(wallet.verify({ publicKey: publicKeyHex, digest: digestHex, signature: signatureHex }), valid);
  assert.equal(hexOf(ask("vector_sign", [subseedHex, publicKeyHex, digestHex].map(bytesOf), 64)), signatureHex);
});

vectors("transactions", (row) => {
  const payment = { destination: row.destinationIdentity, amount: row.amount, tick: row.tick, inputType: row.inputType, input: row.inputHex };
  assert.deepEqual(wallet.signTransaction(row.seed, payment), { hex: row.txHex, id: row.txHash });
  assert.deepEqual(wallet.signTransaction(row.seed, { ...payment, amount: BigInt(row.amount) }), { hex: row.txHex, id: row.txHash });
  checkRead(row);
});

vectors("realTransactions", checkRead);

function checkRead(row) {
  assert.deepEqual(wallet.readTransaction(row.txHex), {
    source: row.sourceIdentity,
    destination: row.destinationIdentity,
    amount: row.amount,
    tick: row.tick,
    inputType: row.inputType,
    input: row.inputHex,
    signature: row.signatureHex,
    id: row.txHash,
    signatureValid: true,
  });
}

const isRefused = ({ publicKeyHex, digestHex, signatureHex, reason }) =>
  assert.equal(wallet.verify({ publicKey: publicKeyHex, digest: digestHex, signature: signatureHex }), false, reason);
vectors("verifyNegative", isRefused);
vectors("verifyMixedOrder", isRefused);

test("a key with a low-order part is judged as the network judges", () => {
  const { mixedOrder, counts } = JSON.parse(readFileSync(`${process.env.TALLY_SOURCE_DIR}/tests/data/qubic-mixed-order.json`));
  const accepted = mixedOrder.filter(({ publicKeyHex, digestHex, signatureHex, validInQubicCore }) => {
    const valid = wallet.verify({ publicKey: publicKeyHex, digest: digestHex, signature: signatureHex });
    assert.equal(valid, validInQubicCore);
    return valid;
  });
  console.log(`vectors mixedOrder: ${mixedOrder.length} checked of ${counts.mixedOrder}`);
  assert.equal(mixedOrder.length, counts.mixedOrder);
  assert.ok(accepted.length > 0 && accepted.length < mixedOrder.length);
});

vectors("badIdentities", ({ identity, reason }) => {
  assert.equal(wallet.checkIdentity(identity), false, reason);
  assert.throws(() => wallet.publicKeyOf(identity), named("IdentityInvalid", "60 capital letters"), reason);
});

vectors("contractIdentities", ({ publicKeyHex, identity }) => {
  assert.equal(wallet.publicKeyOf(identity), publicKeyHex);
  assert.equal(wallet.identityOfPublicKey(publicKeyHex), identity);
});

test("no array of the vectors is left out", () => {
  assert.deepEqual([...checkedArrays].sort(), Object.keys(VECTORS.counts).sort());
});

// ── signing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

test("a sign-in text is built from its parts and signed, and the signature is good for it alone", () => {
  const request = { origin: ORIGIN, challenge: CHALLENGE };
  const signed = wallet.signIn(SEED, request);
  assert.equal(
    signed.text,
    `Tallystick sign-in v1\norigin: ${ORIGIN}\nlog: ${CHALLENGE.log_id}\nidentity: ${SELF}\nnonce: ${CHALLENGE.nonce}\nexpires: ${CHALLENGE.expires_at}\n`,
  );
  assert.equal(signed.identity, SELF);
  const { publicKey } = wallet.identityOf(SEED);
  const digest = hexOf(k12(ascii(signed.text), 32));
  assert.equal(wallet.verify({ publicKey, digest, signature: signed.signature }), true);
  const good = { ...request, identity: SELF, signature: signed.signature };
  assert.equal(wallet.verifySignIn(good), true);
  const others = [
    { ...good, origin: `${ORIGIN}0`, challenge: { ...CHALLENGE, origin: `${ORIGIN}0` } },
    { ...good, challenge: { ...CHALLENGE, log_id: "0192f3a0-5d2c-7c41-9a3e-1b2c3d4e5f61" } },
    { ...good, challenge: { ...CHALLENGE, nonce: "00112233445566778899aabbccddeefe" } },
    { ...good, challenge: { ...CHALLENGE, expires_at: "2026-11-24T02:55:47Z" } },
    { ...good, identity: VECTORS.identities[1].identity },
  ];
  for (const other of others) assert.equal(wallet.verifySignIn(other), false);
});

test("a challenge for another origin, or one with a line inside a part, is not signed", () => {
  assert.throws(() => wallet.signIn(SEED, { origin: "https://evil.example", challenge: CHALLENGE }), named("OriginDiffers", ORIGIN));
  const bad = {
    origin: ["", `${ORIGIN}\nlog: x`, `${ORIGIN} `, "https://ä.example", `https://${"o".repeat(250)}`, undefined],
    log_id: ["", "0192F3A0-5D2C-7C41-9A3E-1B2C3D4E5F60", `${CHALLENGE.log_id}\n`, "0192f3a005d2c-7c41-9a3e-1b2c3d4e5f60", 7],
    nonce: ["", CHALLENGE.nonce.slice(1), `${CHALLENGE.nonce}0`, CHALLENGE.nonce.toUpperCase(), "0011223344556677\n899aabbccddeeff"],
    expires_at: ["", "2026-11-24T02:55:46.5Z", "2026-11-24 02:55:46Z", "2026-11-24T02:55:46Z\n", null],
  };
  for (const [part, texts] of Object.entries(bad)) {
    for (const text of texts) {
      const challenge = { ...CHALLENGE, [part]: text };
      assert.throws(() => wallet.signIn(SEED, { origin: challenge.origin, challenge }), named("ChallengeInvalid", part));
    }
  }
});

test("a transaction with any bit changed is refused or has no good signature", () => {
  const { hex } = wallet.signTransaction(SEED, { destination: VECTORS.identities[1].identity, amount: 5n, tick: 9, inputType: 3, input: "00ff" });
  const wire = bytesOf(hex);
  for (let bit = 0; bit < 8 * wire.length; bit++) {
    const changed = Uint8Array.from(wire);
    changed[bit >> 3] ^= 1 << (bit & 7);
    let valid = false;
    try {
      valid = wallet.readTransaction(hexOf(changed)).signatureValid;
    } catch (error) {
      assert.equal(error.name, "TransactionInvalid");
    }
    assert.equal(valid, false, `bit ${bit}`);
  }
});

test("amounts are exact to the last unit and never a number", () => {
  const pay = (amount) => wallet.signTransaction(SEED, { destination: SELF, amount, tick: 1 });
  for (const amount of ["0", "1", "999999999999999", "1000000000000000"]) {
    assert.equal(wallet.readTransaction(pay(amount).hex).amount, amount);
    assert.deepEqual(pay(BigInt(amount)), pay(amount));
  }
  for (const amount of [1, 1e15, "1000000000000001", 10n ** 15n + 1n, -1n, "-1", "01", "1.0", "1e3", "", " 1", "0x10", 2n ** 64n, null, undefined]) {
    assert.throws(() => pay(amount), named("AmountInvalid", "0 to 1000000000000000"));
  }
});

test("bad arguments are refused by name, and no message holds a seed", () => {
  const payment = { destination: SELF, amount: 1n, tick: 1 };
  const signature = "0".repeat(128);
  const key = "0".repeat(64);
  const seeds = ["", SEED.slice(1), `${SEED}a`, SEED.toUpperCase(), `${SEED.slice(1)}1`, `${SEED.slice(1)}\u0161`, `${SEED.slice(1)}\0`, undefined, [SEED]];
  for (const seed of seeds) {
    for (const act of [() => wallet.identityOf(seed), () => wallet.signTransaction(seed, payment), () => wallet.signIn(seed, { origin: ORIGIN, challenge: CHALLENGE })]) {
      assert.throws(act, (error) => named("SeedInvalid", "55 letters")(error) && !(typeof seed === "string" && seed.length > 1 && error.message.includes(seed)));
    }
  }
  const rows = [
    ["IdentityInvalid", () => wallet.signTransaction(SEED, { ...payment, destination: SELF.toLowerCase() })],
    ["IdentityInvalid", () => wallet.publicKeyOf(`${SELF}A`)],
    ["IdentityInvalid", () => wallet.publicKeyOf(undefined)],
    ["TickInvalid", () => wallet.signTransaction(SEED, { ...payment, tick: 2 ** 32 })],
    ["TickInvalid", () => wallet.signTransaction(SEED, { ...payment, tick: -1 })],
    ["TickInvalid", () => wallet.signTransaction(SEED, { ...payment, tick: 1.5 })],
    ["TickInvalid", () => wallet.signTransaction(SEED, { ...payment, tick: "1" })],
    ["InputTypeInvalid", () => wallet.signTransaction(SEED, { ...payment, inputType: 65536 })],
    ["InputInvalid", () => wallet.signTransaction(SEED, { ...payment, input: "0".repeat(2050) })],
    ["InputInvalid", () => wallet.signTransaction(SEED, { ...payment, input: "0" })],
    ["InputInvalid", () => wallet.signTransaction(SEED, { ...payment, input: "0g" })],
    ["TransactionInvalid", () => wallet.readTransaction("00".repeat(143))],
    ["TransactionInvalid", () => wallet.readTransaction("00".repeat(145))],
    ["TransactionInvalid", () => wallet.readTransaction("00".repeat(1169))],
    ["TransactionInvalid", () => wallet.readTransaction("ff".repeat(144))],
    ["PublicKeyInvalid", () => wallet.identityOfPublicKey("00".repeat(31))],
    ["PublicKeyInvalid", () => wallet.verify({ publicKey: `${key}00`, digest: key, signature })],
    ["DigestInvalid", () => wallet.verify({ publicKey: key, digest: "", signature })],
    ["SignatureInvalid", () => wallet.verify({ publicKey: key, digest: key, signature: "00".repeat(63) })],
    ["SignatureInvalid", () => wallet.verifySignIn({ origin: ORIGIN, challenge: CHALLENGE, identity: SELF, signature: "x" })],
  ];
  for (const [name, act] of rows) assert.throws(act, named(name));
  assert.equal(wallet.checkIdentity(7), false);
});

test("a new seed has letters of equal chance, from the given source alone", async () => {
  const drawn = [];
  let next = 0;
  const counting = { getRandomValues: (bytes) => bytes.forEach((_, i) => drawn.push((bytes[i] = next++ & 0xff))) };
  const counted = await createWallet(MODULE, { crypto: counting });
  const counts = new Map();
  for (let i = 0; i < 234 * 26; i += 55) {
    for (const letter of counted.newSeed()) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  }
  assert.ok(drawn.includes(234) && drawn.includes(255)); // drawn, and not used
  assert.equal(counts.size, 26);
  assert.ok(Math.max(...counts.values()) - Math.min(...counts.values()) <= 9);
  const there = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  Object.defineProperty(globalThis, "crypto", { value: undefined, configurable: true }); // as in Node.js 18
  try {
    const without = await createWallet(MODULE);
    assert.throws(() => without.newSeed(), named("RandomMissing", "webcrypto"));
  } finally {
    delete globalThis.crypto;
    if (there !== undefined) Object.defineProperty(globalThis, "crypto", there);
  }
  const seed = wallet.newSeed();
  assert.match(seed, /^[a-z]{55}$/);
  assert.notEqual(seed, wallet.newSeed());
  assert.equal(wallet.checkIdentity(wallet.identityOf(seed).identity), true);
});

// ── the module itself ────────────────────────────────────────────────────────────────────────────────────────────────

const OPERATIONS = { // name: least and greatest size of the input
  wallet_identity_of_seed: [55, 55],
  wallet_identity_of_key: [32, 32],
  wallet_key_of_identity: [60, 60],
  wallet_sign_transaction: [101, 1125],
  wallet_read_transaction: [144, 1168],
  wallet_sign_in: [143, 398],
  wallet_verify_sign_in: [184, 439],
  wallet_verify: [128, 128],
};

async function raw() {
  const { exports } = await WebAssembly.instantiate(MODULE, {});
  exports._initialize();
  const memory = new Uint8Array(exports.memory.buffer);
  const size = exports.wallet_area_size();
  const at = { input: exports.wallet_input(), output: exports.wallet_output() };
  return { exports, memory, at, size, input: memory.subarray(at.input, at.input + size), output: memory.subarray(at.output, at.output + size) };
}

test("the module imports nothing and exports nothing that signs what it is given", () => {
  assert.deepEqual(WebAssembly.Module.imports(MODULE), []);
  const names = WebAssembly.Module.exports(MODULE).map(({ name }) => name);
  assert.deepEqual(names.sort(), ["_initialize", "memory", "wallet_area_size", "wallet_input", "wallet_output", ...Object.keys(OPERATIONS)].sort());
});

test("every export refuses a wrong size, and answers nothing then", async () => {
  const { exports, input, output } = await raw();
  for (const [name, [least, greatest]] of Object.entries(OPERATIONS)) {
    for (const size of [0, 1, least - 1, greatest + 1, input.length, input.length + 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
      input.fill(0x61);
      assert.equal(exports[name](size), -1, `${name}(${size})`);
      assert.ok(input.every((byte) => byte === 0));
      assert.ok(output.every((byte) => byte === 0));
    }
    for (const size of [least, greatest]) {
      input.fill(0x61);
      assert.notEqual(exports[name](size), -1, `${name}(${size})`);
    }
  }
});

// Little-endian.
const numberOf = (bytes) => BigInt(`0x${hexOf(Uint8Array.from(bytes).reverse())}`);
const bytesOfNumber = (number) => bytesOf(number.toString(16).padStart(64, "0")).reverse();
const ORDER = 0x0029cbc14e5e0a72f05397829cbc14e5dfbd004dfe0f79992fb2540ec7768ce7n;

// Everything that may not be found afterwards: whoever has one of these can sign.
function secretsOf(row, signedDigest) {
  const subseed = bytesOf(row.subseedHex);
  const keys = k12(subseed, 64);
  assert.equal(hexOf(keys.subarray(0, 32)), row.privateKeyHex);
  const nonce = k12(Uint8Array.from([...keys.subarray(32), ...signedDigest]), 32);
  const reduced = (bytes) => bytesOfNumber(numberOf(bytes) % ORDER);
  return {
    "the seed": ascii(row.seed),
    "the seed's letters from 0": ascii(row.seed).map((letter) => letter - 97),
    "the subseed": subseed,
    "the private key": keys.slice(0, 32),
    "the private key modulo r": reduced(keys.subarray(0, 32)),
    "the nonce's key": keys.slice(32),
    "the nonce": nonce,
    "the nonce modulo r": reduced(nonce),
  };
}

// Eight bytes of a secret anywhere are found: a register's worth of it.
function findSecrets(memory, secrets) {
  const found = [];
  const whole = Buffer.from(memory);
  for (const [what, secret] of Object.entries(secrets)) {
    for (let at = 0; at + 8 <= secret.length; at++) {
      const part = secret.subarray(at, at + 8);
      if (part.some((byte) => byte !== part[0]) && whole.includes(part)) found.push(`${what}, from byte ${at}`);
    }
  }
  return found;
}

test("after a call memory is as it was but for the output, and holds nothing of the seed", async () => {
  const row = VECTORS.identities.find(({ seed }) => new Set(seed).size > 10);
  const { exports, memory, at, size, input, output } = await raw();
  const before = Uint8Array.from(memory);
  const payment = [row.publicKeyHex, "0500000000000000", "09000000", "0300", "00ff"].map((hex) => [...bytesOf(hex)]).flat();
  const parts = ascii(CHALLENGE.log_id + CHALLENGE.nonce + CHALLENGE.expires_at + ORIGIN);
  const calls = {
    wallet_identity_of_seed: [],
    wallet_sign_transaction: payment,
    wallet_sign_in: parts,
  };
  for (const [name, more] of Object.entries(calls)) {
    const given = Uint8Array.from([...ascii(row.seed), ...more]);
    input.set(given);
    const written = findSecrets(memory, { "the seed": ascii(row.seed) });
    assert.ok(written.length > 0, "the search finds what is there");
    const answered = exports[name](given.length);
    assert.ok(answered > 0, `${name}: ${answered}`);
    const answer = output.slice(0, answered);
    const digest = name === "wallet_sign_in" ? k12(answer.slice(64), 32) : k12(answer.slice(0, Math.max(0, answered - 60 - 64)), 32);
    assert.deepEqual(findSecrets(memory, secretsOf(row, digest)), [], name);
    const changed = [];
    memory.forEach((byte, i) => (byte !== before[i] && !(i >= at.output && i < at.output + size) ? changed.push(i) : 0));
    assert.deepEqual(changed, [], name);
  }
  input.set(ascii(`${row.seed.slice(1)}1`)); // refused: gone as well
  assert.equal(exports.wallet_identity_of_seed(55), -2);
  assert.deepEqual(findSecrets(memory, { "the seed": ascii(row.seed) }), []);
});

// A wallet over the module with some of its exports replaced.
async function wrapped(replaced) {
  const { instantiate } = WebAssembly;
  let memory;
  WebAssembly.instantiate = async (...given) => {
    const { exports } = await instantiate(...given);
    memory = exports.memory;
    return { exports: { ...exports, ...replaced } };
  };
  try {
    return { wallet: await createWallet(MODULE), memory: () => new Uint8Array(memory.buffer) };
  } finally {
    WebAssembly.instantiate = instantiate;
  }
}

test("a wallet whose module trapped is empty and stays out of use", async () => {
  const { wallet: trapping, memory } = await wrapped({
    wallet_sign_transaction() {
      assert.ok(findSecrets(memory(), { "the seed": ascii(VECTORS.identities[5].seed) }).length > 0);
      throw new WebAssembly.RuntimeError("unreachable");
    },
  });
  const payment = { destination: SELF, amount: 1n, tick: 1 };
  assert.throws(() => trapping.signTransaction(VECTORS.identities[5].seed, payment), named("WalletBroken", "unreachable"));
  assert.ok(memory().every((byte) => byte === 0));
  assert.throws(() => trapping.identityOf(SEED), named("WalletBroken", "make another"));
});
