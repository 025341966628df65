// SPDX-License-Identifier: Apache-2.0
// Generated inputs: 200 of them from a seed that a failure prints; TALLY_SEED repeats it.

export class Random {
  constructor(private state: number) {}
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
  /** Of all sizes, small ones as likely as large ones. */
  amount(limit: bigint): bigint {
    const digits = this.below(limit.toString().length) + 1;
    const text = Array.from({ length: digits }, () => this.below(10)).join("");
    return BigInt(text) % limit;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

export function forAll<T>(make: (random: Random) => T, check: (value: T, random: Random) => void): void {
  const given = process.env["TALLY_SEED"];
  const first = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  for (let turn = 0; turn < (given === undefined ? 200 : 1); turn++) {
    const random = new Random(first + turn);
    try {
      check(make(random), random);
    } catch (error) {
      throw new Error(`TALLY_SEED=${first + turn}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}

/** The same for what takes its time, or a document: 100 of them. */
export async function forAllTurns(check: (random: Random) => Promise<void>): Promise<void> {
  const given = process.env["TALLY_SEED"];
  const first = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  for (let turn = 0; turn < (given === undefined ? 100 : 1); turn++) {
    try {
      await check(new Random(first + turn));
    } catch (error) {
      throw new Error(`TALLY_SEED=${first + turn}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}
