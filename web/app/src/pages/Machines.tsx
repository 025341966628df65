// SPDX-License-Identifier: Apache-2.0
// A provider's machines: whether each is well, what it offers and how it stands in the market; and how another one comes here.
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { toast } from "sonner";
import { getMachines, getMarket, makeCode, type Machine } from "../api/account.ts";
import type { Offer } from "../api/schema.ts";
import { useTitle } from "../frame/title.ts";
import { useAction } from "../lib/action.ts";
import { useAsked } from "../lib/asked.ts";
import { newKey } from "../lib/drafts.ts";
import { codeLeft, enrolCommand, healthOf } from "../lib/machines.ts";
import { ordinal, standing } from "../lib/market.ts";
import { timeOfId } from "../lib/units.ts";
import { Age, useNow } from "../parts/Age.tsx";
import { Amount } from "../parts/Amount.tsx";
import { Curl } from "../parts/Curl.tsx";
import { copy, Id } from "../parts/Id.tsx";
import { Icon } from "../parts/Icon.tsx";
import { Refresh } from "../parts/Refresh.tsx";
import { Software } from "../parts/Software.tsx";
import { Pill } from "../parts/StatusPill.tsx";
import { Boundary, EmptyState, ErrorPanel, Skeleton } from "../parts/States.tsx";
import { Uptime } from "../parts/Uptime.tsx";
import { equipment, OfferState } from "./Market.tsx";
import { SignedIn } from "./SignedIn.tsx";

function Place({ offer, market, by, word }: { offer: Offer; market: readonly Offer[]; by: "price" | "value"; word: string }) {
  const { place, of } = standing(offer, market, by);
  return <span>{of === 1 ? "the only one" : `${ordinal(place)} of ${of}`} <span className="dim">by {word}</span></span>;
}

/** To its owner: what it told, when, and what it could. */
function Has({ offer }: { offer: Offer }) {
  return (
    <div className="machine-has">
      <p className="small-text">What this machine has<span className="dim">, as published <Age time={timeOfId(offer.id)} /></span></p>
      <Software offer={offer} />
      {offer.packages === null && <p className="dim small-text">Jobs that need a package rank behind on it. <code>tally-worker run</code> says what it finds when it starts.</p>}
      {offer.models.length === 0 && <p className="dim small-text">No models. <code>tally-worker run --models DIR</code> offers those of a Hugging Face cache, or of a folder that has each in its own: jobs find them without a network.</p>}
    </div>
  );
}

function OnOffer({ offers, market }: { offers: readonly Offer[]; market: readonly Offer[] }) {
  if (offers.length === 0) return <p className="dim">It offers nothing. <code>tally-worker run --rate</code> publishes an offer when it starts.</p>;
  const [newest] = [...offers].sort((a, b) => (a.id < b.id ? 1 : -1)); // ids begin with their time
  const isOne = new Set(offers.map(({ packages, models, images }) => JSON.stringify([packages, models, images]))).size === 1; // an offer for each GPU, and one machine behind them
  return (
    <>
      <ul className="machine-offers">
        {offers.map((offer) => (
          <li key={offer.id}>
            <p className="machine-offer"><b>{offer.model}</b><OfferState offer={offer} /><span className="nowrap"><Amount value={offer.rate} /> <span className="dim">an hour</span></span></p>
            <p className="dim small-text">{equipment(offer)}</p>
            {!isOne && <Has offer={offer} />}
            {offer.online && <p className="small-text machine-places"><span className="dim">{offer.device === "gpu" ? "Among GPUs" : "Among CPUs"} online:</span><Place offer={offer} market={market} by="price" word="price" /><Place offer={offer} market={market} by="value" word="price for speed" /></p>}
            {!offer.online && <p className="dim small-text">Not ranked while the machine is offline.</p>}
          </li>
        ))}
      </ul>
      {isOne && newest !== undefined && <Has offer={newest} />}
    </>
  );
}

