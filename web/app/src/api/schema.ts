// SPDX-License-Identifier: Apache-2.0
// What the server answers, checked where it comes in: the fields that the page shows, of the many that the contract has. Fields that are not named
// here are ignored, so a newer server may add some; that every answer of the contract is taken is checked by the compiler (contract.ts).
import * as z from "zod/mini";

export const amount = z.pipe(z.int(), z.transform((value: number) => BigInt(value)));
const text = z.string();
const time = z.nullable(z.string());
const count = z.number();
const names = z._default(z.array(text), []);
const name = z._default(z.nullable(text), null);

export const list = <T extends z.ZodMiniType>(item: T) => z.object({ items: z.array(item), next: z.nullable(z.union([z.string(), z.number()])) });

export const challenge = z.object({ nonce: text, origin: text, log_id: text, expires_at: text });
export const session = z.object({
  token: text, token_id: text, account_id: text, identity: text, scopes: z.array(text), expires_at: time,
});
export const revoked = z.object({ revoked: z.boolean() });
export const whoami = z.object({ account_id: z.nullable(text), identity: z.nullable(text), scopes: z.array(text), token_id: text });

export const terms = z.object({
  origin: text, log: text, log_id: text, network: text,
  terms: z.object({
    fee_bps: count, margin_bps: count, lock_min: amount, quote_valid_s: count, lock_wait_s: count, confirmations: count, tick_offset: count,
    upload_max: count, lease_s: count, queue_max_s: count,
    endings: z.array(z.object({ ending: text, provider_paid: z.boolean() })),
  }),
  chain: z.object({ tick: count, tick_ms: count, processed: count, answers: z.boolean(), explorer_url: z._default(z.nullable(text), null), faucet: z._default(z.boolean(), false) }),
});

export const ready = z.object({ ready: z.boolean(), ledger: z.object({ head: count, writable: z.boolean(), reason: text }), settlement: z.object({ chain_answers: z.boolean(), reason: text }) });

export const offer = z.object({
  id: text, provider_id: text, host_id: text, device: text, model: text, gpus: count, vram_mib: count, tflops_milli: count, ram_mib: count,
  storage_mib: count, cpu_cores: count, speed_permille: count, rate: amount, network_allowed: z._default(z.boolean(), false), online: z.boolean(), busy: z.boolean(),
  packages: z._default(z.nullable(z.record(text, text)), null), models: names, images: names,
});

export const analysis = z.object({
  kind: text, job_type: text, primary: z._default(text, "none"), frameworks: z._default(z.array(z.unknown()), []),
  confidence: z.object({ value: count, level: text }),
  requirements: z.object({ device: text, gpus: count, vram_mib: count, tflops: count, ram_mib: count, storage_mib: count, packages: names, model: name, image: name }),
  estimate: z.object({ p50_seconds: count, p90_seconds: count, level: text, basis: text, reference: text }),
  evidence: z.array(z.object({ file: text, line: count, words: text, claim: text })),
  environment: z._default(z.array(z.object({ name: text, needed: z.boolean(), file: text, line: count })), []),
  entry: z._default(z.nullable(text), null),
  files: z._default(z.array(z.object({ path: text, kind: text, role: text, size: count, error: z.nullable(text) })), []),
});
const figures = z.object({
  job_type: text, device: text, gpus: count, vram_mib: count, tflops_milli: count, ram_mib: count, storage_mib: count, p50_ms: count, p90_ms: count,
  packages: names, model: name, image: name,
});
/** The private part of an upload was erased at its owner's wish: it cannot be a job any more. */
const erased = z.pipe(z.object({ confidence_permille: count }), z.transform(() => null));
/** What an upload's owner said of it last. */
const override = z.extend(figures, { reason: z.nullish(text), at: text, sequence: count });
export const upload = z.object({
  id: text, file_name: text, size: count, digest: z.nullable(text), received_at: time, 
  analysis: z.nullable(z.union([analysis, erased])), override: z._default(z.nullable(override), null),
});
/** One that comes in pieces. */
export const resumable = z.object({ id: text, size: count, offset: count, upload_id: z.nullable(text) });
export const overridden = z.object({ override: z.nullable(override) });

export const estimates = z.object({
  job_type: text,
  workload: z.object({ text, assumed: z.array(text), same_program: z.boolean(), sources: z.array(z.object({ gpu: text, seconds: count, status: text, source: text })) }),
  estimates: z.array(z.object({
    gpu: z.nullable(text), p50_ms: count, p90_ms: count, text, likely: text, level: text, basis: text, observed: count,
    price: z.nullable(z.object({ rate: amount, per_minute_milli: count, total: z.nullable(amount), cap: z.nullable(amount) })),
  })),
});

export const fits = ["recommended", "compatible", "borderline", "insufficient"] as const;
export const rank = z.object({
  rank: count, offer_id: text, fit: z.enum(fits), score: count, p50_ms: count, p90_ms: count, cost: z.nullable(amount), cap: z.nullable(amount), why: text,
  reasons: z.array(z.object({ check: text, fit: z.enum(fits), text })), offer: z.nullable(offer),
});
export const orders = ["value", "price", "performance", "availability"] as const;
/** The market as it is, for an upload (docs/matching.md). */
export const matches = z.object({
  upload_id: text, computed_at: count, offer_count: count,
  classes: z.object({ recommended: count, compatible: count, borderline: count, insufficient: count }),
  not_suitable: z.array(z.object({ check: text, count, text })),
  best: z.array(z.object({ picked_as: text, best_at: z.array(text), match: rank })),
  ranking: z.array(rank), next: z.nullable(count),
});
/** A ranking that was recorded: a quote may name it. */
export const match = z.object({ id: text });

