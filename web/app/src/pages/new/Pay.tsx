// SPDX-License-Identifier: Apache-2.0
// Step 4: at most so much, what becomes of it however the job ends, and one button.
import { Link, Navigate, useNavigate, useParams } from "@tanstack/react-router";
import { useEffect } from "react";
import { Problem } from "../../api/client.ts";
import { getJob, newJob } from "../../api/routes.ts";
import type { Quote } from "../../api/schema.ts";
import { useTitle } from "../../frame/title.ts";
import { useAction } from "../../lib/action.ts";
import { useAsked } from "../../lib/asked.ts";
import { keepDraft, mayEnter, newKey, type Draft } from "../../lib/drafts.ts";
import { whileSigning } from "../../lib/lock.ts";
import { costOf, group } from "../../lib/money.ts";
import { duration, durationRange, shortDuration } from "../../lib/units.ts";
import { ENDINGS } from "../../lib/words.ts";
import { Amount } from "../../parts/Amount.tsx";
import { useNow } from "../../parts/Age.tsx";
import { Curl } from "../../parts/Curl.tsx";
import { ErrorPanel, Skeleton } from "../../parts/States.tsx";
import { useTerms } from "../../wallet/useTerms.ts";
import { LockPanel, useSignLock } from "../job/LockPanel.tsx";
import { SignedIn } from "../SignedIn.tsx";
import { isLacking, Refusal } from "./Refusal.tsx";
import { useQuote } from "./Secrets.tsx";
import { StepBody, Steps } from "./Steps.tsx";
import { useDraft } from "./useDraft.ts";

