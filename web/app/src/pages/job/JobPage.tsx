// SPDX-License-Identifier: Apache-2.0
// A job, from its lock to long after its end: one page (R7).
import { keepPreviousData } from "@tanstack/react-query";
import { Link, useParams, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { getJob, getJobAsOf, getOffers } from "../../api/routes.ts";
import type { Job } from "../../api/schema.ts";
import { useTitle } from "../../frame/title.ts";
import { useAsked } from "../../lib/asked.ts";
import { costOf, group } from "../../lib/money.ts";
import { stagesOf } from "../../lib/stages.ts";
import { useStore } from "../../lib/store.ts";
import { shortDuration } from "../../lib/units.ts";
import { reason } from "../../lib/words.ts";
import type { Run } from "../../live/run.ts";
import { useOutput } from "../../live/useOutput.ts";
import { useRun } from "../../live/useRun.ts";
import { Age, Clock, useNow } from "../../parts/Age.tsx";
import { Amount } from "../../parts/Amount.tsx";
import { Curl } from "../../parts/Curl.tsx";
import { Id } from "../../parts/Id.tsx";
import { NotchLine } from "../../parts/NotchLine.tsx";
import { SplitBar } from "../../parts/SplitBar.tsx";
import { StatusPill } from "../../parts/StatusPill.tsx";
import { Boundary, EmptyState, ErrorPanel, Skeleton } from "../../parts/States.tsx";
import { session } from "../../wallet/session.ts";
import { nameOf } from "../JobCard.tsx";
import { SignedIn } from "../SignedIn.tsx";
import { CancelDialog } from "./CancelDialog.tsx";
import { EraseDialog, OutputErased } from "./Erase.tsx";
import { LockPanel } from "./LockPanel.tsx";
import { Metrics } from "./Metrics.tsx";
import { Output } from "./Output.tsx";
import { Rating } from "./Rating.tsx";
import { Rewind } from "./Rewind.tsx";
import { Payments, Results } from "./Results.tsx";

/** What has happened, in one sentence, when it is over. */
function Outcome({ job }: { job: Job }) {
  if (job.ended_at === null) return null;
  const why = reason(job.reason);
  const words = job.status === "completed" ? "The job is done" : job.status === "cancelled" ? "The job was cancelled" : "The job failed";
  const money = job.refund > 0n ? `${group(job.refund)} QUBIC ${job.settled ? "came back" : "are on their way back"}` : "";
  return (
    <div className={`outcome ${job.status}`} role="status">
      <p><b>{words}</b>{why !== "" && `: ${why}`}{job.exit_status != null && job.status === "failed" && job.exit_status !== 0 && ` (status ${job.exit_status})`}. {money !== "" && `${money}.`}</p>
      {job.detail != null && job.detail !== "" && <pre tabIndex={0}>{job.detail}</pre>}
    </div>
  );
}

/** `at`: as of when, if it is not now. */
export function Facts({ job, run, at = null }: { job: Job; run: Run; at?: string | null }) {
  const clock = useNow();
  const now = at === null ? clock : Date.parse(at);
  const over = job.ended_at !== null;
  const offers = useAsked({ queryKey: ["offers", "of jobs"], queryFn: ({ signal }) => getOffers(signal), staleTime: 60_000, refetchInterval: false });
  const model = offers.data?.items.find((offer) => offer.id === job.offer_id)?.model; // gone with an offer that was withdrawn
  // The newest report, by whichever way it came first.
  const usedMs = over ? job.used_ms : Math.max(job.used_ms, run.usedMs);
  const used = over ? job.gross : costOf(usedMs, job.rate, job.cap);
  const back = over ? job.refund : job.cap - used;
  const elapsed = job.started_at === null ? null : (over ? Date.parse(job.ended_at ?? "") : now) - Date.parse(job.started_at);
  const permille = Math.max(job.permille, run.permille);
  const left = !over && elapsed !== null && permille >= 50 ? (elapsed * (1000 - permille)) / permille : null;
  return (
    <section className="card" aria-label="Facts">
      <h2>Facts</h2>
      <SplitBar cap={job.cap} used={used} back={back} settled={over} />
      <dl className="facts">
        <div><dt>Submitted</dt><dd><Age time={job.created_at} /></dd></div>
        {job.started_at !== null && <div><dt>Started</dt><dd><Clock time={job.started_at} /></dd></div>}
        {elapsed !== null && <div><dt>{over ? "Took" : "Running for"}</dt><dd>{shortDuration(elapsed)}</dd></div>}
        {job.started_at !== null && <div><dt>Paid time</dt><dd><span className="nowrap">{shortDuration(usedMs)}</span> <span className="dim nowrap">of {shortDuration(job.limit_ms)}</span></dd></div>}
        {left !== null && <div><dt>Still needs, about</dt><dd className="nowrap">{shortDuration(Math.round(left / 1000) * 1000)}</dd></div>}
        <div><dt>Price per hour</dt><dd><Amount value={job.rate} /></dd></div>
        <div><dt>Network</dt><dd>{job.network ? "the Internet" : "none"}</dd></div>
        {job.image != null && <div><dt>Image</dt><dd className="mono">{job.image}</dd></div>}
        {job.results_folder != null && <div><dt>Output folder</dt><dd className="mono">{job.results_folder}</dd></div>}
        {over && job.fee > 0n && <div><dt>Of which fee</dt><dd><Amount value={job.fee} /></dd></div>}
        {job.attempt > 1 && <div><dt>Attempt</dt><dd>{job.attempt}</dd></div>}
        <div><dt>Job</dt><dd><Id value={job.id} what="Job id" /></dd></div>
        {model !== undefined && <div><dt>Runs on</dt><dd>{model}</dd></div>}
        {job.host_id !== null && <div><dt>Machine</dt><dd><Id value={job.host_id} what="Machine id" /></dd></div>}
        {job.escrow !== null && <div><dt>Escrow</dt><dd><Id value={job.escrow.identity} what="Escrow identity" /></dd></div>}
      </dl>
      <p><Curl of={{ path: `/v1/jobs/${job.id}` }} /></p>
    </section>
  );
}

function History({ job, run }: { job: string; run: Run }) {
  const notches = run.notches;
  return (
    <section className="card" aria-label="Events of this job">
      <h2>Events</h2>
      <div className="history" tabIndex={0} role="region" aria-label="All its events"><ol>
        {[...notches].reverse().map((notch) => (
          <li key={notch.sequence} className={notch.kind}><Link to="/jobs/$job" params={{ job }} search={{ at: notch.sequence }} resetScroll={false} className="mono dim" title="The job as it stood then">#{group(notch.sequence)}</Link><Clock time={notch.time} /><span>{notch.type}</span>{notch.type === "escrow.confirmed" && <span className="dim">{notch.label}</span>}</li>
        ))}
      </ol></div>
    </section>
  );
}

function Monitor({ now }: { now: Job }) {
  const { at: asked } = useSearch({ from: "/jobs/$job" });
  const { run: whole, loaded } = useRun(now.id, now.escrow?.required ?? 3);
  const written = useOutput(now.id);
  const stop = asked === undefined ? undefined : whole.notches.findLast((notch) => notch.sequence <= asked);
  const past = useAsked({
    queryKey: ["as of", now.id, stop?.sequence], queryFn: ({ signal }) => getJobAsOf(now.id, stop?.sequence ?? 0, signal), enabled: stop !== undefined,
    staleTime: Infinity, refetchInterval: false, placeholderData: keepPreviousData,
  });
  const at = stop !== undefined && past.data !== undefined ? stop : null;
  const job = at === null ? now : { ...(past.data as Job), file_name: now.file_name };
  const run = at === null ? whole : whole.until(at.sequence, at.time, job.started_at);
  const [cancelling, setCancelling] = useState(false);
  const [erasing, setErasing] = useState(false);
  const who = useStore(session);
  const over = job.ended_at !== null;
  const permille = over ? job.permille : Math.max(job.permille, run.permille);
  const operation = run.operation || job.operation || "";
  const name = nameOf(job);
  const stages = useMemo(() => stagesOf(job, run), [job, run, run.version]); // eslint-disable-line
  useTitle("Job", job.status === "running" ? `${Math.floor(permille / 10)} % · ${name}` : name);
  const said = (type: string): number | undefined => whole.notches.findLast((notch) => notch.type === type)?.sequence;
  const mine = who?.accountId === job.account_id && at === null; // what is past is not acted on
  return (
    <div className="page job">
      <header className="page-head">
        <h1>{name}</h1>
        <StatusPill job={{ ...job, permille }} />
        {job.status === "running" && operation !== "" && <span className="dim operation">{operation}</span>}
        <span className="grow" />
        {mine && !over && <button type="button" className="danger-quiet" onClick={() => setCancelling(true)}>Cancel…</button>}
        {mine && job.settled && job.erased_at === null && <button type="button" className="danger-quiet" onClick={() => setErasing(true)}>Erase my data…</button>}
      </header>
      <div className="notch-scroll" tabIndex={0} role="region" aria-label="Timeline"><NotchLine stages={stages} permille={permille} /></div>
      <Rewind notches={whole.notches} at={at?.sequence ?? null} />
      {past.isError && stop !== undefined && <ErrorPanel error={past.error} retry={() => void past.refetch()} safe="The job is shown as it is now." />}
      <Outcome job={job} />
      {job.status === "awaiting_lock" && mine && <LockPanel job={job} quotedCap={null} />}
      {job.status === "running" && <div className="progress" role="progressbar" aria-valuenow={Math.floor(permille / 10)} aria-valuemin={0} aria-valuemax={100} aria-label="Progress of the job"><span style={{ width: `${permille / 10}%` }} /></div>}
      <div className="columns">
        <Boundary><Facts job={job} run={run} at={at?.time ?? null} /></Boundary>
        <section className="card" aria-label="Metrics"><h2>Metrics</h2><Boundary>{loaded || run.samples.length > 0 ? <Metrics run={run} over={over} startedAt={job.started_at} /> : <Skeleton rows={4} height={28} />}</Boundary></section>
        <section className="card output-card" aria-label="Output"><h2>Output</h2><Boundary>{now.erased_at !== null ? <OutputErased at={now.erased_at} /> : written.loaded || written.output.last > 0 ? <Output read={written} name={name} over={now.ended_at !== null} /> : <Skeleton rows={8} />}</Boundary></section>
      </div>
      <div className="below">
        <div className="stack"><Results job={now} erasure={said("job.erased")} />{mine && <Rating job={now} said={said("job.rated")} />}<Payments job={job} /></div>
        <History job={now.id} run={whole} />
      </div>
      {cancelling && <CancelDialog job={job} open onClose={() => setCancelling(false)} />}
      {erasing && <EraseDialog job={now} onClose={() => setErasing(false)} />}
    </div>
  );
}

function Load({ id }: { id: string }) {
  const job = useAsked({ queryKey: ["job", id], queryFn: ({ signal }) => getJob(id, signal), refetchInterval: (query) => (query.state.data?.settled === true ? false : 5000) });
  if (job.isPending) return <div className="page"><Skeleton rows={6} height={44} /></div>;
  if (job.data !== undefined) return <Monitor now={job.data} />;
  return (
    <div className="page">
      {"status" in (job.error ?? {}) && (job.error as { status?: number }).status === 404 ? (
        <EmptyState title="You have no such job" action={<Link to="/jobs" className="button">Your jobs</Link>}>It may be another account's, or the address was cut.</EmptyState>
      ) : (
        <ErrorPanel error={job.error} retry={() => void job.refetch()} safe="The job goes on without this page, and so does its money." />
      )}
    </div>
  );
}

export function JobPage() {
  const { job } = useParams({ from: "/jobs/$job" });
  return <SignedIn to="see the job" title="Job"><Load key={job} id={job} /></SignedIn>;
}
