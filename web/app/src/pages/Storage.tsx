// SPDX-License-Identifier: Apache-2.0
// What an account holds of what it may, and its uploads, each with the way to erase it.
import { useQueryClient } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { toast } from "sonner";
import { addressOfUploads, eraseUpload, getOpenJobsOf, getStorage, getUploads, type HeldUpload } from "../api/account.ts";
import { Problem } from "../api/client.ts";
import { useAction } from "../lib/action.ts";
import { useAsked } from "../lib/asked.ts";
import { forgetDraft, newKey } from "../lib/drafts.ts";
import { group } from "../lib/money.ts";
import { forgetSources } from "../lib/sources.ts";
import { useStore } from "../lib/store.ts";
import { bytes, shortId } from "../lib/units.ts";
import { Age } from "../parts/Age.tsx";
import { Curl } from "../parts/Curl.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { GoesStays } from "../parts/GoesStays.tsx";
import { Refresh } from "../parts/Refresh.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../parts/States.tsx";
import { session } from "../wallet/session.ts";
import { nameOf } from "./JobCard.tsx";

const PAGE = 20;
const nameOfUpload = (upload: HeldUpload): string => upload.file_name || shortId(upload.id);

function Used({ account }: { account: string }) {
  const storage = useAsked({ queryKey: ["storage", account], queryFn: ({ signal }) => getStorage(account, signal) });
  if (storage.isPending) return <Skeleton rows={2} />;
  if (storage.isError) return <ErrorPanel error={storage.error} retry={() => void storage.refetch()} />;
  if (storage.data === null) return null;
  const { used, limit } = storage.data;
  const permille = limit === null || limit === 0 ? 0 : Math.min(1000, Math.floor((1000 * used) / limit));
  return (
    <>
      <p title={`${group(used)} bytes${limit === null ? "" : ` of ${group(limit)}`}`}><b data-testid="storage-used">{bytes(used)}</b> {limit === null ? "used; there is no limit" : `of ${bytes(limit)} used`}</p>
      {limit !== null && <div className="progress" role="meter" aria-label="Storage used" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.floor(permille / 10)} aria-valuetext={`${bytes(used)} of ${bytes(limit)}`}><span style={{ width: `${permille / 10}%` }} /></div>}
      <p className="dim small-text prose">Your uploads count, and the result files of your jobs, each as often as it is stored. {limit !== null && "At the limit uploads and new jobs are refused; what a job that runs leaves is always taken. "}Uploads are erased below, and the data of a job that is over on its page: go there from <Link to="/jobs">your jobs</Link>.</p>
    </>
  );
}

/** Which of its jobs are in the way. */
function InUse({ upload }: { upload: string }) {
  const open = useAsked({ queryKey: ["jobs", "open", upload], queryFn: ({ signal }) => getOpenJobsOf(upload, signal) });
  if (open.data === undefined || open.data.length === 0) return null;
  return <>Not over yet: {open.data.map((job, index) => <span key={job.id}>{index > 0 && ", "}<Link to="/jobs/$job" params={{ job: job.id }}>{nameOf(job)}, {shortId(job.id)}</Link></span>)}.</>;
}

