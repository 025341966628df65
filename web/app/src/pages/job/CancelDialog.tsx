// SPDX-License-Identifier: Apache-2.0
// Before a job is stopped: what will happen to the money, in numbers.
import { useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { toast } from "sonner";
import { cancelJob } from "../../api/routes.ts";
import type { Job } from "../../api/schema.ts";
import { useAction } from "../../lib/action.ts";
import { newKey } from "../../lib/drafts.ts";
import { costOf } from "../../lib/money.ts";
import { Amount } from "../../parts/Amount.tsx";
import { Curl } from "../../parts/Curl.tsx";
import { Dialog } from "../../parts/Dialog.tsx";
import { ErrorPanel } from "../../parts/States.tsx";
import { useTerms } from "../../wallet/useTerms.ts";
import { nameOf } from "../JobCard.tsx";

export function CancelDialog({ job, open, onClose }: { job: Job; open: boolean; onClose: () => void }) {
  const key = useRef(newKey());
  const terms = useTerms();
  const queries = useQueryClient();
  const cancel = useAction({
    mutationFn: () => cancelJob(job.id, key.current),
    onSuccess: async () => {
      toast.success(`${nameOf(job)} is cancelled`);
      await queries.invalidateQueries({ queryKey: ["job", job.id] });
      onClose();
    },
  });
  const running = job.status === "running";
  const paid = terms.data?.terms.endings.find((ending) => ending.ending === "cancelled_running")?.provider_paid ?? true;
  const used = running && paid ? costOf(job.used_ms, job.rate, job.cap) : 0n;
  const unpaid = job.status === "awaiting_lock" && job.escrow?.status === "requested";
  return (
    <Dialog open={open} onClose={onClose} title={`Cancel ${nameOf(job)}?`}>
      {unpaid ? (
        <p className="prose">Nothing has been paid for it. If a lock is still on its way, it comes back whole.</p>
      ) : running ? (
        <>
          <p className="prose">The program is stopped. The time it has used until then is paid; the rest comes back by itself.</p>
          <dl className="facts">
            <div><dt>Used, by the last report</dt><dd><Amount value={used} /></dd></div>
            <div><dt>Comes back, about</dt><dd><Amount value={job.cap - used} /></dd></div>
          </dl>
        </>
      ) : (
        <>
          <p className="prose">It has not started, so nothing is owed.</p>
          <dl className="facts"><div><dt>Comes back</dt><dd><Amount value={job.cap} /></dd></div></dl>
        </>
      )}
      {cancel.isError && <ErrorPanel error={cancel.error} safe="Asking again cancels it once." />}
      <p className="actions">
        <Curl of={{ path: `/v1/jobs/${job.id}/cancel`, method: "POST", body: {}, key: key.current }} />
        <button type="button" onClick={onClose}>Let it go on</button>
        <button type="button" className="danger" disabled={cancel.isPending} onClick={() => cancel.mutate()}>{cancel.isPending ? "Cancelling…" : "Cancel the job"}</button>
      </p>
    </Dialog>
  );
}