function MachineCard({ machine: m, market }: { machine: Machine; market: readonly Offer[] | undefined }) {
  const now = useNow();
  const health = healthOf(m, now);
  return (
    <section className="card machine" data-testid="machine" aria-label={m.name || "Machine"}>
      <header className="card-head"><h2>{m.name || "A machine"}</h2><Pill tone={health.tone} icon={health.icon}>{health.word}</Pill></header>
      {health.advice !== "" && <p className="advice"><Icon name="warn" /><span>{health.advice}{health.command !== undefined && <> <button type="button" className="link" onClick={() => void copy(health.command ?? "", "Command")}>Copy its command</button></>}</span></p>}
      <dl className="facts">
        {m.job_id !== null && <div><dt>Runs</dt><dd><Link to="/jobs/$job" params={{ job: m.job_id }} className="mono">{m.job_id.slice(0, 8)}</Link></dd></div>}
        <div><dt>{m.online ? "Online since" : "Last heard of"}</dt><dd>{(m.online ? m.changed_at : m.last_report_at) === null ? "never" : <Age time={(m.online ? m.changed_at : m.last_report_at) ?? ""} />}</dd></div>
        <div><dt>Waiting for it</dt><dd className="mono">{m.queued} {m.queued === 1 ? "job" : "jobs"}</dd></div>
        <div><dt>Jobs done</dt><dd className="mono">{m.done}<span className="dim">{m.lost === 0 ? "" : `, ${m.lost} let down`}</span></dd></div>
        <div><dt>Benchmark</dt><dd>{m.measured_at === null ? <span className="dim">never measured</span> : <Age time={m.measured_at} />}</dd></div>
        <div><dt>Enrolled</dt><dd><Age time={m.enrolled_at} /></dd></div>
        <div><dt>Id</dt><dd><Id value={m.host_id} what="Machine's id" /></dd></div>
      </dl>
      <Uptime of={m} label="Uptime, 30 days" />
      {market === undefined ? <Skeleton rows={1} height={48} /> : <OnOffer offers={market.filter((offer) => offer.host_id === m.host_id)} market={market} />}
    </section>
  );
}

function Enrol({ open }: { open: boolean }) {
  const now = useNow();
  const [name, setName] = useState("");
  const [rate, setRate] = useState("1800000");
  const asked = { valid_s: 900, label: `code for ${name || "a machine"}`.slice(0, 100) };
  const made = useAction({
    mutationFn: () => makeCode(asked, newKey()),
    onSuccess: () => toast.success("A code was made; the command has it"),
  });
  const good = /^[1-9][0-9]{0,14}$/.test(rate);
  const left = made.data === undefined ? null : codeLeft(made.data.expires_at, now);
  const command = enrolCommand({ server: location.origin, name: name || "my-machine", rate: good ? rate : "1800000", code: left === null ? null : made.data?.code ?? null });
  return (
    <details className="card enrol" open={open}>
      <summary><h2>Offer another machine</h2></summary>
      <div className="stack">
        <p className="prose">On that machine, with Tallystick built or installed. It is enrolled once, by a code; then it asks for work until it is stopped. Your wallet stays here, and what it earns comes to it.</p>
        <div className="enrol-fields">
          <label>Its name<input value={name} maxLength={100} placeholder="my-machine" onChange={(event) => setName(event.target.value)} /></label>
          <label>QUBIC an hour<input inputMode="numeric" value={rate} aria-invalid={!good} onChange={(event) => setRate(event.target.value.trim())} />{!good && <span className="field-error">A whole number above 0.</span>}</label>
        </div>
        <pre className="command" tabIndex={0} data-testid="enrol-command">{command}</pre>
        {made.isError && <ErrorPanel error={made.error} />}
        <p className="actions">
          {left === null && <Curl of={{ path: "/v1/workers/codes", method: "POST", body: asked }} label="A code, as curl" />}
          {left === null && <button type="button" disabled={made.isPending} onClick={() => made.mutate()}>{made.isPending ? "Making it…" : made.data === undefined ? "Put a code into it" : "The code has expired: make another"}</button>}
          <button type="button" className="primary" onClick={() => void copy(command, "Command")}><Icon name="copy" />Copy the command</button>
        </p>
        {left !== null && <p className="dim small-text" data-testid="code-left">The code in it is good for one machine, for another {left}. Whoever uses it first puts a machine into your account, and can do no more. <Link to="/settings">Revoke it</Link> if you do not need it.</p>}
      </div>
    </details>
  );
}

function List() {
  const machines = useAsked({ queryKey: ["machines"], queryFn: ({ signal }) => getMachines(signal) });
  const market = useAsked({ queryKey: ["offers", "all"], queryFn: ({ signal }) => getMarket(signal) });
  const list = machines.data;
  return (
    <>
      <header className="page-head"><h1>Machines</h1><Refresh query={machines} what="Machines" path="/v1/workers" /></header>
      {machines.isPending ? <Skeleton rows={4} height={64} /> : list === undefined ? <ErrorPanel error={machines.error} retry={() => void machines.refetch()} safe="Your machines go on without this page." /> : list.length === 0 ? (
        <EmptyState title="No machine of yours is here">The command below enrols one; it is on offer a minute later.</EmptyState>
      ) : (
        <div className="machines">{[...list].sort((a, b) => Number(b.online) - Number(a.online)).map((machine) => <Boundary key={machine.host_id}><MachineCard machine={machine} market={market.data} /></Boundary>)}</div>
      )}
      {list !== undefined && <Enrol key={list.length === 0 ? "first" : "more"} open={list.length === 0} />}
    </>
  );
}

export function Machines() {
  useTitle("Machines");
  return <div className="page"><SignedIn to="see your machines" title="Machines"><List /></SignedIn></div>;
}
