// SPDX-License-Identifier: Apache-2.0
// Events of the log, one a row; what one says is behind a click.
import { Link } from "@tanstack/react-router";
import type { LedgerEvent } from "../api/schema.ts";
import { group } from "../lib/money.ts";
import { spaced } from "../lib/words.ts";
import { jobOf } from "../live/run.ts";
import { Clock } from "../parts/Age.tsx";
import { EmptyState } from "../parts/States.tsx";

const qubic = (value: unknown): string => `${typeof value === "number" ? group(value) : String(value)} QUBIC`;
/** What of an event is told in its row, and how; the rest is behind a click. */
const NOTABLE: readonly (readonly [string, (value: unknown) => string])[] = [
  ["amount", qubic],
  ["permille", (value) => `${Math.floor(Number(value) / 10)} %`],
  ["operation", String],
  ["confirmations", (value) => `${String(value)} ${value === 1 ? "confirmation" : "confirmations"}`],
  ["ending", (value) => spaced(String(value)).toLowerCase()],
  ["file_name", String],
  ["class", (value) => spaced(String(value)).toLowerCase()],
  ["model", String],
  ["cap", (value) => `at most ${qubic(value)}`],
  ["payout", (value) => `${qubic(value)} paid`],
  ["refund", (value) => `${qubic(value)} back`],
];

// What a running job reports again and again; shown only to whoever asks for it.
const REPORTS = new Set(["job.progressed", "job.output", "metric.sampled"]);
export const isReport = (event: LedgerEvent): boolean => REPORTS.has(event.type);
export const notable = (events: readonly LedgerEvent[]): LedgerEvent[] => events.filter((event) => !isReport(event));

export function summary(data: Readonly<Record<string, unknown>>): string {
  return NOTABLE.filter(([name]) => data[name] !== undefined && data[name] !== null && data[name] !== "")
    .slice(0, 3)
    .map(([name, say]) => say(data[name]))
    .join(", ");
}

export function EventRows({ events }: { events: readonly LedgerEvent[] }) {
  if (events.length === 0) return <EmptyState title="No events yet">What concerns you is shown here as it is written.</EmptyState>;
  return (
    <ul className="events">
      {events.map((event) => {
        const job = jobOf(event);
        return (
          <li key={event.id}>
            <details>
              <summary>
                <span className="event-number mono">#{group(Number(event.id))}</span>
                <Clock time={event.time} />
                <span className="event-type">{event.type}</span>
                <span className="event-says dim">{summary(event.data)}</span>
              </summary>
              {job !== null && <p className="small-text"><Link to="/jobs/$job" params={{ job }}>The job</Link></p>}
              <pre tabIndex={0}>{JSON.stringify(event.data, null, 2)}</pre>
            </details>
          </li>
        );
      })}
    </ul>
  );
}
