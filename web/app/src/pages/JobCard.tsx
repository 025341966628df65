// SPDX-License-Identifier: Apache-2.0
// A job in a list on a card: the same four facts, in the same order, as a row of the table.
import { Link } from "@tanstack/react-router";
import type { Job } from "../api/schema.ts";
import { costOf } from "../lib/money.ts";
import { Age } from "../parts/Age.tsx";
import { Amount } from "../parts/Amount.tsx";
import { StatusPill } from "../parts/StatusPill.tsx";
import { shortId } from "../lib/units.ts";

/** Without a name where that was erased, or is not for whoever looks. */
export const nameOf = (job: Pick<Job, "file_name" | "id">): string => job.file_name || shortId(job.id);
/** What it has cost so far, or in the end. */
export const usedOf = (job: Job): bigint => (job.ended_at === null ? costOf(job.used_ms, job.rate, job.cap) : job.gross);

export function JobCard({ job }: { job: Job }) {
  return (
    <Link to="/jobs/$job" params={{ job: job.id }} className="job-card">
      <span className="job-name">{nameOf(job)}</span>
      <StatusPill job={job} />
      <span className="job-money"><Amount value={usedOf(job)} unit={false} /><span className="dim"> of <Amount value={job.cap} /></span></span>
      <span className="dim"><Age time={job.created_at} /></span>
    </Link>
  );
}
