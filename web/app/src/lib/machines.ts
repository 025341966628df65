// SPDX-License-Identifier: Apache-2.0
// How a machine is, in a word, and what its owner should do about it; and the command that makes one.
import type { Machine } from "../api/account.ts";
import type { IconName } from "../parts/Icon.tsx";
import type { Tone } from "../parts/StatusPill.tsx";
import { shellWord } from "./curl.ts";
import { DAY_MS } from "./days.ts";
import { duration } from "./units.ts";

export const BENCHMARK_OLD_MS = 90 * DAY_MS; // as matching reckons it (docs/matching.md)

export interface Health {
  readonly tone: Tone;
  readonly icon: IconName;
  readonly word: string;
  readonly advice: string; // "": nothing to do
  /** What to run on it, where that is the advice. */
  readonly command?: string;
}

const stateOf = (name: string): string => shellWord(`tally-${name.replaceAll(/[^A-Za-z0-9._-]+/g, "-")}`);

export function healthOf(machine: Pick<Machine, "name" | "online" | "job_id" | "changed_at" | "measured_at" | "done" | "lost" | "queued">, now: number): Health {
  if (!machine.online) {
    if (machine.changed_at === null) return { tone: "waiting", icon: "clock", word: "Never started", advice: "It was enrolled and has not asked for work yet: start tally-worker run on it." };
    const waiting = machine.queued > 0 ? ` ${machine.queued} ${machine.queued === 1 ? "job waits" : "jobs wait"} for it and will be refunded if it stays away.` : "";
    return { tone: machine.queued > 0 ? "failed" : "cancelled", icon: machine.queued > 0 ? "warn" : "dash", word: "Offline", advice: waiting === "" ? "" : `Start tally-worker run on it.${waiting}` };
  }
  const advice = machine.lost > 0 && machine.lost * 10 >= machine.done + machine.lost ? `It let down ${machine.lost} of ${machine.done + machine.lost} jobs, which puts it behind others in every ranking.`
    : machine.measured_at === null ? "It has never measured itself, so its speed is believed less: run tally-worker selftest on it."
    : now - Date.parse(machine.measured_at) > BENCHMARK_OLD_MS ? "Its benchmark is older than ninety days: run tally-worker selftest on it." : "";
  const todo = advice.includes("selftest") ? { advice, command: `tally-worker selftest --state ${stateOf(machine.name)}` } : { advice };
  return machine.job_id !== null ? { tone: "running", icon: "half", word: "Working", ...todo } : { tone: "done", icon: "dot", word: "Free", ...todo };
}

/** Enrols a machine and lets it work. Without a code in hand, the worker asks for one. */
export function enrolCommand({ server, name, rate, code }: { server: string; name: string; rate: string; code: string | null }): string {
  const state = stateOf(name);
  return [
    `tally-worker enrol --server ${shellWord(server)} --name ${shellWord(name)} --state ${state}${code === null ? "" : ` --code ${code}`}`,
    `tally-worker selftest --state ${state}`,
    `tally-worker run --state ${state} --rate ${rate}`,
  ].join("\n");
}

/** For how long a code is still good, in words; null once it is not. */
export const codeLeft = (expiresAt: string, now: number): string | null => (Date.parse(expiresAt) > now ? duration(Date.parse(expiresAt) - now) : null);
