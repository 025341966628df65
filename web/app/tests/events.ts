// SPDX-License-Identifier: Apache-2.0
// The events of a made-up job, in the shapes that the server writes (the recorded ones are in recorded-job.json).
import type { LedgerEvent } from "../src/api/schema.ts";
import type { Random } from "./generate.ts";

export const JOB = "01a213c8-803d-72a4-b537-1277fe812081";

export function randomEvents(random: Random): LedgerEvent[] {
  let sequence = random.below(1000);
  const events: LedgerEvent[] = [];
  const add = (type: string, data: Record<string, unknown> = {}, stream = "job") => {
    sequence += 1 + random.below(3); // others' events lie in between
    const time = new Date(1_790_000_000_000 + sequence * 250).toISOString();
    events.push({ id: String(sequence), type, subject: stream === "job" ? `job:${JOB}` : "escrow:01a213c8-803d-704d-8978-04a4f9dbed18", time, data: stream === "job" ? data : { job_id: JOB, ...data } });
  };
  add("job.created", { cap: 528915 });
  add("escrow.requested", {}, "escrow");
  add("deposit.observed", { class: "lock" }, "escrow");
  for (let n = 1; n <= 3; n++) add("escrow.confirmed", { confirmations: n, required: 3 }, "escrow");
  add("escrow.locked", {}, "escrow");
  const attempts = 1 + random.below(2);
  let line = 1;
  for (let attempt = 1; attempt <= attempts; attempt++) {
    add("job.assigned", { attempt });
    if (attempt < attempts) {
      add("job.released", { attempt, reason: "start_timeout" });
      continue;
    }
    add("job.started", { attempt, limit_ms: 528915 });
    const reports = random.below(30);
    for (let n = 1; n <= reports; n++) {
      const kind = random.below(5);
      if (kind < 2) add("job.progressed", { permille: Math.floor((1000 * n) / reports), used_ms: n * 500, ...(random.below(2) === 0 ? {} : { operation: `step ${n}` }) });
      else if (kind === 2) {
        const lines = 1 + random.below(4);
        add("job.output", { source: random.pick(["stdout", "stderr"]), first_line: line, lines, quota_reached: false, text: Array.from({ length: lines }, (_, i) => `line ${line + i}\n`).join("") });
        line += lines;
      } else if (kind === 3) add("metric.sampled", { samples: [{ at_ms: sequence * 250, cpu_permille: random.below(1001), ram_mib: 100, ram_total_mib: 21695 }] });
      else add("result.stored", { size: 3, file_name: "a" });
    }
  }
  add(random.pick(["job.completed", "job.failed", "job.cancelled"]), { ending: "completed", reason: "exited_zero", used_ms: 2089 });
  add("escrow.settled", {}, "escrow");
  add("refund.signed", {}, "escrow");
  add("refund.confirmed", {}, "escrow");
  return events;
}
