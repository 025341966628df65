// SPDX-License-Identifier: Apache-2.0
// A job as its events tell it: what the monitor shows. One reducer for the past and for what is live: replaying all events gives the
// same as hearing them one by one, each counted once (tests/run.test.ts).
import * as z from "zod/mini";
import type { LedgerEvent } from "../api/schema.ts";

export interface Notch {
  readonly sequence: number;
  readonly type: string;
  readonly time: string;
  readonly label: string;
  readonly kind: "fact" | "money" | "failure";
}

export interface Line {
  readonly number: number;
  readonly source: "stdout" | "stderr";
  readonly text: string;
}

export interface Sample {
  readonly at: number;
  readonly cpu: number | null;
  readonly ram: number | null;
  readonly ramTotal: number | null;
  readonly gpu: number | null;
  readonly vram: number | null;
  readonly vramTotal: number | null;
  readonly temperature: number | null;
  readonly power: number | null;
}

const number = z._default(z.number(), 0);
const reported = z._default(z.number(), 0);
const output = z.object({ source: z.enum(["stdout", "stderr"]), first_line: number, lines: number, quota_reached: z._default(z.boolean(), false), text: z._default(z.string(), "") });
const sample = z.object({
  at_ms: number, cpu_permille: reported, ram_mib: reported, ram_total_mib: reported, gpu_permille: reported, vram_mib: reported,
  vram_total_mib: reported, temperature_c: reported, power_mw: reported,
});
const sampled = z.object({ samples: z.array(sample) });
const progressed = z.object({ permille: number, used_ms: number, operation: z._default(z.string(), "") });
const confirmed = z.object({ confirmations: number, required: number });
const ended = z.object({ ending: z.string(), reason: z.string(), used_ms: number });

const FIXED: Readonly<Record<string, readonly [string, Notch["kind"]]>> = {
  "job.created": ["submitted", "fact"],
  "deposit.observed": ["lock seen", "money"],
  "escrow.locked": ["locked", "money"],
  "escrow.expired": ["lock expired", "failure"],
  "escrow.shortfall": ["money missing", "failure"],
  "job.assigned": ["assigned", "fact"],
  "job.released": ["given back", "failure"],
  "job.started": ["started", "fact"],
  "result.stored": ["result", "fact"],
  "escrow.settled": ["settled", "money"],
  "refund.signed": ["refund signed", "money"],
  "refund.confirmed": ["refunded", "money"],
  "refund.lost": ["refund sent anew", "failure"],
  "payout.signed": ["payout signed", "money"],
  "payout.confirmed": ["paid out", "money"],
  "payout.lost": ["payout sent anew", "failure"],
  "fee.confirmed": ["fee paid", "money"],
  "return.confirmed": ["returned", "money"],
  "job.rated": ["rated", "fact"],
};

const SAMPLES_MAX = 20_000; // two seconds each: eleven hours; older ones go first
const unmeasured = (value: number): number | null => (value === 0 ? null : value);

export class Run {
  cursor = 0;
  permille = 0;
  operation = "";
  usedMs = 0;
  reportedAt: string | null = null;
  startedAt: string | null = null;
  endedAt: string | null = null;
  ending: string | null = null;
  confirmations = 0;
  required = 0;
  quotaReached = false;
  readonly notches: Notch[] = [];
  readonly lines: Line[] = [];
  readonly samples: Sample[] = [];
  results = 0;
  /** Raised with every change, for whoever follows. */
  version = 0;

  /** In order; what was applied already is passed over. True: something was new. */
  apply(events: readonly LedgerEvent[]): boolean {
    let changed = false;
    for (const event of events) {
      const sequence = Number(event.id);
      if (sequence <= this.cursor) continue;
      this.cursor = sequence;
      try {
        this.#take(event);
      } catch {
        // of a newer server, in a shape this page does not know: it is passed over, the others are shown
      }
      changed = true;
    }
    if (changed) this.version++;
    return changed;
  }

  #notch(event: LedgerEvent, label: string, kind: Notch["kind"]): void {
    this.notches.push({ sequence: Number(event.id), type: event.type, time: event.time, label, kind });
  }

  #take(event: LedgerEvent): void {
    const fixed = FIXED[event.type];
    if (fixed !== undefined) this.#notch(event, ...fixed);
    switch (event.type) {
      case "job.started":
        this.startedAt = event.time;
        this.permille = 0;
        break;
      case "job.released":
        this.startedAt = null;
        break;
      case "result.stored":
        this.results++;
        break;
      case "escrow.confirmed": {
        const { confirmations, required } = confirmed.parse(event.data);
        this.confirmations = confirmations;
        this.required = required;
        this.#notch(event, `${confirmations}/${required}`, "money");
        break;
      }
      case "job.progressed": {
        const { permille, used_ms, operation } = progressed.parse(event.data);
        this.permille = permille;
        this.usedMs = used_ms;
        this.operation = operation || this.operation;
        this.reportedAt = event.time;
        break;
      }
      case "job.output":
        this.#output(event);
        break;
      case "metric.sampled":
        this.#samples(event);
        break;
      case "job.completed":
      case "job.failed":
      case "job.cancelled": {
        const { ending, used_ms } = ended.parse(event.data);
        this.ending = ending;
        this.usedMs = used_ms;
        this.endedAt = event.time;
        this.#notch(event, event.type.slice("job.".length), event.type === "job.completed" ? "fact" : "failure");
        break;
      }
      default:
        break;
    }
  }

  // A machine that takes over from another begins at line 1 again; its lines come behind the others.
  #output(event: LedgerEvent): void {
    const { source, text, quota_reached } = output.parse(event.data);
    this.quotaReached ||= quota_reached;
    if (text === "") return;
    const lines = (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
    for (const line of lines) this.lines.push({ number: this.lines.length + 1, source, text: line.endsWith("\r") ? line.slice(0, -1) : line });
  }

  #samples(event: LedgerEvent): void {
    for (const s of sampled.parse(event.data).samples) {
      this.samples.push({
        at: s.at_ms, cpu: s.cpu_permille, ram: unmeasured(s.ram_mib), ramTotal: unmeasured(s.ram_total_mib),
        gpu: s.vram_total_mib === 0 ? null : s.gpu_permille, vram: s.vram_total_mib === 0 ? null : s.vram_mib, vramTotal: unmeasured(s.vram_total_mib),
        temperature: unmeasured(s.temperature_c), power: unmeasured(s.power_mw),
      });
    }
    if (this.samples.length > SAMPLES_MAX) this.samples.splice(0, this.samples.length - SAMPLES_MAX);
  }
}

/** The job that an event is about, its own or its escrow's. */
export function jobOf(event: LedgerEvent): string | null {
  if (event.subject.startsWith("job:")) return event.subject.slice("job:".length);
  const named = event.data["job_id"];
  return typeof named === "string" ? named : null;
}
