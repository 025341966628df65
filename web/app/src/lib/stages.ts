// SPDX-License-Identifier: Apache-2.0
// The notches of a job's stick, in order: what has happened, what is awaited, and which stretch between two of them is billed.
import type { Job } from "../api/schema.ts";
import type { Run } from "../live/run.ts";

export interface Stage {
  readonly key: string;
  readonly label: string;
  readonly time: string | null; // null: awaited
  readonly kind: "fact" | "money" | "failure";
  /** The stretch up to the next notch is time that is paid for. */
  readonly billed: boolean;
}

const LEG_WORDS: Readonly<Record<string, string>> = { refund: "refunded", payout: "paid out", fee: "fee", return: "returned" };

export function stagesOf(job: Job, run: Pick<Run, "notches">): Stage[] {
  const stages: Stage[] = [];
  const add = (key: string, label: string, time: string | null, kind: Stage["kind"] = "fact", billed = false) =>
    stages.push({ key, label, time, kind, billed });
  const firstTime = (type: string, label?: string): string | null =>
    run.notches.find((notch) => notch.type === type && (label === undefined || notch.label === label))?.time ?? null;
  const isOver = job.ended_at !== null;

  add("submitted", "submitted", job.created_at);
  const required = job.escrow?.required ?? 3;
  const lockedAt = firstTime("escrow.locked") ?? job.queued_at;
  for (let count = 1; count <= required; count++) {
    const label = `${count}/${required}`;
    const time = firstTime("escrow.confirmed", label) ?? (lockedAt !== null ? lockedAt : null);
    if (time !== null || !isOver) add(`confirmed-${count}`, count === required && time !== null ? `locked ${label}` : label, time, "money");
  }
  if (job.assigned_at !== null || !isOver) add("assigned", "assigned", job.assigned_at);
  if (job.started_at !== null || !isOver) add("started", "started", job.started_at, "fact", true);
  const bad = job.status === "failed" || job.status === "cancelled";
  add("ended", isOver ? job.status : "ended", job.ended_at, bad ? "failure" : "fact");
  if (!isOver) {
    add("settled", "settled", null, "money");
    return stages;
  }
  for (const [index, leg] of job.legs.entries()) {
    if (leg.amount === 0n) continue;
    const done = leg.status === "confirmed";
    add(`leg-${index}`, done ? (LEG_WORDS[leg.kind] ?? leg.kind) : leg.kind, done ? (firstTime(`${leg.kind}.confirmed`) ?? job.ended_at) : null, "money");
  }
  return stages;
}
