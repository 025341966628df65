// SPDX-License-Identifier: Apache-2.0
// The log, as far as it concerns whoever looks: live, or as it stood at any event of the past; each event whole, with what it caused, and proved.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { getEventPage } from "../../api/account.ts";
import type { LedgerEvent } from "../../api/schema.ts";
import { useTitle } from "../../frame/title.ts";
import { useAsked } from "../../lib/asked.ts";
import { lookBack } from "../../lib/looking.ts";
import { group } from "../../lib/money.ts";
import { useStore } from "../../lib/store.ts";
import { exactTime } from "../../lib/units.ts";
import { live, newest } from "../../live/live.ts";
import { jobOf } from "../../live/run.ts";
import { Curl } from "../../parts/Curl.tsx";
import { Icon } from "../../parts/Icon.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../../parts/States.tsx";
import { SignedIn } from "../SignedIn.tsx";
import { EventRow } from "./EventRow.tsx";
import { isReport } from "../EventRows.tsx";

const PAGE = 60;
const FAMILIES = ["job", "escrow", "deposit", "payout", "refund", "fee", "upload", "analysis", "match", "quote", "offer", "provider", "host", "metric", "result", "token", "identity", "terms", "ledger"];

interface Wanted {
  readonly type?: string | undefined;
  readonly stream?: string | undefined;
  readonly reports: boolean;
}
const accepts = ({ type, reports }: Wanted) => (event: LedgerEvent): boolean => (type === undefined ? reports || !isReport(event) : event.type === type || event.type.startsWith(`${type}.`));
const isOf = (event: LedgerEvent, stream: string | undefined): boolean => stream === undefined || event.subject === stream || stream === `job:${jobOf(event)}`;

const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
/** Above the first event of a day, but for today's. */
function dayBefore(above: LedgerEvent | undefined, event: LedgerEvent): string | null {
  const day = DAY.format(new Date(event.time));
  return day === (above === undefined ? DAY.format(new Date()) : DAY.format(new Date(above.time))) ? null : day;
}

/** Where in the log one looks: the end of it, or any event before. */
function Slider({ at, head }: { at: number | undefined; head: number }) {
  const navigate = useNavigate({ from: "/events" });
  const [pulled, setPulled] = useState<number | null>(null);
  useEffect(() => {
    if (pulled === null) return undefined;
    const timer = setTimeout(() => {
      void navigate({ search: (now) => (pulled >= head ? (({ at: _at, ...rest }) => rest)(now) : { ...now, at: pulled }), replace: true });
      setPulled(null);
    }, 150);
    return () => clearTimeout(timer);
  }, [pulled, head, navigate]);
  const shown = pulled ?? at ?? head;
  return (
    <div className="slider">
      <label className="slider-label"><span>As of event</span>
        <input type="range" min={1} max={Math.max(1, head)} value={Math.min(shown, Math.max(1, head))} aria-valuetext={shown >= head ? "now" : `event ${shown} of ${head}`} onChange={(event) => setPulled(Number(event.target.value))} />
      </label>
      <label className="slider-number"><span className="sr-only">Number of an event</span><input type="number" min={1} max={head} value={shown} onChange={(event) => Number(event.target.value) >= 1 && setPulled(Number(event.target.value))} /></label>
      <span className="dim small-text">of {group(head)}</span>
      {at !== undefined && <Link to="/events" search={({ at: _at, ...rest }) => rest} className="button small">Now</Link>}
    </div>
  );
}

