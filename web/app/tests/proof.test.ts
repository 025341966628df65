// SPDX-License-Identifier: Apache-2.0
// R16.4 in the page: what it calls proved is in the log, and whatever is changed is found. The tree is computed here from the RFC's definition.
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { expect, test } from "vitest";
import { hashing, headerOf, hexOf, nsOf, prove, readNote, rootOf, leafOf, fromHex, type Source } from "../src/lib/proof.ts";
import { Random } from "./generate.ts";

const sha = (...parts: Uint8Array[]) => new Uint8Array(createHash("sha256").update(Buffer.concat(parts)).digest());
const split = (count: number) => 2 ** Math.floor(Math.log2(count - 1));
const tree = (leaves: Uint8Array[]): Uint8Array => (leaves.length === 1 ? (leaves[0] as Uint8Array) : sha(Uint8Array.of(1), tree(leaves.slice(0, split(leaves.length))), tree(leaves.slice(split(leaves.length)))));
function way(leaves: Uint8Array[], index: number): Uint8Array[] {
  if (leaves.length === 1) return [];
  const at = split(leaves.length);
  return index < at ? [...way(leaves.slice(0, at), index), tree(leaves.slice(at))] : [...way(leaves.slice(at), index - at), tree(leaves.slice(0, at))];
}

const ORIGIN = "tally.test/01a213c8-803d-72a4-b537-1277fe812081/1";
const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const KEY = new Uint8Array(publicKey.export({ format: "der", type: "spki" }).subarray(-32));
const TIME = "2026-11-25T21:05:59.470091932Z";
const SUBJECT = "job:01a213c8-803d-72a4-b537-1277fe812081";

function record(random: Random, more: Uint8Array = new Uint8Array()): Uint8Array {
  const bytes = new Uint8Array(110 + random.below(60) + more.length);
  bytes.set(Array.from(bytes, () => random.below(256)));
  bytes[0] = 1;
  bytes[6] = 8;
  new DataView(bytes.buffer).setBigInt64(8, nsOf(TIME));
  bytes.set(fromHex(SUBJECT.slice(4).replaceAll("-", "")), 24);
  bytes.set(more, bytes.length - more.length);
  return bytes;
}

interface Log {
  records: Uint8Array[];
  note: string;
  source: Source;
}
function log(random: Random, size: number): Log {
  const records = Array.from({ length: size }, (_, index) => record(random, index === 0 ? Uint8Array.of(6, 0xc4, 32, ...KEY, 7, 1) : undefined));
  const leaves = records.map((bytes) => sha(Uint8Array.of(0), bytes));
  const text = `${ORIGIN}\n${size}\n${Buffer.from(tree(leaves)).toString("base64")}\n`;
  const id = sha(Buffer.from(ORIGIN), Uint8Array.of(0x0a, 1), KEY).slice(0, 4);
  const note = `${text}\n\u2014 ${ORIGIN} ${Buffer.concat([id, sign(null, Buffer.from(text), privateKey)]).toString("base64")}\n`;
  return {
    records, note,
    source: {
      checkpoint: () => Promise.resolve(note),
      inclusion: (sequence) => Promise.resolve({ hashes: way(leaves, sequence - 1).map(hexOf) }),
      record: (sequence) => Promise.resolve(records[sequence - 1] as Uint8Array),
    },
  };
}
const good = (steps: readonly { good: boolean }[]) => steps.every((step) => step.good);

test("R16.4: every event of logs of every size is proved, in four steps", async () => {
  const hash = await hashing();
  const random = new Random(7);
  for (let size = 1; size <= 40; size++) {
    const { source } = log(random, size);
    for (let sequence = 1; sequence <= size; sequence += 1 + random.below(5)) {
      const steps = await prove({ id: String(sequence), subject: SUBJECT, time: TIME }, source, hash);
      expect([steps.length, good(steps)]).toEqual([4, true]);
    }
  }
});

test("R16.4: whatever is changed is found: a byte of the record, a hash, the root, the signature, the time, the stream, the place, the key", async () => {
  const hash = await hashing();
  for (let seed = 1; seed <= 100; seed++) {
    const random = new Random(seed);
    const size = 2 + random.below(30);
    const { source, note, records } = log(random, size);
    const sequence = 1 + random.below(size);
    const event = { id: String(sequence), subject: SUBJECT, time: TIME };
    const flip = (bytes: Uint8Array, from = 0) => {
      const changed = bytes.slice();
      const at = from + random.below(bytes.length - from);
      changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
      return changed;
    };
    const changes: [string, Partial<Source>, Partial<typeof event>][] = [
      ["record", { record: (n) => Promise.resolve(n === sequence ? flip(records[n - 1] as Uint8Array, 104) : (records[n - 1] as Uint8Array)) }, {}],
      ["hash", { inclusion: async (n, of) => ({ hashes: (await source.inclusion(n, of)).hashes.map((hex, index) => (index === 0 ? hexOf(flip(fromHex(hex))) : hex)) }) }, {}],
      ["one hash less", { inclusion: async (n, of) => ({ hashes: (await source.inclusion(n, of)).hashes.slice(1) }) }, {}],
      ["one hash more", { inclusion: async (n, of) => ({ hashes: [...(await source.inclusion(n, of)).hashes, "00".repeat(32)] }) }, {}],
      ["root", { checkpoint: () => Promise.resolve(note.replace(/\n(.)(.*)\n\n/, (_, first: string, rest: string) => `\n${first === "A" ? "B" : "A"}${rest}\n\n`)) }, {}],
      ["signature", { checkpoint: () => Promise.resolve(note.replace(/(.{12})(.)(.{40,})\n$/, (_, a: string, b: string, c: string) => `${a}${b === "A" ? "B" : "A"}${c}\n`)) }, {}],
      ["time", {}, { time: "2026-11-25T21:05:59.470091933Z" }],
      ["stream", {}, { subject: SUBJECT.replace("job", "offer") }],
      ["a later one", {}, { id: String(size + 1) }],
    ];
    for (const [what, from, of] of changes) {
      const steps = await prove({ ...event, ...of }, { ...source, ...from }, hash);
      expect(good(steps), `seed ${seed}: ${what}`).toBe(false);
    }
    // Another key in the first record: nobody signed.
    const steps = await prove(event, { ...source, record: async (n) => (n === 1 ? record(random) : source.record(n, size)) }, hash);
    expect(good(steps)).toBe(false);
  }
});

test("times to the nanosecond, headers and notes are read as they are written", async () => {
  expect(nsOf("1970-01-01T00:00:01.5Z")).toBe(1_500_000_000n);
  expect(nsOf("1970-01-01T00:00:01Z")).toBe(1_000_000_000n);
  expect(headerOf(record(new Random(1)))).toEqual({ ns: nsOf(TIME), subject: SUBJECT });
  expect(() => headerOf(new Uint8Array(120))).toThrow("another format");
  expect(() => readNote("nonsense")).toThrow("not a signed note");
  const hash = await hashing();
  expect(await rootOf(hash, await leafOf(hash, Uint8Array.of(5)), 3, 3, [])).toBeNull();
});
