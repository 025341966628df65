// SPDX-License-Identifier: Apache-2.0
// What is going on, for whoever is signed in; what this is, for whoever is not.
import { Link } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { getEarnings, getJobs, getOffers } from "../api/routes.ts";
import type { Job } from "../api/schema.ts";
import { useTitle } from "../frame/title.ts";
import { Stick } from "../frame/Frame.tsx";
import { useAsked } from "../lib/asked.ts";
import { costOf } from "../lib/money.ts";
import { role, roleOf, type Role } from "../lib/role.ts";
import { useStore } from "../lib/store.ts";
import { ago } from "../lib/units.ts";
import { newest } from "../live/live.ts";
import { useNow } from "../parts/Age.tsx";
import { Amount } from "../parts/Amount.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../parts/States.tsx";
import { session } from "../wallet/session.ts";
import { SignInCard } from "../wallet/SignInCard.tsx";
import { useBalance } from "../wallet/useBalance.ts";
import { EventRows, notable } from "./EventRows.tsx";
import { JobCard } from "./JobCard.tsx";

const ProviderHome = lazy(() => import("./ProviderHome.tsx"));

function Welcome() {
  const offers = useAsked({ queryKey: ["offers"], queryFn: ({ signal }) => getOffers(signal) });
  const online = offers.data?.items.filter((offer) => offer.online).length;
  return (
    <div className="welcome">
      <section>
        <Stick />
        <h1>Computing time, with a record both sides hold</h1>
        <p className="prose">
          Drop a program. It is matched to a machine, its price is locked on the Qubic chain, it runs in a sandbox, the provider is paid for the time used, and the rest comes back by itself. Every step is an event in one log that anybody can check.
        </p>
        <ol className="how">
          <li><b>Upload</b><span>what it needs is read from the source</span></li>
          <li><b>Choose</b><span>a machine, with its time and its price</span></li>
          <li><b>Lock</b><span>at most so much, signed in this page</span></li>
          <li><b>Watch</b><span>until the last unit is where it belongs</span></li>
        </ol>
        {online !== undefined && <p className="dim">{online === 0 ? "No machine is online right now." : `${online} ${online === 1 ? "machine is" : "machines are"} online.`} <Link to="/market">See the market</Link></p>}
      </section>
      <SignInCard title="Begin" />
    </div>
  );
}

const OLD_MS = 10_000; // a balance is that old where jobs have been paid or ended since, and says so

const isOpen = (job: Job) => !job.settled;

function Tiles({ jobs, identity }: { jobs: readonly Job[]; identity: string | null }) {
  const balance = useBalance(identity);
  const now = useNow();
  const earnings = useAsked({ queryKey: ["earnings"], queryFn: ({ signal }) => getEarnings(signal), retry: false });
  const locked = jobs.filter((job) => isOpen(job) && job.escrow !== null && ["locked", "observed"].includes(job.escrow.status)).reduce((sum, job) => sum + job.cap, 0n);
  const old = balance.data === undefined ? 0 : balance.data.age_ms + Math.max(0, now - balance.dataUpdatedAt);
  const running = jobs.filter((job) => job.status === "running").reduce((sum, job) => sum + costOf(job.used_ms, job.rate, job.cap), 0n);
  return (
    <dl className="tiles">
      {identity !== null && <div><dt>In the wallet{old >= OLD_MS && `, ${ago(old)}`}</dt><dd>{balance.data === undefined ? "…" : <Amount value={balance.data.balance} />}</dd></div>}
      <div><dt>Locked for jobs</dt><dd><Amount value={locked} /></dd></div>
      <div><dt>Used by running jobs</dt><dd><Amount value={running} /></dd></div>
      {earnings.data !== undefined && earnings.data.total > 0n && <div><dt>Earned</dt><dd><Amount value={earnings.data.total} /></dd></div>}
    </dl>
  );
}

function Home({ identity }: { identity: string | null }) {
  const jobs = useAsked({ queryKey: ["jobs", { limit: 20 }], queryFn: ({ signal }) => getJobs({ limit: 20 }, signal) });
  const events = useStore(newest);
  if (jobs.isPending) return <Skeleton rows={6} height={44} />;
  if (jobs.isError) return <ErrorPanel error={jobs.error} retry={() => void jobs.refetch()} safe="Jobs and money go on without this page." />;
  const items = jobs.data.items;
  return (
    <>
      <Tiles jobs={items} identity={identity} />
      <div className="home">
        <section>
          <header className="card-head"><h2>Jobs</h2>{items.length > 0 && <Link to="/jobs">All jobs</Link>}</header>
          {items.length === 0 ? (
            <EmptyState title="No jobs yet" action={<Link to="/new" className="button primary">New job</Link>}>Upload a Python file, or try the sample.</EmptyState>
          ) : (
            <ul className="job-cards">{items.slice(0, 6).map((job) => <li key={job.id}><JobCard job={job} /></li>)}</ul>
          )}
        </section>
        <section>
          <header className="card-head"><h2>Events</h2><Link to="/events">All events</Link></header>
          <div className="card"><EventRows events={notable(events).slice(0, 12)} /></div>
        </section>
      </div>
    </>
  );
}

const ROLES: readonly (readonly [Role, string])[] = [["consumer", "My jobs"], ["provider", "My machines"]];

/** As was chosen; else whoever has machines and never ordered sees those first. */
function useRole(scopes: readonly string[]): Role {
  const chosen = useStore(role);
  const undecided = chosen === null && scopes.includes("provider");
  const jobs = useAsked({ queryKey: ["jobs", "limit=20"], queryFn: ({ signal }) => getJobs({ limit: 20 }, signal), enabled: undecided });
  const earnings = useAsked({ queryKey: ["earnings"], queryFn: ({ signal }) => getEarnings(signal), enabled: undecided });
  const provides = undecided && jobs.data?.items.length === 0 && earnings.data !== undefined && (earnings.data.total > 0n || earnings.data.uptime.hosts > 0);
  return roleOf(chosen ?? (provides ? "provider" : null), scopes);
}

export function Overview() {
  useTitle("Overview");
  const who = useStore(session);
  const as = useRole(who?.scopes ?? []);
  if (who === null) return <Welcome />;
  const both = ROLES.every(([each]) => who.scopes.includes(each));
  return (
    <div className="page">
      <header className="page-head">
        <h1>Overview</h1>
        {both && <div className="segments" role="group" aria-label="Look at">{ROLES.map(([each, word]) => <button key={each} type="button" aria-pressed={as === each} onClick={() => role.set(each)}>{word}</button>)}</div>}
        <Link to="/new" className="button primary wide-only">New job</Link>
      </header>
      {as === "provider" ? <Suspense fallback={<Skeleton rows={6} height={44} />}><ProviderHome /></Suspense> : <Home identity={who.identity} />}
    </div>
  );
}
