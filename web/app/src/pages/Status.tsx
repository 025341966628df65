// SPDX-License-Identifier: Apache-2.0
// Whether the service is well, for anybody: ledger, chain, payments, this page; and the terms that are in force.
import { getCheckpoint, getStatus, type Readiness } from "../api/account.ts";
import { useTitle } from "../frame/title.ts";
import { useAsked } from "../lib/asked.ts";
import { group } from "../lib/money.ts";
import { readNote } from "../lib/proof.ts";
import { statusOf } from "../lib/status.ts";
import { useStore } from "../lib/store.ts";
import { duration } from "../lib/units.ts";
import { ENDINGS } from "../lib/words.ts";
import { live } from "../live/live.ts";
import { Age } from "../parts/Age.tsx";
import { Amount } from "../parts/Amount.tsx";
import { Icon } from "../parts/Icon.tsx";
import { Id } from "../parts/Id.tsx";
import { Refresh } from "../parts/Refresh.tsx";
import { Pill } from "../parts/StatusPill.tsx";
import { ErrorPanel, Skeleton } from "../parts/States.tsx";
import { useTerms } from "../wallet/useTerms.ts";

function Part({ title, state, children }: { title: string; state: { well: boolean; word: string; why: string }; children: React.ReactNode }) {
  return (
    <section className="card" aria-label={title}>
      <header className="card-head"><h2>{title}</h2><Pill tone={state.well ? "done" : "failed"} icon={state.well ? "check" : "warn"}>{state.word}</Pill></header>
      {state.why !== "" && <p className="advice"><Icon name="warn" /><span>{state.why}</span></p>}
      <dl className="facts">{children}</dl>
    </section>
  );
}
const counted = (count: number, word: string): string => `${group(count)} ${word}${count === 1 ? "" : "s"}`;
const Fact = ({ name, children }: { name: string; children: React.ReactNode }) => <div><dt>{name}</dt><dd>{children}</dd></div>;

function Parts({ ready }: { ready: Readiness }) {
  const terms = useTerms();
  const checkpoint = useAsked({ queryKey: ["checkpoint"], queryFn: async () => readNote(await getCheckpoint()), refetchInterval: 10_000, retry: false });
  const connection = useStore(live);
  const state = statusOf(ready);
  const signed = checkpoint.data?.size;
  return (
    <div className="machines">
      <Part title="Ledger" state={state.ledger}>
        <Fact name="Events"><span className="mono">{group(ready.ledger.head)}</span></Fact>
        <Fact name="Under a signed checkpoint">{signed === undefined ? <span className="dim">{checkpoint.isError ? "none yet" : "…"}</span> : <span className="mono">{group(signed)}{signed < ready.ledger.head && <span className="dim"> ({group(ready.ledger.head - signed)} since)</span>}</span>}</Fact>
        {terms.data !== undefined && <><Fact name="Name"><span className="wrap">{terms.data.log}</span></Fact><Fact name="Id"><Id value={terms.data.log_id} what="Log's id" /></Fact></>}
      </Part>
      <Part title="Chain" state={state.chain}>
        {terms.data !== undefined && <Fact name="Network"><span className="mono">{terms.data.network}</span></Fact>}
        <Fact name="Tick"><span className="mono">{group(ready.settlement.tick)}</span></Fact>
        <Fact name="Archive is behind by"><span className="mono">{counted(Math.max(0, ready.settlement.tick - ready.settlement.processed), "tick")}</span></Fact>
        {terms.data !== undefined && terms.data.chain.tick_ms > 0 && <Fact name="A tick takes"><span className="mono">{(terms.data.chain.tick_ms / 1000).toFixed(2)} s</span></Fact>}
      </Part>
      <Part title="Payments" state={state.payments}>
        <Fact name="Stuck"><span className="mono">{ready.settlement.legs_stuck}</span>{ready.settlement.oldest_stuck_since !== null && <span className="dim"> since <Age time={ready.settlement.oldest_stuck_since} /></span>}</Fact>
        <Fact name="Keys missing"><span className="mono">{ready.settlement.keys_missing.length}</span></Fact>
        <Fact name="Anchored on the chain">{ready.anchoring.on ? <span className="mono">{counted(ready.anchoring.records, "event")}</span> : <span className="dim">not asked for</span>}</Fact>
      </Part>
      <Part title="This page" state={{ well: connection.connection !== "reconnecting", word: connection.connection === "off" ? "Not signed in" : connection.connection === "live" ? "Live" : connection.connection === "streaming" ? "Live, by an event stream" : connection.connection.replace("_", " "), why: "" }}>
        <Fact name="Followed up to">{connection.head === 0 ? <span className="dim">sign in to follow</span> : <span className="mono">#{group(connection.head)}</span>}</Fact>
        <Fact name="Behind by"><span className="mono">{connection.head === 0 ? "–" : counted(Math.max(0, ready.ledger.head - connection.head), "event")}</span></Fact>
      </Part>
    </div>
  );
}

function Terms() {
  const terms = useTerms();
  if (terms.isPending) return <Skeleton rows={4} />;
  if (terms.isError) return <ErrorPanel error={terms.error} retry={() => void terms.refetch()} />;
  const t = terms.data.terms;
  const ends = new Map(t.endings.map((each) => [each.ending, each.provider_paid]));
  return (
    <section className="card">
      <h2>Terms in force</h2>
      <div className="terms">
        <dl className="facts">
          <Fact name="Fee">{t.fee_bps === 0 ? "none" : `${t.fee_bps / 100} %, out of what is used`}</Fact>
          <Fact name="Locked above the estimate">{t.margin_bps / 100} %</Fact>
          <Fact name="Least that is locked"><Amount value={t.lock_min} /></Fact>
          <Fact name="A price stands for">{duration(t.quote_valid_s * 1000)}</Fact>
          <Fact name="A lock is awaited for">{duration(t.lock_wait_s * 1000)}</Fact>
          <Fact name="A lock counts after">{counted(t.confirmations, "tick")}</Fact>
          <Fact name="A machine is lost after">{duration(t.lease_s * 1000)} of silence</Fact>
          <Fact name="A job waits at most">{duration(t.queue_max_s * 1000)}</Fact>
        </dl>
        <table className="endings">
          <thead><tr><th scope="col">How a job ends</th><th scope="col">Used time is paid</th></tr></thead>
          <tbody>{ENDINGS.map(([ending, words]) => <tr key={ending}><th scope="row">{words}</th><td>{ends.get(ending) === true ? "yes, the rest comes back" : "no, all comes back"}</td></tr>)}</tbody>
        </table>
      </div>
    </section>
  );
}

export function Status() {
  useTitle("Status");
  const ready = useAsked({ queryKey: ["ready", "whole"], queryFn: ({ signal }) => getStatus(signal), refetchInterval: 5000, retry: false });
  const words = ready.data === undefined ? null : statusOf(ready.data).whole;
  return (
    <div className="page">
      <header className="page-head"><h1>Status</h1><Refresh query={ready} what="Status" path="/readyz" /></header>
      {ready.isError && <ErrorPanel error={ready.error} retry={() => void ready.refetch()} safe="What was accepted before is in the log, and jobs that run go on." />}
      {words !== null && !ready.isError && <p className={`outcome ${words.well ? "" : "failed"}`} role="status" data-testid="whole"><b>{words.word}</b>{words.why !== "" && <span>{words.why}</span>}</p>}
      {ready.data !== undefined ? <Parts ready={ready.data} /> : ready.isPending && <Skeleton rows={4} height={80} />}
      <Terms />
    </div>
  );
}
