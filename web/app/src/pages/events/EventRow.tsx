// SPDX-License-Identifier: Apache-2.0
// One event of the log: a line, and behind it everything it says, what caused it, and the proof that it is there.
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { getCheckpoint, getEventPage, getInclusion, getRecord } from "../../api/account.ts";
import type { LedgerEvent } from "../../api/schema.ts";
import { useAction } from "../../lib/action.ts";
import { useAsked } from "../../lib/asked.ts";
import { group } from "../../lib/money.ts";
import { hashing, prove } from "../../lib/proof.ts";
import { exactTime, shortId } from "../../lib/units.ts";
import { jobOf } from "../../live/run.ts";
import { Clock } from "../../parts/Age.tsx";
import { Curl } from "../../parts/Curl.tsx";
import { Icon } from "../../parts/Icon.tsx";
import { copy, Id } from "../../parts/Id.tsx";
import { ErrorPanel } from "../../parts/States.tsx";
import { summary } from "../EventRows.tsx";

function Proof({ event }: { event: LedgerEvent }) {
  const proof = useAction({ mutationFn: async () => prove(event, { checkpoint: getCheckpoint, inclusion: getInclusion, record: getRecord }, await hashing()) });
  const good = proof.data?.every((step) => step.good);
  return (
    <div className="proof">
      <button type="button" className="small" disabled={proof.isPending} onClick={() => proof.mutate()}>{proof.isPending ? "Computing…" : "Prove that it is in the log"}</button>
      {proof.isError && <ErrorPanel error={proof.error} />}
      {proof.data !== undefined && (
        <div role="status" data-testid="proof">
          <ol className="proof-steps">{proof.data.map((step) => <li key={step.words} className={step.good ? "tone-done" : "tone-failed"}><Icon name={step.good ? "check" : "cross"} /><span>{step.words}</span></li>)}</ol>
          <p>{good === true ? <b>It is in the log. This was computed in your browser.</b> : <b>That is no proof.</b>}</p>
        </div>
      )}
    </div>
  );
}

function Whole({ event, onFilter }: { event: LedgerEvent; onFilter: (next: { type?: string; stream?: string }) => void }) {
  const full = useAsked({ queryKey: ["event", event.id], queryFn: ({ signal }) => getEventPage(Number(event.id) - 1, undefined, 1, signal), staleTime: Infinity, refetchInterval: false });
  const all = full.data?.items.find((each) => each.id === event.id);
  const job = jobOf(event);
  const text = JSON.stringify(all?.data ?? event.data, null, 2);
  return (
    <div className="event-whole">
      <dl className="facts-row">
        <div><dt>Time</dt><dd>{exactTime(event.time)}</dd></div>
        <div><dt>Stream</dt><dd><button type="button" className="link mono" title={`${event.subject}: show it alone`} onClick={() => onFilter({ stream: event.subject })}>{event.subject.split(":")[0]}:{shortId(event.subject.split(":")[1] ?? "")}</button></dd></div>
        {all?.actor !== undefined && <div><dt>By</dt><dd className="mono">{all.actor.includes(":") ? <>{all.actor.split(":")[0]} <Id value={all.actor.split(":")[1] ?? ""} what="Id" /></> : all.actor}</dd></div>}
        {all?.causation !== undefined && <div><dt>Because of</dt><dd><Link to="/events" search={{ at: Number(all.causation) }} className="mono">#{group(Number(all.causation))}</Link></dd></div>}
        {job !== null && <div><dt>Job</dt><dd><Link to="/jobs/$job" params={{ job }} className="mono">{job.slice(0, 8)}</Link></dd></div>}
      </dl>
      <pre tabIndex={0}>{text}</pre>
      <p className="event-actions">
        <button type="button" className="link small-text" onClick={() => onFilter({ type: event.type })}>Only {event.type}</button>
        <button type="button" className="link small-text" onClick={() => void copy(text, "Event")}>Copy as JSON</button>
        <Curl of={{ path: `/v1/events?after=${Number(event.id) - 1}&limit=1` }} />
        <Link to="/events" search={{ at: Number(event.id) }} className="small-text">As of this event</Link>
      </p>
      <Proof event={event} />
    </div>
  );
}

export function EventRow({ event, day, onFilter }: { event: LedgerEvent; day: string | null; onFilter: (next: { type?: string; stream?: string }) => void }) {
  const [open, setOpen] = useState(false);
  return (
    <li>
      {day !== null && <p className="event-day">{day}</p>}
      <details onToggle={(toggled) => setOpen(toggled.currentTarget.open)}>
        <summary>
          <span className="event-number mono">#{group(Number(event.id))}</span>
          <Clock time={event.time} />
          <span className="event-type">{event.type}</span>
          <span className="event-says dim">{summary(event.data)}</span>
        </summary>
        {open && <Whole event={event} onFilter={onFilter} />}
      </details>
    </li>
  );
}
