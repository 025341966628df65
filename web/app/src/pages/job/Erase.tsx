// SPDX-License-Identifier: Apache-2.0
// Erasing what is private of a job that is over: what goes and what stays is said first, and in its place afterwards that it is gone.
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useRef } from "react";
import { toast } from "sonner";
import { eraseJob, getJobEvents } from "../../api/routes.ts";
import type { Job } from "../../api/schema.ts";
import { useAction } from "../../lib/action.ts";
import { useAsked } from "../../lib/asked.ts";
import { draftOf, forgetDraft, newKey } from "../../lib/drafts.ts";
import { bytes, exactTime } from "../../lib/units.ts";
import { Curl } from "../../parts/Curl.tsx";
import { Dialog } from "../../parts/Dialog.tsx";
import { GoesStays } from "../../parts/GoesStays.tsx";
import { EmptyState, ErrorPanel } from "../../parts/States.tsx";
import { nameOf } from "../JobCard.tsx";

export function EraseDialog({ job, onClose }: { job: Job; onClose: () => void }) {
  const key = useRef(newKey());
  const queries = useQueryClient();
  const erase = useAction({
    mutationFn: () => eraseJob(job.id, key.current),
    onSuccess: async ({ freed }) => {
      if (draftOf(job.upload_id)?.job === job.id) forgetDraft(job.upload_id); // this browser has its settings, too
      toast.success(`The job's data is erased: ${bytes(freed)} freed`);
      await Promise.all([["job", job.id], ["jobs"], ["results", job.id], ["comment", job.id], ["as of", job.id], ["storage"]].map((queryKey) => queries.invalidateQueries({ queryKey })));
      onClose();
    },
  });
  return (
    <Dialog open onClose={onClose} title={`Erase the data of ${nameOf(job)}?`}>
      <GoesStays
        goes={["Its output", ...(job.results > 0 ? [job.results === 1 ? "Its result file" : `Its ${job.results} result files`] : []), "Arguments, variables and other settings", "Names: of its file, and of what it said it was doing", "The words of its end, and of your rating"]}
        stays={["Amounts, payments and times", "Measurements, and the stars you gave", "The public record of it, with its receipt and proofs", <>The file that you uploaded: erase it in <Link to="/settings" hash="storage" onClick={onClose}>Settings</Link></>]}
      />
      <p className="prose">It goes for the machine's owner, too, and no money moves. Copies that somebody has made are not here to be erased. It cannot be undone.</p>
      {erase.isError && <ErrorPanel error={erase.error} safe="Asking again erases it once." />}
      <p className="actions">
        <Curl of={{ path: `/v1/jobs/${job.id}/data`, method: "DELETE", key: key.current }} />
        <button type="button" onClick={onClose}>Keep it</button>
        <button type="button" className="danger" disabled={erase.isPending} onClick={() => erase.mutate()}>{erase.isPending ? "Erasing…" : "Erase my data"}</button>
      </p>
    </Dialog>
  );
}

const erasedOn = (at: string): string => `Erased on ${exactTime(at)}`;

export function OutputErased({ at }: { at: string }) {
  return <div><EmptyState title={erasedOn(at)}>What the program wrote can be read by nobody here any more.</EmptyState></div>;
}

/** In place of the results. `event`: the number of the one that says how much was freed. */
export function Erased({ job, at, event }: { job: Job; at: string; event: number | undefined }) {
  const freed = useAsked({
    queryKey: ["freed", job.id, event], enabled: event !== undefined, staleTime: Infinity, refetchInterval: false,
    queryFn: async ({ signal }) => {
      const { items } = await getJobEvents(job.id, (event ?? 1) - 1, signal);
      const count = items.find((each) => Number(each.id) === event)?.data["freed"];
      return typeof count === "number" ? count : 0; // a count of nothing is left out
    },
  });
  const files = job.results === 0 ? "It had left no files" : job.results === 1 ? "Its file is gone" : `Its ${job.results} files are gone`;
  return <EmptyState title={erasedOn(at)}><p>{files}{freed.data !== undefined && freed.data > 0 && `, ${bytes(freed.data)} freed`}. Amounts, times and the public record are as before.</p></EmptyState>;
}