function EndingsTable({ quote }: { quote: Quote }) {
  const terms = useTerms();
  if (terms.data === undefined) return <Skeleton rows={4} />;
  const paid = new Map(terms.data.terms.endings.map((ending) => [ending.ending, ending.provider_paid]));
  return (
    <section className="card">
      <h2>What happens to the money</h2>
      <table className="endings">
        <thead><tr><th scope="col">If</th><th scope="col">The owner gets</th><th scope="col">You get back</th></tr></thead>
        <tbody>
          {ENDINGS.filter(([word]) => paid.has(word)).map(([word, says]) => (
            <tr key={word}>
              <th scope="row">{says}</th>
              <td>{paid.get(word) === true ? (word === "cap_reached" ? "all of it" : "the time used") : "nothing"}</td>
              <td>{paid.get(word) === true ? (word === "cap_reached" ? "nothing" : "the rest") : <b>all of it</b>}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="dim small-text prose">It comes back by itself, to the wallet that paid. {quote.fee_bps > 0 ? `${quote.fee_bps / 100} % of what is used is the operator's fee, out of the owner's share.` : "There is no fee."}</p>
    </section>
  );
}

function QuoteCard({ quote }: { quote: Quote }) {
  const now = useNow();
  const left = Date.parse(quote.expires_at) - now;
  return (
    <section className="card quote">
      <h2>Price</h2>
      <p className="big" data-testid="cap"><Amount value={quote.cap} /></p>
      <p className="dim">at most; what is not used comes back</p>
      <dl className="facts">
        <div><dt>Likely takes</dt><dd>{durationRange(quote.p50_ms, quote.p90_ms)}</dd></div>
        <div><dt>Likely costs</dt><dd><Amount value={costOf(quote.p50_ms, quote.rate, quote.cap)} /></dd></div>
        <div><dt>Per hour</dt><dd><Amount value={quote.rate} /></dd></div>
        <div><dt>Paid up to</dt><dd>{duration(quote.limit_ms)}, then it is stopped</dd></div>
        {quote.margin_bps > 0 && <div><dt>Safety margin</dt><dd>{quote.margin_bps / 100} % on the long estimate</dd></div>}
        <div><dt>This price holds</dt><dd>{left > 0 ? shortDuration(left) : "no longer"}</dd></div>
      </dl>
    </section>
  );
}

function Launch({ draft, quote, renew }: { draft: Draft; quote: Quote; renew: () => void }) {
  const sign = useSignLock();
  const launch = useAction({
    mutationFn: async () => {
      const job = await newJob(quote.id, draft.settings, draft.jobKey);
      await whileSigning(job.id, async () => {
        keepDraft({ ...draft, job: job.id }); // from here on the job's own page can go on
        if (await sign.ready()) await sign.mutateAsync({ job, cap: quote.cap });
      });
      return job;
    },
    onError: (error) => {
      if (error instanceof Problem && (error.code === "quote_expired" || error.code === "quote_used" || error.code === "idempotency_mismatch")) renew();
    },
  });
  return (
    <section className="card launch">
      <button type="button" className="primary huge" disabled={launch.isPending} onClick={() => launch.mutate()}>
        {launch.isPending ? "Signing…" : `Launch: lock ${group(quote.cap)} QUBIC`}
      </button>
      <p className="dim small-text">Signed in this page. The tab may be closed at any time; the job's page goes on where you were.</p>
      <Curl of={{ path: "/v1/jobs", method: "POST", body: { quote_id: quote.id, ...(Object.keys(draft.settings).length > 0 ? { settings: draft.settings } : {}) }, key: draft.jobKey }} />
      {launch.isError && <Refusal error={launch.error} upload={draft.upload} safe="Nothing was paid. If the job was made, it waits for its lock and costs nothing without it." />}
    </section>
  );
}

function AwaitLock({ jobId, cap }: { jobId: string; cap: bigint | null }) {
  const navigate = useNavigate();
  const job = useAsked({ queryKey: ["job", jobId], queryFn: ({ signal }) => getJob(jobId, signal), refetchInterval: 2000 });
  const isOn = job.data !== undefined && job.data.status !== "awaiting_lock";
  useEffect(() => {
    if (!isOn) return undefined;
    const timer = setTimeout(() => void navigate({ to: "/jobs/$job", params: { job: jobId }, replace: true }), 900); // 3/3 is seen for a moment
    return () => clearTimeout(timer);
  }, [isOn, jobId, navigate]);
  if (job.isPending) return <Skeleton rows={3} height={40} />;
  if (job.isError) return <ErrorPanel error={job.error} retry={() => void job.refetch()} safe="The job is in the log; its page shows it when the server answers." />;
  return (
    <>
      <LockPanel job={job.data} quotedCap={cap} />
      <p className="actions"><Link to="/jobs/$job" params={{ job: jobId }} className="button">To the job's page</Link></p>
    </>
  );
}

function Payment({ draft }: { draft: Draft }) {
  const quote = useQuote(draft);
  const now = useNow();
  const renew = () => keepDraft({ ...draft, quoteKey: newKey(), jobKey: newKey() });
  if (draft.job !== undefined) return <AwaitLock jobId={draft.job} cap={quote.data?.cap ?? null} />;
  if (quote.isPending) return <Skeleton rows={5} height={40} />;
  if (quote.isError) {
    return (
      <>
        <Refusal error={quote.error} upload={draft.upload} retry={renew} safe="Nothing was paid." />
        {!isLacking(quote.error) && <p className="actions"><Link to="/new/$upload/offers" params={{ upload: draft.upload }} className="button">Choose another machine</Link></p>}
      </>
    );
  }
  const expired = Date.parse(quote.data.expires_at) <= now;
  return (
    <>
      <div className="pay">
        <QuoteCard quote={quote.data} />
        <EndingsTable quote={quote.data} />
      </div>
      {draft.settings.sealed !== undefined && quote.data.sealing_key !== draft.sealedTo ? (
        <section className="card launch"><p>The secrets were sealed for another key than this machine has now, so it could not read them.</p><Link to="/new/$upload/settings" params={{ upload: draft.upload }} className="button primary">Seal them anew</Link></section>
      ) : expired ? (
        <section className="card launch"><p>This price was held for a while and is no longer.</p><button type="button" className="primary" onClick={renew}>Ask for a new one</button></section>
      ) : (
        <Launch draft={draft} quote={quote.data} renew={renew} />
      )}
      <p className="actions"><Link to="/new/$upload/settings" params={{ upload: draft.upload }} className="button">Back</Link></p>
    </>
  );
}

export function PayStep() {
  const { upload } = useParams({ from: "/new/$upload/pay" });
  const { draft } = useDraft(upload);
  useTitle("New job", draft.name === "" ? "New job" : `Pay for ${draft.name}`);
  if (!mayEnter(draft, "pay")) return <Navigate to="/new/$upload/offers" params={{ upload }} replace />;
  return (
    <div className="page wizard">
      <h1>{draft.name || "New job"}</h1>
      <Steps at="pay" draft={draft} />
      <StepBody><SignedIn to="pay"><Payment draft={draft} /></SignedIn></StepBody>
    </div>
  );
}