function List() {
  const { at, type, stream } = useSearch({ from: "/events" });
  const navigate = useNavigate({ from: "/events" });
  const [reports, setReports] = useState(false);
  const wanted: Wanted = { type, stream, reports };
  const feed = useStore(newest);
  const followed = useStore(live, (state) => state.head);
  const first = useAsked({ queryKey: ["head"], queryFn: async ({ signal }) => (await getEventPage(0, undefined, 1, signal)).head ?? 0, staleTime: Infinity, refetchInterval: false });
  const from = at ?? first.data;
  const head = Math.max(first.data ?? 0, followed);
  const past = useInfiniteQuery({
    queryKey: ["events", from, type, stream, reports],
    queryFn: ({ pageParam, signal }) => lookBack((after) => getEventPage(after, stream, 500, signal), pageParam, PAGE, accepts(wanted)),
    initialPageParam: (from ?? 0) + 1, getNextPageParam: (last) => (last.before > 1 ? last.before : undefined),
    enabled: from !== undefined, staleTime: Infinity, refetchInterval: false, // what is written never changes
  });
  const heard = at !== undefined || first.data === undefined ? [] : feed.filter((event) => Number(event.id) > (first.data ?? 0) && isOf(event, stream) && accepts(wanted)(event));
  const items: readonly LedgerEvent[] = [...heard, ...(past.data?.pages.flatMap((page) => page.items) ?? [])];
  const change = (next: { type?: string | undefined; stream?: string | undefined }) => void navigate({ search: (now) => Object.fromEntries(Object.entries({ ...now, ...next }).filter(([, value]) => value !== undefined)) as typeof now });
  const reached = past.data?.pages.at(-1)?.before;
  return (
    <>
      <header className="page-head"><h1>Events</h1><Curl of={{ path: `/v1/events?after=${Math.max(0, (from ?? 0) - PAGE)}&limit=${PAGE}${stream === undefined ? "" : `&stream=${encodeURIComponent(stream)}`}` }} /></header>
      <Slider at={at} head={head} />
      <div className="filters">
        <label className="inline-label">What
          <select value={type === undefined ? "" : type.split(".")[0]} onChange={(event) => change({ type: event.target.value === "" ? undefined : event.target.value })}>
            <option value="">Everything</option>
            {FAMILIES.map((family) => <option key={family} value={family}>{family}</option>)}
          </select>
        </label>
        {type === undefined && <label className="check"><input type="checkbox" checked={reports} onChange={(event) => setReports(event.target.checked)} />Reports of running jobs, too</label>}
        {type?.includes(".") === true && <button type="button" className="filter-chip" onClick={() => change({ type: type.split(".")[0] })}>only {type}<Icon name="cross" label="Take this filter away" /></button>}
        {stream !== undefined && <button type="button" className="filter-chip" onClick={() => change({ stream: undefined })}>only <span className="mono">{stream.replace(/:(.{8}).*/, ":$1…")}</span><Icon name="cross" label="Take this filter away" /></button>}
      </div>
      {at !== undefined && <p className="outcome cancelled past-note" role="status"><span>This is the log as it stood at event #{group(at)}{items[0] !== undefined && Number(items[0].id) === at && `, ${exactTime(items[0].time)}`}. What came after is not shown.</span></p>}
      {past.isError ? <ErrorPanel error={past.error} retry={() => void past.refetch()} safe="The log is whole, whether this page can read it or not." /> : first.isError ? <ErrorPanel error={first.error} retry={() => void first.refetch()} /> : past.data === undefined ? <Skeleton rows={8} height={24} /> : items.length === 0 && reached === 1 ? (
        <EmptyState title="No event is like that" action={<Link to="/events" className="button">Show everything</Link>}>{at === undefined ? "Nothing of this kind concerns you yet." : "Nothing of this kind had happened by then."}</EmptyState>
      ) : (
        <div className="card" id="events"><ul className="events">{items.map((event, index) => <EventRow key={event.id} event={event} day={dayBefore(items[index - 1], event)} onFilter={change} />)}</ul></div>
      )}
      {reached !== undefined && (
        <nav className="pager" aria-label="Older events">
          {reached > 1 ? <button type="button" disabled={past.isFetchingNextPage} onClick={() => void past.fetchNextPage()}>{past.isFetchingNextPage ? "Looking back…" : items.length === 0 ? `Nothing down to #${group(reached)}; look further back` : "Older"}</button> : <span className="dim small-text">That is the beginning.</span>}
        </nav>
      )}
    </>
  );
}

export function Events() {
  useTitle("Events");
  return <div className="page"><SignedIn to="follow the events that concern you" title="Events"><List /></SignedIn></div>;
}
