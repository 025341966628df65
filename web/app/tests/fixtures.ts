// SPDX-License-Identifier: Apache-2.0
// The server's answers, as far as the page reads them.
import type * as z from "zod/mini";
import type * as account from "../src/api/account.ts";
import type * as schema from "../src/api/schema.ts";
import type { Random } from "./generate.ts";

type Sent<T extends z.ZodMiniType> = z.input<T>;
export type Job = Sent<typeof schema.job>;
type Offer = Sent<typeof schema.offer>;
type Rank = Sent<typeof schema.rank>;
type Upload = Sent<typeof schema.upload>;

export const id = (number: number): string => `01a213c8-803d-72a4-b537-${number.toString(16).padStart(12, "0")}`;
const AT = "2026-11-25T12:00:00Z";
const AMOUNT_MAX = 2n * 10n ** 14n;
const amount = (random: Random): number => Number(random.amount(AMOUNT_MAX));

export const offer = (change: Partial<Offer> = {}): Offer => ({
  id: id(1), provider_id: id(2), host_id: id(3), device: "gpu", model: "RTX 4090", gpus: 1, vram_mib: 24_564, tflops_milli: 82_600, ram_mib: 65_536, storage_mib: 500_000,
  cpu_cores: 16, speed_permille: 1000, rate: 3_600_000, online: true, busy: false, ...change,
});

export const FITS = ["recommended", "compatible", "borderline", "insufficient"] as const;
export function match(random: Random, number: number): Rank {
  const p50_ms = 1000 + random.below(10 ** 7);
  const fit = random.pick(FITS);
  return {
    rank: number, offer_id: id(number), fit, score: random.below(101), p50_ms, p90_ms: p50_ms + random.below(10 ** 7), cost: amount(random), cap: amount(random), why: "",
    reasons: [{ check: "vram", fit, text: `needs 10 GiB of GPU memory, has ${random.below(99)} GiB` }], offer: offer({ id: id(number), model: `machine ${number}`, rate: amount(random) }),
  };
}

export function matches(ranking: readonly Rank[]): Sent<typeof schema.matches> {
  const count = (fit: Rank["fit"]) => ranking.filter((each) => each.fit === fit).length;
  return {
    upload_id: id(7), computed_at: 9, offer_count: ranking.length,
    classes: { recommended: count("recommended"), compatible: count("compatible"), borderline: count("borderline"), insufficient: count("insufficient") },
    not_suitable: count("insufficient") > 0 ? [{ check: "vram", count: count("insufficient"), text: "needs 10 GiB of GPU memory" }] : [],
    best: ranking.filter((each) => each.fit !== "insufficient").slice(0, 3).map((each) => ({ picked_as: "best_value", best_at: [], match: each })),
    ranking: [...ranking], next: null,
  };
}

const JOB_TYPES = ["mnist", "stable_diffusion", "llm_training", "data_processing", "custom"] as const;
export function upload(random: Random, change: Partial<Upload> = {}): Upload {
  const p50_seconds = 1 + random.below(10_000);
  return {
    id: id(7), file_name: "train.py", size: 1 + random.below(10 ** 6), digest: "0".repeat(64), received_at: AT, override: null,
    analysis: {
      kind: "python", primary: "pytorch", job_type: random.pick(JOB_TYPES), confidence: { value: 0.9, level: random.pick(["low", "medium", "high"]) },
      requirements: { device: random.pick(["gpu", "cpu"] as const), gpus: 1, vram_mib: 1024 * (1 + random.below(80)), tflops: 1 + random.below(90), ram_mib: 1024 * (1 + random.below(99)), storage_mib: 1024 * (1 + random.below(999)) },
      estimate: { reference: "RTX 4090", p50_seconds, p90_seconds: p50_seconds + random.below(10_000), level: "medium", basis: "benchmarks" },
      evidence: [{ file: "train.py", line: 1, words: "import torch", claim: "uses PyTorch" }],
    },
    ...change,
  };
}

export const job = (change: Partial<Job> = {}): Job => ({
  id: id(5), status: "running", ending: null, reason: null, fault: null, account_id: "01a213c8-803d-72a4-b537-1277fe812081", provider_id: id(2), host_id: id(3), upload_id: id(7), offer_id: id(1), quote_id: id(8),
  rate: 3_600_000, cap: 1_000_000, limit_ms: 1_000_000, used_ms: 0, gross: 0, fee: 0, payout: 0, refund: 0, permille: 0, exit_status: 0, signal: 0, attempt: 1, results: 0, stars: 0,
  created_at: AT, queued_at: AT, assigned_at: AT, started_at: AT, ended_at: null, settled: false, sequence: 9, file_name: "train.py", operation: "epoch 1", legs: [],
  escrow: {
    id: id(6), identity: "E".repeat(60), amount: 1_000_000, last_tick: 1000, input_type: 1, input: "00", status: "locked", confirmations: 3, required: 3, expected_ms: null,
    lock_transaction: null, consumer_identity: "A".repeat(60), provider_identity: "B".repeat(60), shortfall: false,
  },
  ...change,
});

export const terms = (change: Partial<Sent<typeof schema.terms>["terms"]> = {}): Sent<typeof schema.terms> => ({
  origin: "http://x", log: "l", log_id: id(1), network: "local", terms: {
    fee_bps: 0, margin_bps: 2500, lock_min: 1000, quote_valid_s: 600, lock_wait_s: 900, confirmations: 3, tick_offset: 5, upload_max: 10 ** 8, lease_s: 30, queue_max_s: 86_400, endings: [], ...change },
  chain: { tick: 1, tick_ms: 1000, processed: 1, answers: true, faucet: false },
});

export const earnings = (): Sent<typeof account.earnings> => ({
  total: 5, today: 1, week: 2, month: 3, pending: 0, jobs_completed: 1, jobs_ended: 1, worked_ms: 1000, average_rate: 7, ratings: 0, stars: 0,
  uptime: { days: 30, hosts: 1, online_ms: 1, possible_ms: 2, permille: 500 }, by_day: Array.from({ length: 30 }, (_, day) => ({ day: `2026-11-${String(day + 1).padStart(2, "0")}`, amount: day })), active: [],
});

export function estimates(random: Random): Sent<typeof schema.estimates> {
  const rate = amount(random);
  return {
    job_type: "mnist", workload: { same_program: false, assumed: [], text: "5 epochs", sources: [] },
    estimates: [{
      gpu: "RTX 4090", p50_ms: 120_000, p90_ms: 180_000, text: "2–3 minutes", likely: "2 minutes", level: "medium", basis: "benchmarks", observed: 0,
      price: { rate, per_minute_milli: Number((BigInt(rate) * 1000n) / 60n), total: amount(random), cap: amount(random) },
    }],
  };
}
