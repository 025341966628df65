// SPDX-License-Identifier: Apache-2.0
// That an event is in the log, computed here from bytes and not taken from anybody's word (docs/record-format.md; RFC 9162, C2SP signed notes).

export interface Note {
  readonly text: string; // what is signed: three lines
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  readonly signatures: readonly { readonly name: string; readonly key: Uint8Array; readonly signature: Uint8Array }[];
}

const bytesOfText = (text: string): Uint8Array => new TextEncoder().encode(text);
const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
export const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
export const fromHex = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, index) => byte === b[index]);

export function readNote(note: string): Note {
  const at = note.indexOf("\n\n");
  const text = note.slice(0, at + 1);
  const [origin = "", size = "", root = ""] = text.split("\n");
  if (at < 0 || !/^[1-9][0-9]{0,15}$/.test(size)) throw new Error("the server's checkpoint is not a signed note");
  const signatures = note.slice(at + 2).split("\n").filter((line) => line.startsWith("\u2014 ")).map((line) => {
    const [name = "", encoded = ""] = line.slice(2).split(" ");
    const bytes = fromBase64(encoded);
    return { name, key: bytes.slice(0, 4), signature: bytes.slice(4) };
  });
  return { text, origin, size: Number(size), root: fromBase64(root), signatures };
}

export interface Hashing {
  sha256(...parts: readonly Uint8Array[]): Promise<Uint8Array>;
  verify(key: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean>;
}

const joined = (parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
};

/** The browser's own where it has it, which it has only for pages from https or this machine; else libsodium. */
export async function hashing(): Promise<Hashing> {
  const subtle = globalThis.crypto?.subtle;
  if (subtle !== undefined && (await subtle.generateKey("Ed25519", false, ["sign", "verify"]).then(() => true, () => false))) {
    return {
      sha256: async (...parts) => new Uint8Array(await subtle.digest("SHA-256", joined(parts))),
      verify: async (key, signature, message) => subtle.verify("Ed25519", await subtle.importKey("raw", joined([key]), "Ed25519", false, ["verify"]), joined([signature]), joined([message])),
    };
  }
  const sodium = (await import("libsodium-wrappers-sumo")).default;
  await sodium.ready;
  return {
    sha256: (...parts) => Promise.resolve(sodium.crypto_hash_sha256(joined(parts))),
    verify: (key, signature, message) => Promise.resolve(sodium.crypto_sign_verify_detached(signature, message, key)),
  };
}

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
export const leafOf = (hash: Hashing, record: Uint8Array): Promise<Uint8Array> => hash.sha256(LEAF, record);

/** The root that a leaf and the hashes beside its way give (RFC 9162, 2.1.3.2); null: they are not a way. */
export async function rootOf(hash: Hashing, leaf: Uint8Array, index: number, size: number, way: readonly Uint8Array[]): Promise<Uint8Array | null> {
  if (index < 0 || index >= size) return null;
  let [at, last, root] = [BigInt(index), BigInt(size - 1), leaf];
  for (const beside of way) {
    if (last === 0n) return null;
    if ((at & 1n) === 1n || at === last) {
      root = await hash.sha256(NODE, beside, root);
      while ((at & 1n) === 0n && at !== 0n) [at, last] = [at >> 1n, last >> 1n];
    } else root = await hash.sha256(NODE, root, beside);
    [at, last] = [at >> 1n, last >> 1n];
  }
  return last === 0n ? root : null;
}

const STREAMS = ["", "ledger", "account", "upload", "host", "offer", "match", "quote", "job", "escrow"];

export interface Header {
  readonly ns: bigint;
  readonly subject: string;
}
/** Of a record, what an event on the screen says too. */
export function headerOf(record: Uint8Array): Header {
  if (record.length < 105 || record[0] !== 1) throw new Error("the record has another format than this page knows");
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const id = hexOf(record.slice(24, 40)).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return { ns: view.getBigInt64(8), subject: `${STREAMS[record[6] ?? 0] ?? "?"}:${id}` };
}
/** Nanoseconds of "2026-11-25T21:05:59.470091932Z". */
export function nsOf(time: string): bigint {
  const [whole = "", fraction = ""] = time.replace(/Z$/, "").split(".");
  return BigInt(Date.parse(`${whole}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, "0").slice(0, 9) || "0");
}

/** The key that record 1 names and the note's signature is by: its id, which the note says, is a hash over it and the log's name. */
export async function signingKey(hash: Hashing, first: Uint8Array, note: Note): Promise<{ key: Uint8Array; signature: Uint8Array } | null> {
  const signed = note.signatures.filter((each) => each.name === note.origin);
  for (let at = 104; at + 34 <= first.length; at++) {
    if (first[at] !== 0xc4 || first[at + 1] !== 32) continue; // a value of 32 bytes
    const key = first.slice(at + 2, at + 34);
    const id = (await hash.sha256(bytesOfText(note.origin), Uint8Array.of(0x0a, 0x01), key)).slice(0, 4);
    const found = signed.find((each) => same(each.key, id));
    if (found !== undefined) return { key, signature: found.signature };
  }
  return null;
}

export interface Step {
  readonly good: boolean;
  readonly words: string;
}

export interface Source {
  checkpoint(): Promise<string>;
  inclusion(sequence: number, size: number): Promise<{ hashes: string[] }>;
  record(sequence: number, size: number): Promise<Uint8Array>;
}

/** Step by step; it ends at the first that fails. */
export async function prove(event: { readonly id: string; readonly subject: string; readonly time: string }, source: Source, hash: Hashing): Promise<Step[]> {
  const steps: Step[] = [];
  const add = (good: boolean, words: string) => (steps.push({ good, words }), good);
  const sequence = Number(event.id);
  const note = readNote(await source.checkpoint());
  if (!add(sequence <= note.size, sequence <= note.size ? `The newest checkpoint covers ${note.size} events, this one among them.` : `The newest checkpoint covers ${note.size} events, this one not yet: try again in a second.`)) return steps;
  const record = await source.record(sequence, note.size);
  const header = headerOf(record);
  const says = header.ns === nsOf(event.time) && (event.subject === header.subject || event.subject.startsWith("ledger"));
  if (!add(says, says ? `Its record of ${record.length} bytes has the time and the stream that are shown.` : "Its record has another time or stream than what is shown.")) return steps;
  const { hashes } = await source.inclusion(sequence, note.size);
  const leaf = await leafOf(hash, record);
  const root = await rootOf(hash, leaf, sequence - 1, note.size, hashes.map(fromHex));
  const included = root !== null && same(root, note.root);
  if (!add(included, included ? `Its hash ${hexOf(leaf).slice(0, 12)}… and the ${hashes.length} hashes beside its way give the checkpoint's root ${hexOf(note.root).slice(0, 12)}….` : "Its hash and those beside its way do not give the checkpoint's root.")) return steps;
  const signer = await signingKey(hash, sequence === 1 ? record : await source.record(1, note.size), note);
  if (signer === null) {
    add(false, "The checkpoint is signed by no key that the log's first record names.");
    return steps;
  }
  const signed = await hash.verify(signer.key, signer.signature, bytesOfText(note.text));
  add(signed, signed ? `The checkpoint is signed by the key ${hexOf(signer.key).slice(0, 12)}…, which the log's first record names.` : "The checkpoint's signature is not good.");
  return steps;
}
