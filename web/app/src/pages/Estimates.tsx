// SPDX-License-Identifier: Apache-2.0
// How often estimates were right, for anybody: computed from finished jobs, those that ended by themselves or at their paid limit.
import { Link } from "@tanstack/react-router";
import { getCalibration } from "../api/account.ts";
import { useTitle } from "../frame/title.ts";
import { useAsked } from "../lib/asked.ts";
import { FEW, shareOf, together, verdictOf, type CalibrationRow, type Verdict } from "../lib/calibration.ts";
import { group } from "../lib/money.ts";
import { jobType } from "../lib/words.ts";
import type { IconName } from "../parts/Icon.tsx";
import { Refresh } from "../parts/Refresh.tsx";
import { Pill, type Tone } from "../parts/StatusPill.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../parts/States.tsx";
import { percent } from "../parts/Uptime.tsx";

const LOOK: Readonly<Record<Verdict, { tone: Tone; icon: IconName; word: string; why: string }>> = {
  kept: { tone: "done", icon: "check", word: "As promised", why: "What was promised lies within what these jobs allow to say." },
  "too short": { tone: "failed", icon: "warn", word: "Too short", why: "More jobs took longer than promised than chance explains." },
  "too long": { tone: "waiting", icon: "half", word: "Too long", why: "More jobs were faster than promised than chance explains: the price that was locked was higher than it need be." },
  "too few": { tone: "cancelled", icon: "dash", word: "Too few to tell", why: `Below ${FEW} jobs nothing is said.` },
};

/** The share as a dot on its interval; the promise as a line across. */
function Scale({ count, of, promised, name }: { count: number; of: number; promised: number; name: string }) {
  const share = shareOf(count, of);
  if (share === null) return null;
  const look = LOOK[verdictOf(share, of, promised)];
  const words = `${name}: ${percent(share.permille)} of ${of} ${of === 1 ? "job" : "jobs"}, promised ${promised / 10} %; between ${percent(share.low)} and ${percent(share.high)} as far as can be told`;
  return (
    <div className={`scale tone-${look.tone}`} title={words}>
      <svg viewBox="0 0 1000 40" preserveAspectRatio="none" role="img" aria-label={words}>
        <rect className="scale-ground" x="0" y="18" width="1000" height="4" />
        <rect className="scale-between" x={share.low} y="13" width={Math.max(6, share.high - share.low)} height="14" />
        <rect className="scale-promised" x={promised - 3} y="0" width="6" height="40" />
        <rect className="scale-is" x={Math.max(0, share.permille - 7)} y="6" width="14" height="28" />
      </svg>
      <b className="mono">{of < FEW ? <span className="dim">–</span> : percent(share.permille)}</b>
    </div>
  );
}

function Verdicts({ row }: { row: Pick<CalibrationRow, "finished" | "within_p50" | "within_p90"> }) {
  const worst = (["too short", "too long", "kept", "too few"] as const).find((verdict) => [verdictOf(shareOf(row.within_p50, row.finished), row.finished, 500), verdictOf(shareOf(row.within_p90, row.finished), row.finished, 900)].includes(verdict)) ?? "too few";
  const look = LOOK[worst];
  return <span title={look.why}><Pill tone={look.tone} icon={look.icon}>{look.word}</Pill></span>;
}

function Rows({ rows }: { rows: readonly CalibrationRow[] }) {
  const sum = together(rows);
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label="How often estimates were right">
      <table className="cards calibration" id="calibration">
        <thead><tr><th scope="col">Jobs</th><th scope="col">Estimates were</th><th scope="col">Within the likely time, 50 % promised</th><th scope="col">Within the long time, 90 % promised</th><th scope="col" className="right">Finished</th></tr></thead>
        <tbody>
          {[{ job_type: "", ran_on: "", ...sum }, ...rows].map((row) => (
            <tr key={`${row.job_type} ${row.ran_on}`} className={row.job_type === "" ? "sum" : ""}>
              <th scope="row">{row.job_type === "" ? "All together" : <>{jobType(row.job_type)} <span className="dim calibration-on">on {row.ran_on === "cpu" ? "processors" : row.ran_on === "other gpu" ? "other GPUs" : row.ran_on}</span></>}</th>
              <td><Verdicts row={row} /></td>
              <td data-label="Within the likely time, promised 50 %" className="whole"><Scale count={row.within_p50} of={row.finished} promised={500} name="Within the likely time" /></td>
              <td data-label="Within the long time, promised 90 %" className="whole"><Scale count={row.within_p90} of={row.finished} promised={900} name="Within the long time" /></td>
              <td className="right mono" data-label="Finished">{group(row.finished)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Estimates() {
  useTitle("How good estimates are");
  const calibration = useAsked({ queryKey: ["calibration"], queryFn: ({ signal }) => getCalibration(signal) });
  return (
    <div className="page">
      <header className="page-head"><h1>How good estimates are</h1><Refresh query={calibration} what="Calibration" path="/v1/estimates/calibration" /></header>
      <p className="prose">Before a job is bought it is said how long it likely takes, and how long it takes at most in nine of ten cases. This is how often that was true, counted from every finished job in the log. A bar is where the true share lies as far as so many jobs can tell, its notch what was seen, the line across what was promised.</p>
      {calibration.isPending ? <Skeleton rows={4} height={48} /> : calibration.isError ? <ErrorPanel error={calibration.error} retry={() => void calibration.refetch()} /> : calibration.data.items.length === 0 ? (
        <EmptyState title="No job has finished yet" action={<Link to="/new" className="button primary">Run one</Link>}>The first one that ends is the first line here.</EmptyState>
      ) : <Rows rows={[...calibration.data.items].sort((a, b) => b.finished - a.finished)} />}
      {calibration.data !== undefined && <p className="dim small-text">Counted up to event #{group(calibration.data.sequence)}. Anybody who replays the log gets the same numbers.</p>}
    </div>
  );
}
