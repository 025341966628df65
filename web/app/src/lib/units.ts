// SPDX-License-Identifier: Apache-2.0
// Durations, sizes and times in words.

const UNITS = [
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
] as const;

/** P42: "5 minutes 30 seconds"; the two largest units that are there. Below a second: "0.4 seconds". */
export function duration(ms: number): string {
  if (ms < 1000) return ms <= 0 ? "0 seconds" : `${(Math.max(ms, 100) / 1000).toFixed(1)} seconds`;
  let left = Math.round(ms / 1000);
  const parts: string[] = [];
  for (const [name, seconds] of UNITS) {
    const count = Math.floor(left / seconds);
    left -= count * seconds;
    if (count > 0) parts.push(`${count} ${name}${count === 1 ? "" : "s"}`);
    if (parts.length > 0 && (parts.length === 2 || count === 0)) break;
  }
  return parts.join(" ");
}

/** Short, for cells: "2.1 s", "5 min 30 s", "3 h 12 min". */
export function shortDuration(ms: number): string {
  if (ms < 60_000) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** R12.6: an estimate that is uncertain is a range, in one unit: "5–8 minutes". */
export function durationRange(fromMs: number, toMs: number): string {
  const unit = toMs >= 7_200_000 ? (["hour", 3_600_000] as const) : toMs >= 180_000 ? (["minute", 60_000] as const) : (["second", 1000] as const);
  const from = Math.max(fromMs > 0 ? 1 : 0, Math.round(fromMs / unit[1]));
  const to = Math.max(from, Math.round(toMs / unit[1]));
  return from === to ? `about ${from} ${unit[0]}${from === 1 ? "" : "s"}` : `${from}–${to} ${unit[0]}s`;
}

export function bytes(size: number): string {
  if (size < 1000) return `${size} ${size === 1 ? "byte" : "bytes"}`;
  for (const [unit, scale] of [["kB", 1e3], ["MB", 1e6]] as const) {
    if (size < scale * 1000) return `${(size / scale).toFixed(size < scale * 10 ? 1 : 0)} ${unit}`;
  }
  return `${(size / 1e9).toFixed(1)} GB`;
}

/** Memory as machines count it. */
export const mib = (size: number): string => (size >= 1024 ? `${(size / 1024).toFixed(size < 10240 && size % 1024 !== 0 ? 1 : 0)} GB` : `${size} MB`);

/** How long ago: "now", "12 s", "5 min", "3 h", "2 d". */
export function ago(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 2) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

// Made once: making one takes longer than all the rest of a table's row.
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "numeric", second: "numeric", hour12: false });
export const exactTime = (time: string): string => EXACT.format(new Date(time));
export const clockTime = (time: string): string => CLOCK.format(new Date(time));

export const shortId = (id: string): string => (id.length > 14 ? `${id.slice(0, 6)}…${id.slice(-5)}` : id);

/** When an id was made: UUIDv7 begins with it (core/base/id.h). */
export const timeOfId = (id: string): string => new Date(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toISOString();
