// SPDX-License-Identifier: Apache-2.0
// All jobs, newest first; filter, role and page are in the address.
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { address } from "../api/contract.ts";
import { getJobs } from "../api/routes.ts";
import { jobStatuses, type Job, type JobStatus } from "../api/schema.ts";
import { useTitle } from "../frame/title.ts";
import { useAsked } from "../lib/asked.ts";
import { spaced } from "../lib/words.ts";
import { Age } from "../parts/Age.tsx";
import { Amount } from "../parts/Amount.tsx";
import { Refresh } from "../parts/Refresh.tsx";
import { StatusPill } from "../parts/StatusPill.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../parts/States.tsx";
import { nameOf, usedOf } from "./JobCard.tsx";
import { SignedIn } from "./SignedIn.tsx";

const PAGE = 50;

function Rows({ jobs }: { jobs: readonly Job[] }) {
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label="Jobs">
      <table className="cards" id="jobs">
        <thead><tr><th scope="col">Job</th><th scope="col">Status</th><th scope="col" className="right">Used</th><th scope="col" className="right">At most</th><th scope="col">Submitted</th></tr></thead>
        <tbody>
          {jobs.map((job) => (
            <tr key={job.id}>
              <th scope="row"><Link to="/jobs/$job" params={{ job: job.id }}>{nameOf(job)}</Link></th>
              <td><StatusPill job={job} /></td>
              <td className="right" data-label="Used"><Amount value={usedOf(job)} /></td>
              <td className="right" data-label="At most"><Amount value={job.cap} /></td>
              <td className="dim"><Age time={job.created_at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function List() {
  const { status, role, before } = useSearch({ from: "/jobs" });
  const navigate = useNavigate({ from: "/jobs" });
  const query = { limit: PAGE, status, role, before: before === undefined ? undefined : Number(before) };
  const jobs = useAsked({ queryKey: ["jobs", query], queryFn: ({ signal }) => getJobs(query, signal), placeholderData: (old) => old });
  const next = jobs.data?.next;
  return (
    <>
      <header className="page-head"><h1>Jobs</h1><Refresh query={jobs} what="Jobs" path={address("/v1/jobs", {}, query)} /></header>
      <div className="filters">
        <div className="segments" role="group" aria-label="Whose jobs">
          <button type="button" aria-pressed={role === undefined} onClick={() => void navigate({ search: status ? { status } : {} })}>That I submitted</button>
          <button type="button" aria-pressed={role === "provider"} onClick={() => void navigate({ search: { ...(status && { status }), role: "provider" } })}>On my machines</button>
        </div>
        <label className="inline-label">Status
          <select value={status ?? ""} onChange={(event) => void navigate({ search: { ...(role && { role }), ...(event.target.value !== "" && { status: event.target.value as JobStatus }) } })}>
            <option value="">All</option>
            {jobStatuses.map((each) => <option key={each} value={each}>{spaced(each)}</option>)}
          </select>
        </label>
      </div>
      {jobs.isPending ? <Skeleton rows={6} height={44} /> : jobs.isError ? <ErrorPanel error={jobs.error} retry={() => void jobs.refetch()} safe="Jobs and money go on without this page." /> : jobs.data.items.length === 0 ? (
        <EmptyState title={status === undefined && before === undefined ? "No jobs yet" : "No job is like that"} action={status !== undefined ? <Link to="/jobs" className="button">Show all</Link> : role === undefined ? <Link to="/new" className="button primary">New job</Link> : undefined}>
          {role === "provider" ? "Jobs that ran on machines of yours are shown here." : "Upload a Python file, or try the sample."}
        </EmptyState>
      ) : <Rows jobs={jobs.data.items} />}
      <nav className="pager" aria-label="Pages">
        {before !== undefined && <Link to="/jobs" search={{ ...(status && { status }), ...(role && { role }) }} className="button">Newest</Link>}
        {next != null && <Link to="/jobs" search={{ ...(status && { status }), ...(role && { role }), before: String(next) }} className="button">Older</Link>}
      </nav>
    </>
  );
}

export function Jobs() {
  useTitle("Jobs");
  return <div className="page"><SignedIn to="see your jobs" title="Jobs"><List /></SignedIn></div>;
}
