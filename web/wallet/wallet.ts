// SPDX-License-Identifier: Apache-2.0
// The wallet of a page: the core's own C, as WebAssembly, behind types. For a page, a worker or Node.js 18.
//
// A seed goes into the module's memory, is gone from it when the call returns, and goes nowhere else. What is signed is built
// inside from its parts, so no server can have bytes of its own choice signed. Every function throws a WalletError, whose `name`
// says which argument was wrong and whose message says what would be right; no message holds a secret.
// Amounts are whole QUBIC, as bigint or decimal text: a number would lose units above 2^53.

export type WalletErrorName =
  | "SeedInvalid"
  | "IdentityInvalid"
  | "PublicKeyInvalid"
  | "DigestInvalid"
  | "SignatureInvalid"
  | "AmountInvalid"
  | "TickInvalid"
  | "InputTypeInvalid"
  | "InputInvalid"
  | "TransactionInvalid"
  | "ChallengeInvalid"
  | "OriginDiffers" // the challenge is for another place than the one this page thinks it is at
  | "RandomMissing"
  | "WalletBroken"; // a fault of ours; make another wallet

export class WalletError extends Error {
  override readonly name: WalletErrorName;
  constructor(name: WalletErrorName, message: string) {
    super(message);
    this.name = name;
  }
}

export interface Identity {
  /** 60 capital letters, the last four a checksum */
  readonly identity: string;
  /** 64 hex digits */
  readonly publicKey: string;
}

export interface Payment {
  /** identity */
  readonly destination: string;
  /** 0 to 10^15 */
  readonly amount: bigint | string;
  /** the only tick in which it may execute */
  readonly tick: number;
  /** 0, a plain transfer, if left out */
  readonly inputType?: number;
  /** hex, at most 1,024 bytes; none if left out */
  readonly input?: string;
}

export interface SignedTransaction {
  readonly hex: string;
  /** 60 small letters */
  readonly id: string;
}

export interface Transaction {
  readonly source: string;
  readonly destination: string;
  /** decimal */
  readonly amount: string;
  readonly tick: number;
  readonly inputType: number;
  readonly input: string;
  readonly signature: string;
  readonly id: string;
  /** the source's, and one the network accepts */
  readonly signatureValid: boolean;
}

/** What POST /v1/auth/challenge answers. */
export interface Challenge {
  readonly origin: string;
  readonly log_id: string;
  readonly nonce: string;
  readonly expires_at: string;
}

export interface SignInRequest {
  /** where the page itself thinks it is (location.origin); never the challenge's */
  readonly origin: string;
  readonly challenge: Challenge;
}

export interface SignedSignIn {
  readonly identity: string;
  /** what was signed, for the person to read */
  readonly text: string;
  /** 128 hex digits */
  readonly signature: string;
}

export interface Wallet {
  /** 55 letters a to z, each as likely as any other. */
  newSeed(): string;
  identityOf(seed: string): Identity;
  /** The 64 hex digits of an identity's key. */
  publicKeyOf(identity: string): string;
  identityOfPublicKey(publicKey: string): string;
  /** Whether it is the one right text of some key. */
  checkIdentity(text: string): boolean;
  signTransaction(seed: string, payment: Payment): SignedTransaction;
  readTransaction(hex: string): Transaction;
  signIn(seed: string, request: SignInRequest): SignedSignIn;
  verifySignIn(request: SignInRequest & { readonly identity: string; readonly signature: string }): boolean;
  /** All hex: 32, 32 and 64 bytes. False for everything the network would refuse. */
  verify(signed: { readonly publicKey: string; readonly digest: string; readonly signature: string }): boolean;
}

export interface WalletOptions {
  /** whose random bytes a new seed is made of; globalThis.crypto if left out (Node.js 18 has none: webcrypto of node:crypto) */
  readonly crypto?: Pick<Crypto, "getRandomValues">;
}

const SEED_SIZE = 55;
const IDENTITY_SIZE = 60;
const KEY_SIZE = 32;
const SIGNATURE_SIZE = 64;
const HEAD_SIZE = 80; // of a transaction, before its input
const AMOUNT_MAX = 10n ** 15n;
const INPUT_SIZE_MAX = 1024;

type Operation =
  | "wallet_identity_of_seed"
  | "wallet_identity_of_key"
  | "wallet_key_of_identity"
  | "wallet_sign_transaction"
  | "wallet_read_transaction"
  | "wallet_sign_in"
  | "wallet_verify_sign_in"
  | "wallet_verify";

type Exports = { readonly [name in Operation]: (size: number) => number } & {
  readonly memory: WebAssembly.Memory;
  readonly _initialize: () => void;
  readonly wallet_input: () => number;
  readonly wallet_output: () => number;
  readonly wallet_area_size: () => number;
};

