// SPDX-License-Identifier: Apache-2.0
// The overview of whoever has machines: what they bring, how they are, what runs on them.
import { Link } from "@tanstack/react-router";
import { getEarningsSum, getMachines, type EarningsSum, type Machine } from "../api/account.ts";
import { getJobs } from "../api/routes.ts";
import { useAsked } from "../lib/asked.ts";
import { flowOf } from "../lib/earnings.ts";
import { healthOf } from "../lib/machines.ts";
import { useNow } from "../parts/Age.tsx";
import { Amount } from "../parts/Amount.tsx";
import { Bars } from "../parts/Bars.tsx";
import { Pill } from "../parts/StatusPill.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../parts/States.tsx";
import { percent } from "../parts/Uptime.tsx";
import { JobCard } from "./JobCard.tsx";

function Tiles({ sum, machines }: { sum: EarningsSum; machines: readonly Machine[] | undefined }) {
  const { accruing, settling, paid } = flowOf(sum, []);
  return (
    <dl className="tiles">
      <div><dt>Earned today</dt><dd><Amount value={sum.today} /></dd></div>
      <div><dt>Accruing</dt><dd><Amount value={accruing} /></dd></div>
      <div><dt>Settling</dt><dd><Amount value={settling} /></dd></div>
      <div><dt>Paid, ever</dt><dd><Amount value={paid} /></dd></div>
      <div><dt>Machines online</dt><dd className="mono">{machines === undefined ? "…" : machines.filter((machine) => machine.online).length} <small className="dim">of {machines?.length ?? "…"}</small></dd></div>
    </dl>
  );
}

function MachineList({ machines }: { machines: readonly Machine[] }) {
  const now = useNow();
  if (machines.length === 0) return <EmptyState title="No machine of yours is here" action={<Link to="/machines" className="button primary">Offer one</Link>}>It takes one command on that machine.</EmptyState>;
  return (
    <ul className="machine-list">
      {machines.slice(0, 6).map((machine) => {
        const health = healthOf(machine, now);
        return <li key={machine.host_id}><span className="job-name">{machine.name || "A machine"}</span><Pill tone={health.tone} icon={health.icon}>{health.word}</Pill><span className="dim small-text">{machine.done} done, {percent(machine.permille)} up</span></li>;
      })}
    </ul>
  );
}

export default function ProviderHome() {
  const earnings = useAsked({ queryKey: ["earnings", "whole"], queryFn: ({ signal }) => getEarningsSum(signal), refetchInterval: 5000 });
  const machines = useAsked({ queryKey: ["machines"], queryFn: ({ signal }) => getMachines(signal) });
  const jobs = useAsked({ queryKey: ["jobs", { role: "provider", limit: 6 }], queryFn: ({ signal }) => getJobs({ role: "provider", limit: 6 }, signal) });
  if (earnings.isPending) return <Skeleton rows={6} height={44} />;
  if (earnings.data === undefined) return <ErrorPanel error={earnings.error} retry={() => void earnings.refetch()} safe="Your machines go on without this page, and what they earn is in the log." />;
  return (
    <>
      <Tiles sum={earnings.data} machines={machines.data} />
      <div className="home">
        <section>
          <header className="card-head"><h2>On your machines</h2><Link to="/jobs" search={{ role: "provider" }}>All jobs</Link></header>
          {jobs.data === undefined ? <Skeleton rows={3} height={56} /> : jobs.data.items.length === 0 ? <EmptyState title="No job has run here yet" action={<Link to="/market" className="button">See the market</Link>}>The price for the speed decides: how yours stand is on the page of your machines.</EmptyState>
            : <ul className="job-cards">{jobs.data.items.map((job) => <li key={job.id}><JobCard job={job} /></li>)}</ul>}
        </section>
        <section>
          <header className="card-head"><h2>Machines</h2><Link to="/machines">All machines</Link></header>
          <div className="card">{machines.data === undefined ? (machines.isError ? <ErrorPanel error={machines.error} retry={() => void machines.refetch()} /> : <Skeleton rows={2} />) : <MachineList machines={machines.data} />}</div>
          <div className="card"><Bars title="Paid out, 30 days" bars={earnings.data.by_day} /></div>
          <p><Link to="/earnings">All earnings</Link></p>
        </section>
      </div>
    </>
  );
}
