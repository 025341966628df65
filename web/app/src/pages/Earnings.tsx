// SPDX-License-Identifier: Apache-2.0
// What machines of one's own have earned.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { getEarnings } from "../api/routes.ts";
import type { Earnings as Sum } from "../api/schema.ts";
import { useTitle } from "../frame/title.ts";
import { permilleOf } from "../lib/money.ts";
import { shortDuration } from "../lib/units.ts";
import { Age } from "../parts/Age.tsx";
import { Amount } from "../parts/Amount.tsx";
import { Refresh } from "../parts/Refresh.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../parts/States.tsx";
import { SignedIn } from "./SignedIn.tsx";

function Days({ days }: { days: Sum["by_day"] }) {
  const most = days.reduce((max, day) => (day.amount > max ? day.amount : max), 1n);
  return (
    <section className="card">
      <h2>Thirty days</h2>
      <ol className="days" aria-label="Earned on each of the last thirty days">
        {days.map((day) => (
          <li key={day.day} title={`${day.day}: ${day.amount} QUBIC`}>
            <span className="sr-only">{`${day.day}: ${day.amount} QUBIC`}</span>
            <span className="day-bar" style={{ height: `${permilleOf(day.amount, most) / 10}%` }} aria-hidden="true" />
          </li>
        ))}
      </ol>
      <p className="days-ends dim small-text"><span>{days[0]?.day}</span><span>{days.at(-1)?.day}</span></p>
    </section>
  );
}

function Sums() {
  const earnings = useQuery({ queryKey: ["earnings"], queryFn: ({ signal }) => getEarnings(signal), refetchInterval: 5000 });
  const sum = earnings.data;
  return (
    <>
      <header className="page-head"><h1>Earnings</h1><Refresh query={earnings} what="Earnings" path="/v1/earnings" /></header>
      {earnings.isPending ? <Skeleton rows={4} height={44} /> : sum === undefined ? <ErrorPanel error={earnings.error} retry={() => void earnings.refetch()} safe="What was earned is in the log, whether this page can read it or not." /> : (
        <div id="earnings">
          <dl className="tiles">
            <div><dt>Total</dt><dd><Amount value={sum.total} /></dd></div>
            <div><dt>Today</dt><dd><Amount value={sum.today} /></dd></div>
            <div><dt>This week</dt><dd><Amount value={sum.week} /></dd></div>
            <div><dt>This month</dt><dd><Amount value={sum.month} /></dd></div>
            <div><dt>On the way</dt><dd><Amount value={sum.pending} /></dd></div>
            <div><dt>Per hour worked</dt><dd><Amount value={sum.average_rate} /></dd></div>
            <div><dt>Jobs completed</dt><dd className="mono">{sum.jobs_completed} <small className="dim">of {sum.jobs_ended}</small></dd></div>
            <div><dt>Worked</dt><dd className="mono">{shortDuration(sum.worked_ms)}</dd></div>
          </dl>
          <section className="card">
            <h2>Running now</h2>
            {sum.active.length === 0 ? <EmptyState title="Nothing runs on your machines">A machine is put on offer with <code>tally-worker enrol</code> and <code>tally-worker run</code>.</EmptyState> : (
              <table className="cards">
                <thead><tr><th scope="col">Job</th><th scope="col" className="right">Earned so far</th><th scope="col" className="right">At most</th><th scope="col">Started</th></tr></thead>
                <tbody>
                  {sum.active.map((active) => (
                    <tr key={active.job_id}>
                      <th scope="row"><Link to="/jobs/$job" params={{ job: active.job_id }}>{active.job_id.slice(0, 8)}</Link></th>
                      <td className="right" data-label="Earned so far"><Amount value={active.earned} /></td>
                      <td className="right" data-label="At most"><Amount value={active.cap} /></td>
                      <td className="dim">{active.since !== null && <Age time={active.since} />}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )}
          </section>
          <Days days={sum.by_day} />
        </div>
      )}
    </>
  );
}

export function Earnings() {
  useTitle("Earnings");
  return <div className="page"><SignedIn to="see what your machines earn" title="Earnings"><Sums /></SignedIn></div>;
}