// `enum wallet_refusal` of exports.h. The wrapper checked sizes and ranges before, so that of these a caller sees seeds and identities.
const REFUSALS: { readonly [code: number]: readonly [WalletErrorName, string] } = {
  [-2]: ["SeedInvalid", "a seed is exactly 55 letters from a to z"],
  [-3]: ["IdentityInvalid", "not a Qubic identity: expected 60 capital letters, the last four their checksum"],
  [-4]: ["TransactionInvalid", "not a Qubic transaction: expected 144 bytes and its input of at most 1,024, an amount of at most 10^15"],
  [-5]: ["ChallengeInvalid", "a part of the sign-in text is ill-formed"],
};

function refuse(name: WalletErrorName, message: string): never {
  throw new WalletError(name, message);
}

function refuseCode(code: number): never {
  const [name, message] = REFUSALS[code] ?? (["WalletBroken", `the module answered ${code}`] as const);
  refuse(name, message);
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const textOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

// `value` may be anything: JavaScript calls this too.
function bytesOfHex(value: unknown, size: { min: number; max: number }, name: WalletErrorName, what: string): Uint8Array {
  const text = typeof value === "string" ? value : "x";
  if (text.length % 2 !== 0 || text.length < 2 * size.min || text.length > 2 * size.max || !/^[0-9a-fA-F]*$/.test(text)) {
    const digits = size.min === size.max ? `${2 * size.min}` : `an even number, ${2 * size.min} to ${2 * size.max},`;
    refuse(name, `${what} is ${digits} hex digits`);
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

const bytesOfSize = (value: unknown, size: number, name: WalletErrorName, what: string): Uint8Array =>
  bytesOfHex(value, { min: size, max: size }, name, what);

function amountOf(value: unknown): bigint {
  const amount =
    typeof value === "bigint" ? value : typeof value === "string" && /^(0|[1-9][0-9]{0,15})$/.test(value) ? BigInt(value) : -1n;
  if (amount < 0n || amount > AMOUNT_MAX) {
    refuse("AmountInvalid", "an amount is 0 to 1000000000000000 QUBIC, as a bigint or in decimal digits");
  }
  return amount;
}

function wholeNumber(value: unknown, max: number, name: WalletErrorName, what: string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > max) {
    refuse(name, `${what} is a whole number from 0 to ${max}`);
  }
  return value;
}

// The module checks them again; here each is called by its name.
const PARTS: readonly (readonly [keyof Challenge, RegExp, string])[] = [
  ["log_id", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, "like 0192f3a0-5d2c-7c41-9a3e-1b2c3d4e5f60"],
  ["nonce", /^[0-9a-f]{32}$/, "32 hex digits in lower case"],
  ["expires_at", /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/, "a time like 2026-11-24T02:55:46Z"],
  ["origin", /^[!-~]{1,255}$/, "1 to 255 printable ASCII characters without blanks, as https://ledger.example"],
];

// In the order in which the module reads them. A RegExp's $ is the end and nothing else without the flag m.
function partsOf(request: SignInRequest): string {
  const { origin, challenge } = request;
  const texts = PARTS.map(([name, form, expected]) => {
    const text: unknown = challenge[name];
    if (typeof text !== "string" || !form.test(text)) refuse("ChallengeInvalid", `${name} of the challenge: expected ${expected}`);
    return text;
  });
  if (origin !== challenge.origin) {
    refuse("OriginDiffers", `this server calls itself ${challenge.origin}, not ${origin}: not signed`);
  }
  return texts.join("");
}

/** `module`: the bytes of wallet.wasm, or what WebAssembly.compileStreaming made of them. */
export async function createWallet(module: WebAssembly.Module | BufferSource, options: WalletOptions = {}): Promise<Wallet> {
  const compiled = module instanceof WebAssembly.Module ? module : await WebAssembly.compile(module);
  const exports = (await WebAssembly.instantiate(compiled, {})).exports as unknown as Exports;
  exports._initialize();
  const memory = new Uint8Array(exports.memory.buffer); // never grows
  const input = memory.subarray(exports.wallet_input(), exports.wallet_input() + exports.wallet_area_size());
  const output = memory.subarray(exports.wallet_output(), exports.wallet_output() + exports.wallet_area_size());
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  let broken = false;

  // What `fields` are, one behind the other, into the module; the answer, copied. Texts are written letter by letter: an encoder
  // would leave a copy of the seed in memory of its own. What is no ASCII becomes a byte that is no letter of anything.
  function call(operation: Operation, ...fields: readonly (string | Uint8Array)[]): Uint8Array {
    if (broken) refuse("WalletBroken", "this wallet failed before: make another");
    try {
      let at = 0;
      for (const field of fields) {
        if (typeof field === "string") {
          for (let i = 0; i < field.length; i++) {
            const code = field.charCodeAt(i);
            view.setUint8(at + i, code < 0x80 ? code : 0xff);
          }
        } else {
          input.set(field, at);
        }
        at += field.length;
      }
      const size = exports[operation](at);
      return size < 0 ? refuseCode(size) : output.slice(0, size);
    } catch (error) {
      if (error instanceof WalletError && error.name !== "WalletBroken") throw error;
      broken = true;
      memory.fill(0); // it stopped in the middle: the seed may be anywhere
      refuse("WalletBroken", `the module failed: ${error instanceof Error ? error.message : "without a reason"}`);
    }
  }

  // Of the right type and length; the module looks at its letters, in constant time.
  function checked(seed: string): string {
    return typeof seed === "string" && seed.length === SEED_SIZE ? seed : refuseCode(-2);
  }

  function keyOf(identity: string): Uint8Array {
    if (typeof identity !== "string" || identity.length !== IDENTITY_SIZE) refuseCode(-3);
    return call("wallet_key_of_identity", identity);
  }

  function newSeed(): string {
    const random = options.crypto ?? globalThis.crypto;
    if (random === undefined) {
      refuse("RandomMissing", "there is no globalThis.crypto: give createWallet({ crypto }), as webcrypto of node:crypto");
    }
    const letters = new Uint8Array(SEED_SIZE);
    const drawn = new Uint8Array(1);
    for (let i = 0; i < SEED_SIZE; ) {
      random.getRandomValues(drawn);
      const byte = drawn[0]!;
      if (byte < 234) letters[i++] = 97 + (byte % 26); // 234 = 9 × 26: what is above would make some letters likelier
    }
    const seed = textOf(letters);
    letters.fill(0);
    drawn.fill(0);
    return seed;
  }

  function identityOf(seed: string): Identity {
    const answer = call("wallet_identity_of_seed", checked(seed));
    return { identity: textOf(answer.subarray(KEY_SIZE)), publicKey: hexOf(answer.subarray(0, KEY_SIZE)) };
  }

  return {
    newSeed,
    identityOf,
    publicKeyOf: (identity) => hexOf(keyOf(identity)),

    identityOfPublicKey(publicKey) {
      const key = bytesOfSize(publicKey, KEY_SIZE, "PublicKeyInvalid", "a public key");
      return textOf(call("wallet_identity_of_key", key));
    },

    checkIdentity(text) {
      try {
        keyOf(text);
        return true;
      } catch (error) {
        if (error instanceof WalletError && error.name === "IdentityInvalid") return false;
        throw error;
      }
    },

    signTransaction(seed, payment) {
      const destination = keyOf(payment.destination);
      const numbers = new DataView(new ArrayBuffer(14));
      numbers.setBigInt64(0, amountOf(payment.amount), true);
      numbers.setUint32(8, wholeNumber(payment.tick, 0xffffffff, "TickInvalid", "a tick"), true);
      numbers.setUint16(12, wholeNumber(payment.inputType ?? 0, 0xffff, "InputTypeInvalid", "an input type"), true);
      const given = bytesOfHex(payment.input ?? "", { min: 0, max: INPUT_SIZE_MAX }, "InputInvalid", "an input");
      const answer = call("wallet_sign_transaction", checked(seed), destination, new Uint8Array(numbers.buffer), given);
      const size = answer.length - IDENTITY_SIZE;
      return { hex: hexOf(answer.subarray(0, size)), id: textOf(answer.subarray(size)) };
    },

    readTransaction(hex) {
      const sizes = { min: HEAD_SIZE + SIGNATURE_SIZE, max: HEAD_SIZE + SIGNATURE_SIZE + INPUT_SIZE_MAX };
      const wire = bytesOfHex(hex, sizes, "TransactionInvalid", "a transaction");
      const numbers = new DataView(wire.buffer);
      const answer = call("wallet_read_transaction", wire);
      const text = (index: number): string => textOf(answer.subarray(1 + IDENTITY_SIZE * index, 1 + IDENTITY_SIZE * (index + 1)));
      return {
        source: text(0),
        destination: text(1),
        amount: numbers.getBigInt64(64, true).toString(),
        tick: numbers.getUint32(72, true),
        inputType: numbers.getUint16(76, true),
        input: hexOf(wire.subarray(HEAD_SIZE, wire.length - SIGNATURE_SIZE)),
        signature: hexOf(wire.subarray(wire.length - SIGNATURE_SIZE)),
        id: text(2),
        signatureValid: answer[0] === 1,
      };
    },

    signIn(seed, request) {
      const parts = partsOf(request);
      const { identity } = identityOf(seed);
      const answer = call("wallet_sign_in", checked(seed), parts);
      return { identity, text: textOf(answer.subarray(SIGNATURE_SIZE)), signature: hexOf(answer.subarray(0, SIGNATURE_SIZE)) };
    },

    verifySignIn(request) {
      const parts = partsOf(request);
      const signature = bytesOfSize(request.signature, SIGNATURE_SIZE, "SignatureInvalid", "a signature");
      return call("wallet_verify_sign_in", keyOf(request.identity), signature, parts)[0] === 1;
    },

    verify(signed) {
      const publicKey = bytesOfSize(signed.publicKey, KEY_SIZE, "PublicKeyInvalid", "a public key");
      const digest = bytesOfSize(signed.digest, KEY_SIZE, "DigestInvalid", "a digest");
      const signature = bytesOfSize(signed.signature, SIGNATURE_SIZE, "SignatureInvalid", "a signature");
      return call("wallet_verify", publicKey, digest, signature)[0] === 1;
    },
  };
}
