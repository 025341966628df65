// SPDX-License-Identifier: Apache-2.0
// A statement for a provider's books: every total opens into its payouts, every payout into its events. It prints whole, leaves as CSV, and is
// held against one's own file without that leaving the browser.
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { addressOfPayments, getEarningsSum, getPaymentsSince, type PaymentQuery } from "../../api/account.ts";
import { useTitle } from "../../frame/title.ts";
import { useAsked } from "../../lib/asked.ts";
import { DAY_MS, dayAfter, dayOf, periodOf, startOf, type Period } from "../../lib/days.ts";
import { saveAs } from "../../lib/save.ts";
import { csvOfStatement, disagreements, statementOf, type Day, type Line, type Statement as Sums } from "../../lib/statement.ts";
import { exactTime } from "../../lib/units.ts";
import { Amount } from "../../parts/Amount.tsx";
import { Curl } from "../../parts/Curl.tsx";
import { ExplorerLink } from "../../parts/ExplorerLink.tsx";
import { Icon } from "../../parts/Icon.tsx";
import { PeriodPicker } from "../../parts/Period.tsx";
import { Refresh } from "../../parts/Refresh.tsx";
import { Boundary, EmptyState, ErrorPanel, Skeleton } from "../../parts/States.tsx";
import { useStore } from "../../lib/store.ts";
import { session } from "../../wallet/session.ts";
import { PaymentEvents } from "../money/PaymentDetails.tsx";
import { SignedIn } from "../SignedIn.tsx";
import { Reconcile } from "./Reconcile.tsx";

const SLACK_DAYS = 7; // a payout becomes final after it was signed; seldom later than this, and then the sums below say so

function Row({ line }: { line: Line }) {
  const [open, setOpen] = useState(false);
  return (
    <li>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary className="statement-line">
          <time className="mono" dateTime={line.at} title={exactTime(line.at)}>{line.at.slice(11, 19)}</time>
          <span className="statement-what"><span className="words">payout{line.job !== null && " for job "}</span>{line.job !== null && <><span className="mono">{line.job.slice(0, 8)}</span></>}<span className="print-only mono small-text wrap">{line.transaction}</span></span>
          <Amount value={line.amount} />
        </summary>
        <p className="statement-links"><ExplorerLink transaction={line.transaction} />{line.job !== null && <Link to="/jobs/$job" params={{ job: line.job }}>The job, with its bill</Link>}</p>
        {open && line.job !== null && <PaymentEvents job={line.job} transaction={line.transaction} sequence={line.sequence} />}
      </details>
    </li>
  );
}

function DayGroup({ day, all }: { day: Day; all: boolean }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="statement-day" open={open || all} onToggle={(event) => !all && setOpen(event.currentTarget.open)}>
      <summary><span className="mono">{day.day}</span><span className="dim">{day.lines.length} {day.lines.length === 1 ? "payout" : "payouts"}</span><Amount value={day.total} /></summary>
      {(open || all) && <ol className="statement-lines">{day.lines.map((line) => <Row key={line.sequence} line={line} />)}</ol>}
    </details>
  );
}

/** Printing shows every line. */
function usePrinting(): boolean {
  const [printing, setPrinting] = useState(false);
  useEffect(() => {
    const before = () => setPrinting(true);
    const after = () => setPrinting(false);
    window.addEventListener("beforeprint", before);
    window.addEventListener("afterprint", after);
    return () => {
      window.removeEventListener("beforeprint", before);
      window.removeEventListener("afterprint", after);
    };
  }, []);
  return printing;
}

function Agreement({ statement, period }: { statement: Sums; period: Period }) {
  const earnings = useAsked({ queryKey: ["earnings", "whole"], queryFn: ({ signal }) => getEarningsSum(signal) });
  const days = earnings.data?.by_day;
  if (days === undefined) return null;
  const first = days[0]?.day ?? "";
  if (period.until < first) return <p className="dim small-text">The ledger tells its own sums of the last 30 days, and these are older; <code>tally reconcile</code> holds them against the log.</p>;
  const wrong = disagreements(statement, days, period);
  return wrong.length === 0 ? (
    <p className="small-text agreement" data-testid="agrees"><Icon name="check" /><span>Each day's payouts add up to the ledger's own sum of that day{period.from < first ? `, from ${first} on` : ""}.</span></p>
  ) : (
    <p className="small-text agreement tone-failed" role="alert"><Icon name="warn" /><span>The ledger has another sum for {wrong.slice(0, 3).join(", ")}{wrong.length > 3 && ` and ${wrong.length - 3} more`}: a payout may just have come, so refresh; if it stays, ask <code>tally reconcile</code>.</span></p>
  );
}

