// SPDX-License-Identifier: Apache-2.0
// A job as its events tell it: what the monitor shows, but for its output (output.ts). Its past comes as a timeline and as samples, which leave out what
// may be long; what is heard since is applied to that, each event once (tests/run.test.ts).
import * as z from "zod/mini";
import * as schema from "../api/schema.ts";
import type { LedgerEvent } from "../api/schema.ts";

export interface Notch {
  readonly sequence: number;
  readonly type: string;
  readonly time: string;
  readonly label: string;
  readonly kind: "fact" | "money" | "failure";
}

export interface Sample {
  readonly at: number; // milliseconds since the start
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
const sampled = z.object({ samples: z.array(schema.sample) });
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
  "job.erased": ["data erased", "fact"],
};

const ENDS = new Set(["job.completed", "job.failed", "job.cancelled"]);
const SAMPLES_MAX = 20_000; // two seconds each: eleven hours; older ones go first
const OVERLAP_MAX = 1000;
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
  readonly notches: Notch[] = [];
  readonly samples: Sample[] = [];
  results = 0;
  /** Raised with every change, for whoever follows. */
  version = 0;

  /** As it stood after an event, at its time: nothing that came later. What was reported up to then is in the job itself. */
  until(sequence: number, time: string, startedAt: string | null): Run {
    const run = new Run();
    run.notches.push(...this.notches.filter((notch) => notch.sequence <= sequence));
    if (startedAt !== null) run.samples.push(...this.samples.filter((sample) => Date.parse(startedAt) + sample.at <= Date.parse(time)));
    run.version = this.version;
    return run;
  }

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

  #notch(event: Pick<LedgerEvent, "id" | "type" | "time">, label: string, kind: Notch["kind"]): void {
    this.notches.push({ sequence: Number(event.id), type: event.type, time: event.time, label, kind });
  }

  #take(event: LedgerEvent): void {
    const fixed = FIXED[event.type];
    if (fixed !== undefined) this.#notch(event, ...fixed);
    switch (event.type) {
      case "job.started":
        this.startedAt = event.time;
        this.permille = 0;
        this.samples.length = 0; // what another machine measured is not of this run
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
      case "metric.sampled":
        this.#samples(sampled.parse(event.data).samples, "known"); // the feed begins some time before now, with what was asked for
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

  // What was asked for and what was heard overlap.
  #samples(list: readonly schema.Sampled[], earlier: "known" | "anew"): void {
    const known = new Set(this.samples.slice(-OVERLAP_MAX).map(({ at }) => at));
    for (const s of list) {
      if (known.has(s.at_ms)) continue;
      if (s.at_ms < (this.samples.at(-1)?.at ?? 0)) {
        if (earlier === "known") continue;
        this.samples.length = 0;
        known.clear();
      }
      this.samples.push({
        at: s.at_ms, cpu: s.cpu_permille, ram: unmeasured(s.ram_mib), ramTotal: unmeasured(s.ram_total_mib),
        gpu: s.vram_total_mib === 0 ? null : s.gpu_permille, vram: s.vram_total_mib === 0 ? null : s.vram_mib, vramTotal: unmeasured(s.vram_total_mib),
        temperature: unmeasured(s.temperature_c), power: unmeasured(s.power_mw),
      });
    }
    if (this.samples.length > SAMPLES_MAX) this.samples.splice(0, this.samples.length - SAMPLES_MAX);
  }

  /** What a server kept of its measurements, page by page. A machine that takes over from another begins at 0 again: what the other measured is not of this run. */
  takeSamples(list: readonly schema.Sampled[]): void {
    this.#samples(list, "anew");
    this.version++;
  }

  /** What has happened so far, by name: what an event says is left out, but the count of confirmations, which is its place. */
  takeTimeline(list: readonly { sequence: number; at: string; type: string }[], required: number): void {
    for (const { sequence, at, type } of list) {
      if (sequence <= this.cursor) continue;
      this.cursor = sequence;
      const event = { id: String(sequence), type, time: at };
      const fixed = FIXED[type];
      if (fixed !== undefined) this.#notch(event, ...fixed);
      else if (type === "escrow.confirmed") {
        this.confirmations = Math.min(this.confirmations + 1, required);
        this.#notch(event, `${this.confirmations}/${required}`, "money");
      } else if (ENDS.has(type)) this.#notch(event, type.slice("job.".length), type === "job.completed" ? "fact" : "failure");
    }
    this.version++;
  }
}

/** The job that an event is about, its own or its escrow's. */
export function jobOf(event: LedgerEvent): string | null {
  if (event.subject.startsWith("job:")) return event.subject.slice("job:".length);
  const named = event.data["job_id"];
  return typeof named === "string" ? named : null;
}
