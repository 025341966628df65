// SPDX-License-Identifier: Apache-2.0
// What machines of one's own earn: where the money is now, over time, and what runs.
import { Link, useNavigate } from "@tanstack/react-router";
import { getEarningsSum, getOpenJobs, type EarningsSum } from "../../api/account.ts";
import { useTitle } from "../../frame/title.ts";
import { useAsked } from "../../lib/asked.ts";
import { flowOf, rating } from "../../lib/earnings.ts";
import { shortDuration } from "../../lib/units.ts";
import { Age, useNow } from "../../parts/Age.tsx";
import { Amount } from "../../parts/Amount.tsx";
import { Bars } from "../../parts/Bars.tsx";
import { Refresh } from "../../parts/Refresh.tsx";
import { Boundary, EmptyState, ErrorPanel, Skeleton } from "../../parts/States.tsx";
import { Uptime } from "../../parts/Uptime.tsx";
import { SignedIn } from "../SignedIn.tsx";

/** A job's money on its way: used while it runs, held until it ends, owed while it is signed and confirmed, paid. */
function Flow({ sum }: { sum: EarningsSum }) {
  const open = useAsked({ queryKey: ["jobs", "open on my machines"], queryFn: ({ signal }) => getOpenJobs(signal) });
  const { accruing, escrowed, settling, paid } = flowOf(sum, open.data);
  return (
    <dl className="flow">
      <div><dt>Accruing</dt><dd data-testid="accruing"><Amount value={accruing} /></dd><dd className="dim small-text">earned so far by {sum.active.length === 1 ? "the job that runs" : `${sum.active.length} jobs that run`}</dd></div>
      <div><dt>In escrow</dt><dd data-testid="escrowed">{escrowed === null ? "…" : <Amount value={escrowed} />}</dd><dd className="dim small-text">locked for {open.data?.length ?? "…"} {open.data?.length === 1 ? "job" : "jobs"}, at most</dd></div>
      <div><dt>Settling</dt><dd data-testid="settling"><Amount value={settling} /></dd><dd className="dim small-text">due, on its way to your wallet</dd></div>
      <div className="flow-paid"><dt>Paid</dt><dd data-testid="paid"><Amount value={paid} /></dd><dd className="dim small-text">final on the chain, ever</dd></div>
    </dl>
  );
}

function Running({ sum }: { sum: EarningsSum }) {
  const now = useNow();
  return (
    <section className="card">
      <h2>Running now</h2>
      {sum.active.length === 0 ? <EmptyState title="Nothing runs on your machines" action={<Link to="/machines" className="button">Look at the machines</Link>}>A job starts here by itself when somebody buys one of your offers.</EmptyState> : (
        <div className="table-scroll bare" tabIndex={0} role="region" aria-label="Jobs that run">
          <table className="cards">
            <thead><tr><th scope="col">Job</th><th scope="col" className="right">For</th><th scope="col" className="right">Earned so far</th><th scope="col" className="right">At most</th><th scope="col">Last report</th></tr></thead>
            <tbody>
              {sum.active.map((job) => (
                <tr key={job.job_id} data-testid="active">
                  <th scope="row"><Link to="/jobs/$job" params={{ job: job.job_id }} className="mono">{job.job_id.slice(0, 8)}</Link></th>
                  <td className="right mono" data-label="For">{job.since === null ? "" : shortDuration(Math.max(0, now - Date.parse(job.since)))}</td>
                  <td className="right" data-label="Earned so far"><Amount value={job.earned} /></td>
                  <td className="right" data-label="At most"><Amount value={job.cap} /></td>
                  <td className="dim" data-label="Last report">{job.reported_at === null ? "none yet" : <Age time={job.reported_at} />}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Record({ sum }: { sum: EarningsSum }) {
  const stars = rating(sum.stars, sum.ratings);
  return (
    <section className="card">
      <h2>On record</h2>
      <dl className="facts">
        <div><dt>Per hour worked</dt><dd data-testid="hourly"><Amount value={sum.average_rate} /></dd></div>
        <div><dt>Worked</dt><dd className="mono">{shortDuration(sum.worked_ms)}</dd></div>
        <div><dt>Jobs completed</dt><dd className="mono">{sum.jobs_completed} <span className="dim">of {sum.jobs_ended}</span></dd></div>
        <div><dt>Rating</dt><dd>{stars === null ? <span className="dim">nobody rated yet</span> : <><b className="mono">{stars}</b> of 5 <span className="dim">({sum.ratings})</span></>}</dd></div>
      </dl>
      <Uptime of={sum.uptime} label={`Uptime, ${sum.uptime.days} days, ${sum.uptime.hosts} ${sum.uptime.hosts === 1 ? "machine" : "machines"}`} />
    </section>
  );
}

export function ProviderEarnings() {
  const navigate = useNavigate();
  const earnings = useAsked({ queryKey: ["earnings", "whole"], queryFn: ({ signal }) => getEarningsSum(signal), refetchInterval: 5000 }); // R9.2
  const sum = earnings.data;
  return (
    <>
      <header className="page-head"><h1>Earnings</h1><Link to="/earnings/statement" className="button">Statement</Link><Refresh query={earnings} what="Earnings" path="/v1/earnings" /></header>
      {earnings.isPending ? <Skeleton rows={5} height={56} /> : sum === undefined ? <ErrorPanel error={earnings.error} retry={() => void earnings.refetch()} safe="What was earned is in the log, whether this page can read it or not." /> : sum.uptime.hosts === 0 && sum.jobs_ended === 0 && sum.total === 0n ? (
        <EmptyState title="No machine of yours earns yet" action={<Link to="/machines" className="button primary">Offer one</Link>}>It takes one command on that machine; what it earns is shown here, from the first second of the first job.</EmptyState>
      ) : (
        <div id="earnings" className="stack">
          <Flow sum={sum} />
          <dl className="tiles small-tiles">
            <div><dt>Today</dt><dd data-testid="today"><Amount value={sum.today} /></dd></div>
            <div><dt>7 days</dt><dd data-testid="week"><Amount value={sum.week} /></dd></div>
            <div><dt>30 days</dt><dd data-testid="month"><Amount value={sum.month} /></dd></div>
          </dl>
          <Boundary><section className="card"><Bars title="Paid out, 30 days" bars={sum.by_day} onDay={(day) => void navigate({ to: "/earnings/statement", search: { from: day, until: day } })} /></section></Boundary>
          <div className="below">
            <Boundary><Running sum={sum} /></Boundary>
            <Boundary><Record sum={sum} /></Boundary>
          </div>
        </div>
      )}
    </>
  );
}

export function Earnings() {
  useTitle("Earnings");
  return <div className="page"><SignedIn to="see what your machines earn" title="Earnings"><ProviderEarnings /></SignedIn></div>;
}