function EraseUpload({ upload, onClose, onErased }: { upload: HeldUpload; onClose: () => void; onErased: (words: string) => void }) {
  const key = useRef(newKey());
  const queries = useQueryClient();
  const name = nameOfUpload(upload);
  const erase = useAction({
    mutationFn: () => eraseUpload(upload.id, key.current),
    onSuccess: async ({ freed }) => {
      forgetDraft(upload.id); // this browser has some of it, too
      forgetSources(upload.id);
      queries.removeQueries({ queryKey: ["upload", upload.id] });
      const words = `${name} is erased: ${bytes(freed)} freed`;
      toast.success(words);
      onErased(words);
      await Promise.all([["uploads"], ["storage"]].map((queryKey) => queries.invalidateQueries({ queryKey })));
      onClose();
    },
  });
  const inUse = erase.error instanceof Problem && erase.error.code === "upload_in_use";
  return (
    <Dialog open onClose={onClose} title={`Erase ${name}?`}>
      <GoesStays
        goes={[`The file, ${bytes(upload.size)}`, "Its name and its digest", "The evidence for what it needs, a model’s or image’s name, and why you said otherwise"]}
        stays={["In the public record: when it came, how large, of which kind, and the figures of what it needs", "The jobs that ran from it, with their own data until you erase that", "All money"]}
      />
      <p className="prose">It can be no job any more. Copies that somebody has made are not here to be erased. It cannot be undone.</p>
      {erase.isError && <ErrorPanel error={erase.error} safe={inUse ? "Nothing was erased." : "Asking again erases it once."}>{inUse ? <InUse upload={upload.id} /> : undefined}</ErrorPanel>}
      <p className="actions">
        <Curl of={{ path: `/v1/uploads/${upload.id}`, method: "DELETE", key: key.current }} />
        <button type="button" onClick={onClose}>Keep it</button>
        <button type="button" className="danger" disabled={erase.isPending} onClick={() => erase.mutate()}>{erase.isPending ? "Erasing…" : "Erase it"}</button>
      </p>
    </Dialog>
  );
}

function Uploads() {
  const { before } = useSearch({ from: "/settings" });
  const query = { limit: PAGE, before };
  const uploads = useAsked({ queryKey: ["uploads", query], queryFn: ({ signal }) => getUploads(query, signal), placeholderData: (old) => old });
  const [erasing, setErasing] = useState<HeldUpload | null>(null);
  const [erased, setErased] = useState("");
  const list = uploads.data?.items ?? [];
  const next = uploads.data?.next ?? null;
  return (
    <section className="card" aria-label="Uploads">
      <header className="card-head"><h2>Uploads</h2><Refresh query={uploads} what="Uploads" path={addressOfUploads(query)} /></header>
      <p role="status" className={erased === "" ? "sr-only" : "dim"}>{erased !== "" && `${erased}.`}</p>
      {uploads.isPending ? <Skeleton rows={3} height={44} /> : uploads.isError && list.length === 0 ? <ErrorPanel error={uploads.error} retry={() => void uploads.refetch()} safe="What is stored stays stored." /> : list.length === 0 ? (
        <EmptyState title={before === undefined ? "Nothing of yours is uploaded" : "No older ones"}>What you upload for a job is listed here, and can be erased.</EmptyState>
      ) : (
        <div className="table-scroll bare" tabIndex={0} role="region" aria-label="Uploads">
          <table className="cards" id="uploads">
            <thead><tr><th scope="col">Name</th><th scope="col" className="right">Size</th><th scope="col">Uploaded</th><th scope="col"><span className="sr-only">Erase</span></th></tr></thead>
            <tbody>{list.map((upload) => (
              <tr key={upload.id}>
                <th scope="row" className="wrap">{nameOfUpload(upload)}{upload.status === "rejected" && <span className="dim small-text"> not taken</span>}</th>
                <td className="right">{bytes(upload.size)}</td>
                <td className="dim"><Age time={upload.received_at} /></td>
                <td className="right"><button type="button" className="small danger-quiet" aria-label={`Erase ${nameOfUpload(upload)}`} onClick={() => setErasing(upload)}>Erase…</button></td>
              </tr>
            ))}</tbody>
          </table>
        </div>
      )}
      {(before !== undefined || next !== null) && (
        <nav className="pager" aria-label="Pages of uploads">
          {before !== undefined && <Link to="/settings" hash="storage" className="button">Newest</Link>}
          {next !== null && <Link to="/settings" search={{ before: next }} hash="storage" className="button">Older</Link>}
        </nav>
      )}
      {erasing !== null && <EraseUpload upload={erasing} onClose={() => setErasing(null)} onErased={setErased} />}
    </section>
  );
}

export function Storage() {
  const who = useStore(session);
  if (who === null || who.accountId === null || !who.scopes.includes("consumer")) return null; // who orders nothing stores nothing
  return <><section className="card" id="storage" aria-label="Storage"><h2>Storage</h2><Used account={who.accountId} /></section><Uploads /></>;
}