export const quote = z.object({
  id: text, upload_id: text, offer_id: text, rate: amount, p50_ms: count, p90_ms: count, margin_bps: count, fee_bps: count, cap: amount,
  limit_ms: count, expires_at: text, sealing_key: z._default(z.nullable(text), null),
});

export const escrow = z.object({
  id: text, identity: text, amount, last_tick: count, input_type: count, input: text,
  status: z.enum(["requested", "observed", "locked", "settled", "closed"]), confirmations: count, required: count, expected_ms: z.nullable(count),
  lock_transaction: z.nullable(text), consumer_identity: z.nullable(text), provider_identity: z.nullable(text), shortfall: z.boolean(),
});
export const leg = z.object({
  kind: text, amount, status: text, tx_id: z.nullable(text), destination: z.nullable(text), attempt: count, expected_ms: z.nullable(count),
});
export const jobStatuses = ["awaiting_lock", "queued", "assigned", "running", "completed", "failed", "cancelled"] as const;
export const job = z.object({
  id: text, status: z.enum(jobStatuses), ending: z.nullable(text), reason: z.nullable(text), fault: z.nullable(text), detail: z.nullish(text),
  file_name: z.nullish(text), results_folder: z.nullish(text), image: z.nullish(text), account_id: text, provider_id: text, host_id: z.nullable(text), upload_id: text, offer_id: text, quote_id: text,
  rate: amount, cap: amount, limit_ms: count, network: z._default(z.boolean(), false), used_ms: count, gross: amount, fee: amount, payout: amount, refund: amount,
  permille: count, operation: z.nullish(text), created_at: text, queued_at: time, assigned_at: time, started_at: time, ended_at: time,
  exit_status: z.nullish(count), signal: z.nullish(count), attempt: count, results: count, stars: count, settled: z.boolean(), erased_at: name,
  escrow: z.nullable(escrow), legs: z.array(leg), sequence: count,
});

export const outputPage = z.object({
  items: z.array(z.object({ source: z.enum(["stdout", "stderr"]), first_line: count, lines: count, quota_reached: z.boolean(), text })), next: z.nullable(count), last_line: count,
});
/** As events have them, too. */
export const sample = z.object({
  at_ms: count, cpu_permille: z._default(count, 0), ram_mib: z._default(count, 0), ram_total_mib: z._default(count, 0), gpu_permille: z._default(count, 0), vram_mib: z._default(count, 0),
  vram_total_mib: z._default(count, 0), temperature_c: z._default(count, 0), power_mw: z._default(count, 0),
});
export const metricPage = z.object({ items: z.array(z.union([sample, z.object({ from_ms: count })])), next: z.nullable(count) });
export const timeline = z.object({ items: z.array(z.object({ sequence: count, at: text, type: text })), next: z.nullable(count) });

export const result = z.object({ name: text, size: count, digest: text, sequence: count });
/** What is private is gone, and this much is counted for its account no more. */
export const erasure = z.object({ erased_at: text, freed: count });
export const broadcast = z.object({ transaction_id: text, peers: count });
export const balance = z.object({ identity: text, balance: amount, tick: count, age_ms: count, stale: z.boolean() });
export const faucet = z.object({ identity: text, amount });

export const earnings = z.object({
  total: amount, today: amount, week: amount, month: amount, pending: amount, jobs_completed: count, jobs_ended: count, worked_ms: count,
  average_rate: amount, by_day: z.array(z.object({ day: text, amount })),
  active: z.array(z.object({ job_id: text, earned: amount, since: time, rate: amount, cap: amount, used_ms: count })),
  uptime: z.object({ hosts: count }),
});
export const transaction = z.object({
  sequence: count, at: text, changed_at: time, kind: text, amount, direction: z.enum(["in", "out", "none"]), status: text, tx_id: z.nullable(text),
  job_id: z.nullable(text), identity: z.nullable(text),
});

/** A CloudEvent. `data` is looked at by who knows the type (live/run.ts). */
export const event = z.object({ id: text, type: text, subject: text, time: text, data: z.record(text, z.unknown()) });
export const events = z.object({ items: z.array(event), next: z.nullable(z.union([z.string(), z.number()])), head: z.optional(count) });
export const feedMessage = z.union([z.object({ event }), z.object({ live: count })]);

export const problem = z.object({
  title: z._default(text, ""), status: z._default(count, 0), code: z._default(text, ""), detail: z._default(text, ""),
  errors: z._default(z.array(z.object({ pointer: text, detail: text })), []),
});

export type Terms = z.infer<typeof terms>;
export type Offer = z.infer<typeof offer>;
export type Analysis = z.infer<typeof analysis>;
export type Upload = z.infer<typeof upload>;
export type Figures = z.infer<typeof figures>;
export type Estimates = z.infer<typeof estimates>;
export type Fit = (typeof fits)[number];
export type Rank = z.infer<typeof rank>;
export type Order = (typeof orders)[number];
export type Matches = z.infer<typeof matches>;
export type Quote = z.infer<typeof quote>;
export type Escrow = z.infer<typeof escrow>;
export type Job = z.infer<typeof job>;
export type JobStatus = (typeof jobStatuses)[number];
export type Sampled = z.infer<typeof sample>;
export type Erasure = z.infer<typeof erasure>;
export type Result = z.infer<typeof result>;
export type Balance = z.infer<typeof balance>;
export type Earnings = z.infer<typeof earnings>;
export type Transaction = z.infer<typeof transaction>;
export type LedgerEvent = z.infer<typeof event>;
export type Session = z.infer<typeof session>;
