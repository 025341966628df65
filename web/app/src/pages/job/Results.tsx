// SPDX-License-Identifier: Apache-2.0
// The files a job left, and the payments that ended it.
import { getResult, getResults } from "../../api/routes.ts";
import type { Job } from "../../api/schema.ts";
import { useAction } from "../../lib/action.ts";
import { useAsked } from "../../lib/asked.ts";
import { bytes, shortDuration } from "../../lib/units.ts";
import { spaced } from "../../lib/words.ts";
import { Amount } from "../../parts/Amount.tsx";
import { Curl } from "../../parts/Curl.tsx";
import { Icon } from "../../parts/Icon.tsx";
import { ExplorerLink } from "../../parts/ExplorerLink.tsx";
import { Id } from "../../parts/Id.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../../parts/States.tsx";
import { PaymentPill } from "../money/PaymentStatus.tsx";
import { Erased } from "./Erase.tsx";

/** `erasure`: the number of the event that says how much was freed. */
export function Results({ job, erasure }: { job: Job; erasure: number | undefined }) {
  const over = job.ended_at !== null;
  const withheld = over && job.status !== "completed" && job.ending !== "cancelled_running";
  const results = useAsked({ queryKey: ["results", job.id], queryFn: ({ signal }) => getResults(job.id, signal), enabled: over && !withheld && job.erased_at === null, retry: false });
  const fetchOne = useAction({
    mutationFn: async (name: string) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await getResult(job.id, name));
      link.download = name.split("/").at(-1) ?? name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    },
  });
  if (job.erased_at !== null) return <section className="card" aria-label="Results"><h2>Results</h2><Erased job={job} at={job.erased_at} event={erasure} /></section>;
  return (
    <section className="card" aria-label="Results">
      <h2>Results</h2>
      {!over ? <EmptyState title={job.results > 0 ? `${job.results} ${job.results === 1 ? "file is" : "files are"} there already` : "No files yet"}>What a program writes into <code>./results</code> comes here when it has ended.</EmptyState> : withheld ? <p className="dim prose">Nothing was paid, so its files are withheld. Its output stays readable.</p> : results.isPending ? <Skeleton rows={2} /> : results.isError ? <ErrorPanel error={results.error} retry={() => void results.refetch()} /> : results.data.items.length === 0 ? (
        <EmptyState title="It left no files">What a program writes into <code>./results</code> comes here.</EmptyState>
      ) : (
        <ul className="plain-list results">
          {results.data.items.map((file) => (
            <li key={file.name}>
              <button type="button" className="link" disabled={fetchOne.isPending} onClick={() => fetchOne.mutate(file.name)}><Icon name="download" />{file.name}</button>
              <span className="dim">{bytes(file.size)}</span>
              <Id value={file.digest} what="Digest" />
            </li>
          ))}
        </ul>
      )}
      {results.data !== undefined && results.data.items.length > 0 && <p><Curl of={{ path: `/v1/jobs/${job.id}/results` }} /></p>}
      {fetchOne.isError && <ErrorPanel error={fetchOne.error} />}
    </section>
  );
}

export function Payments({ job }: { job: Job }) {
  const escrow = job.escrow;
  if (escrow === null || (escrow.lock_transaction === null && job.legs.length === 0)) return null;
  return (
    <section className="card" aria-label="Payments">
      <h2>Payments</h2>
      <div className="table-scroll bare" tabIndex={0} role="region" aria-label="Payments of this job">
        <table className="cards">
          <thead><tr><th scope="col">What</th><th scope="col">Status</th><th scope="col" className="right">Amount</th><th scope="col">Transaction</th></tr></thead>
          <tbody>
            {escrow.lock_transaction !== null && (
              <tr><th scope="row">Lock</th><td><PaymentPill status={escrow.status === "observed" ? "observed" : "confirmed"} /></td><td className="right" data-label="Amount"><Amount value={escrow.amount} /></td><td data-label="Transaction"><ExplorerLink transaction={escrow.lock_transaction} /></td></tr>
            )}
            {job.legs.map((leg, index) => (
              <tr key={index}>
                <th scope="row">{leg.kind === "refund" ? "Refund to the consumer" : leg.kind === "payout" ? "Payout to the provider" : spaced(leg.kind)}</th>
                <td><PaymentPill status={leg.status} />{leg.expected_ms !== null && <span className="dim small-text"> about {shortDuration(leg.expected_ms)} more</span>}</td>
                <td className="right" data-label="Amount"><Amount value={leg.amount} /></td>
                <td data-label="Transaction">{leg.tx_id !== null && <ExplorerLink transaction={leg.tx_id} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