function Body({ period, picker }: { period: Period; picker: React.ReactNode }) {
  const who = useStore(session);
  const printing = usePrinting();
  const [all, setAll] = useState(false);
  const query: PaymentQuery = { kind: "payout", status: "confirmed", until: `${dayAfter(period.until)}T00:00:00Z` };
  const payouts = useAsked({ queryKey: ["statement", period.from, period.until], queryFn: ({ signal }) => getPaymentsSince(query, startOf(period.from) - SLACK_DAYS * DAY_MS, signal), placeholderData: (old) => old });
  const statement = payouts.data === undefined ? undefined : statementOf(payouts.data, period);
  const name = `statement-${period.from}-${period.until}.csv`;
  return (
    <>
      <header className="page-head">
        <h1>Statement</h1>
        {statement !== undefined && statement.lines.length > 0 && (
          <>
            <button type="button" onClick={() => window.print()}>Print</button>
            <button type="button" onClick={() => saveAs(name, "text/csv", csvOfStatement(statement.lines))}><Icon name="download" />CSV</button>
          </>
        )}
        <Refresh query={payouts} what="Statement" />
      </header>
      {picker}
      <p className="print-only">Tallystick, {location.origin}. Provider {who?.identity ?? who?.accountId}. From {period.from} to {period.until}, UTC. Printed {exactTime(new Date().toISOString())}.</p>
      {statement === undefined ? (payouts.isError ? <ErrorPanel error={payouts.error} retry={() => void payouts.refetch()} safe="What was paid is in the log and on the chain, whether this page can read it or not." /> : <Skeleton rows={5} height={36} />) : (
        <>
          <section className="card">
            <div className="statement-total">
              <div><p className="dim">Paid out from {period.from} to {period.until}</p><p className="big" data-testid="statement-total"><Amount value={statement.total} /></p></div>
              <p className="dim">{statement.lines.length} {statement.lines.length === 1 ? "payout" : "payouts"} on {statement.days.length} {statement.days.length === 1 ? "day" : "days"}</p>
            </div>
            <Agreement statement={statement} period={period} />
          </section>
          {statement.days.length === 0 ? <EmptyState title="Nothing was paid out in these days">A payout counts on the day on which it is final on the chain. Other days may have some.</EmptyState> : (
            <section className="card">
              <header className="card-head"><h2>Days</h2><button type="button" className="link small-text" onClick={() => setAll(!all)}>{all ? "Close all" : "Open all"}</button><Curl of={{ path: addressOfPayments(query) }} /></header>
              <div className="statement">{statement.days.map((day) => <DayGroup key={day.day} day={day} all={all || printing} />)}</div>
            </section>
          )}
          <Boundary><Reconcile statement={statement} period={period} /></Boundary>
        </>
      )}
    </>
  );
}

function Pick() {
  const search = useSearch({ from: "/earnings/statement" });
  const navigate = useNavigate({ from: "/earnings/statement" });
  const today = dayOf(Date.now());
  const usual = periodOf("30-days", today);
  const period = { from: search.from ?? usual.from, until: search.until ?? usual.until };
  const picker = <div className="filters"><PeriodPicker period={period} onChange={(next) => void navigate({ search: next })} /></div>;
  return (
    <>
      <nav className="crumbs" aria-label="Where this is"><Link to="/earnings">Earnings</Link></nav>
      {period.from > period.until ? (
        <>
          <h1>Statement</h1>
          {picker}
          <EmptyState title="These days end before they begin">Choose a first day that is not after the last.</EmptyState>
        </>
      ) : <Body period={period} picker={picker} />}
    </>
  );
}

export function Statement() {
  useTitle("Statement");
  return <div className="page statement-page"><SignedIn to="see your statement" title="Statement"><Pick /></SignedIn></div>;
}
