// SPDX-License-Identifier: Apache-2.0
// Paying: what is signed, with which wallet, and 0/3 … 3/3. The same panel in the wizard and on the job's page, so that it can be left and
// taken up again anywhere.
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { toast } from "sonner";
import { broadcast, getJob, getTerms } from "../../api/routes.ts";
import type { Job } from "../../api/schema.ts";
import { useAction } from "../../lib/action.ts";
import { useAsked } from "../../lib/asked.ts";
import { alone, beingSigned, chooseTick, keepLock, locksChanged, lockStep, paymentOf, sentLock, type LockStep } from "../../lib/lock.ts";
import { group } from "../../lib/money.ts";
import { useStore } from "../../lib/store.ts";
import { ago, shortDuration, shortId } from "../../lib/units.ts";
import { Amount } from "../../parts/Amount.tsx";
import { Curl } from "../../parts/Curl.tsx";
import { Icon } from "../../parts/Icon.tsx";
import { Id } from "../../parts/Id.tsx";
import { ErrorPanel, problemOfError } from "../../parts/States.tsx";
import { fetchPlayMoney, playMoney } from "../../wallet/play.ts";
import { useBalance } from "../../wallet/useBalance.ts";
import { openIfPlay, signPayment, unlock, wallet } from "../../wallet/wallet.ts";

/** Signs and sends the lock of a job, unless one is on its way or seen. */
export function useSignLock() {
  const queries = useQueryClient();
  const mutation = useAction({
    mutationFn: ({ job, cap }: { job: Job; cap: bigint | null }) => alone(job.id, async () => {
      const state = wallet.get();
      if (state.is !== "open") throw new Error("unlock the wallet first");
      const begun = Date.now();
      const terms = await getTerms(); // before the job, so that the job is the newer
      const now = await getJob(job.id);
      const asked = Date.now() - begun;
      const sent = sentLock(job.id); // last, so that nothing is kept between this look and the signature
      if (now.escrow === null) return;
      const step = lockStep(now.escrow, sent, terms.chain);
      if (step === "seen") return;
      if (step === "late") throw new Error("the time for this lock is over; the job ends by itself and costs nothing");
      if (step === "sent" && sent !== null) {
        await broadcast(sent.hex);
        return;
      }
      const tick = chooseTick(terms, now.escrow, asked);
      const signed = await signPayment(paymentOf(now, cap, state.vault.identity, tick));
      keepLock(job.id, { ...signed, tick }); // before it is sent: what may run is never forgotten
      await broadcast(signed.hex);
      toast.success(`Lock sent for tick ${tick}`);
    }),
    onSettled: () => queries.invalidateQueries({ queryKey: ["job"] }),
  });
  return Object.assign(mutation, { ready: openIfPlay });
}

/** "signing": this tab is at it; "unknown": the chain has not been asked yet. */
export type ShownStep = LockStep | "signing" | "unknown";
const STEP_WORDS: Readonly<Partial<Record<ShownStep, string>>> = { sent: "Sent; waiting for its tick", signing: "Signing…", unknown: "Asking the chain…" };

export function Confirmations({ job, step }: { job: Job; step: ShownStep }) {
  const escrow = job.escrow;
  if (escrow === null) return null;
  const required = Math.max(escrow.required, 1);
  const count = job.status === "awaiting_lock" ? Math.min(escrow.confirmations, required) : required;
  const words = count >= required ? "Locked" : escrow.status === "observed" ? "Seen on the chain, being confirmed" : (STEP_WORDS[step] ?? "Not sent yet");
  return (
    <div className="confirmations" role="progressbar" aria-valuemin={0} aria-valuemax={required} aria-valuenow={count} aria-valuetext={`${count} of ${required} confirmations`}>
      <span className="confirm-stick" aria-hidden="true">
        {Array.from({ length: required }, (_, index) => <span key={index} className={index < count ? "on" : ""} />)}
      </span>
      <b className="mono" data-testid="confirmations">{count}/{required}</b>
      <span>{words}{escrow.expected_ms !== null && count < required && <span className="dim">, about {shortDuration(escrow.expected_ms)} more</span>}</span>
    </div>
  );
}

function Elsewhere({ job }: { job: Job }) {
  const [hex, setHex] = useState("");
  const escrow = job.escrow;
  const send = useAction({ mutationFn: () => broadcast(hex.trim()), onSuccess: () => setHex("") });
  if (escrow === null) return null;
  return (
    <details className="elsewhere">
      <summary>Sign elsewhere</summary>
      <div className="stack">
        <p className="prose dim">Sign a transaction of exactly this and paste it. From another identity, with another amount or input, it is sent back whole.</p>
        <dl className="facts">
          <div><dt>To</dt><dd><Id value={escrow.identity} what="Escrow identity" /></dd></div>
          <div><dt>Amount</dt><dd><Amount value={escrow.amount} /></dd></div>
          <div><dt>Input type</dt><dd className="mono">{escrow.input_type}</dd></div>
          <div><dt>Input</dt><dd><Id value={escrow.input} what="Input" /></dd></div>
          <div><dt>Not later than tick</dt><dd className="mono">{group(escrow.last_tick)}</dd></div>
        </dl>
        <label>Signed transaction, in hex<textarea className="mono" rows={3} value={hex} onChange={(event) => setHex(event.target.value)} /></label>
        <p><button type="button" disabled={hex.trim() === "" || send.isPending} onClick={() => send.mutate()}>Send it</button></p>
        {send.isSuccess && <p role="status">Sent: <Id value={send.data.transaction_id} what="Transaction" /></p>}
        {send.isError && <ErrorPanel error={send.error} />}
      </div>
    </details>
  );
}

/** What stands between somebody and their signature: another wallet, a locked one, too little money. */
function Sign({ job, cap, again }: { job: Job; cap: bigint | null; again: boolean }) {
  const state = useStore(wallet);
  const [passphrase, setPassphrase] = useState("");
  const sign = useSignLock();
  const identity = state.is === "none" ? null : state.vault.identity;
  const balance = useBalance(identity);
  const queries = useQueryClient();
  const terms = useAsked({ queryKey: ["terms"], queryFn: ({ signal }) => getTerms(signal) });
  const faucet = useAction({ mutationFn: () => fetchPlayMoney(queries) });
  const go = useAction({
    mutationFn: async () => {
      if (!(await openIfPlay())) await unlock(passphrase);
      setPassphrase("");
      await sign.mutateAsync({ job, cap });
    },
  });
  const amount = job.escrow?.amount ?? 0n;
  if (state.is === "none") return <p className="prose">There is no wallet in this browser. <Link to="/wallet">Open one</Link>, or sign elsewhere.</p>;
  if (job.escrow?.consumer_identity != null && job.escrow.consumer_identity !== identity) {
    return <p className="prose">This job belongs to <span className="mono" title={job.escrow.consumer_identity}>{shortId(job.escrow.consumer_identity)}</span>; the wallet here is another. Pay from that identity.</p>;
  }
  const short = balance.data !== undefined && balance.data.balance < amount;
  return (
    <form className="stack" onSubmit={(event) => {
      event.preventDefault();
      go.mutate();
    }}>
      {again && <p role="status">The last lock did not run in its tick, and can never run any more. Nothing was paid; another one is safe.</p>}
      <dl className="facts">
        <div><dt>You sign</dt><dd><Amount value={amount} /> to <Id value={job.escrow?.identity ?? ""} what="Escrow identity" /></dd></div>
        <div><dt>From</dt><dd><span className="mono">{shortId(identity ?? "")}</span>{balance.data !== undefined && <span className="dim">, which has <Amount value={balance.data.balance} /></span>}</dd></div>
      </dl>
      {short && (
        <p className="field-error" role="alert">
          {group(amount - (balance.data?.balance ?? 0n))} QUBIC are missing, by what the chain said {ago(balance.data?.age_ms ?? 0)}. Without them the lock does not run.{" "}
          {terms.data?.chain.faucet === true && <button type="button" className="small" disabled={faucet.isPending} onClick={() => faucet.mutate()}>{faucet.isPending ? "Waiting for the chain…" : "Get play money"}</button>}{" "}
          {terms.data?.chain.faucet === true && identity !== null && <Curl of={playMoney(identity)} />}
        </p>
      )}
      {faucet.isError && <ErrorPanel error={faucet.error} />}
      {state.is === "locked" && !state.vault.open && <label>Passphrase<input type="password" autoComplete="current-password" value={passphrase} onChange={(event) => setPassphrase(event.target.value)} /></label>}
      <p><button type="submit" className="primary" disabled={go.isPending}><Icon name="lock" />{go.isPending ? "Signing…" : `${again ? "Sign again and lock" : "Sign and lock"} ${group(amount)} QUBIC`}</button></p>
      {go.isError && <ErrorPanel error={go.error} safe="A lock that was not seen on the chain has cost nothing." />}
    </form>
  );
}

const TELL_AHEAD_TICKS = 2;

export function LockPanel({ job, quotedCap }: { job: Job; quotedCap: bigint | null }) {
  const isOpen = job.status === "awaiting_lock";
  const terms = useAsked({ queryKey: ["terms", "lock"], queryFn: ({ signal }) => getTerms(signal), refetchInterval: isOpen ? 2000 : false, enabled: isOpen });
  const isSigning = useStore(beingSigned) === job.id;
  useStore(locksChanged);
  const sent = sentLock(job.id);
  const known: ShownStep = !isOpen || job.escrow === null ? "seen" : terms.data !== undefined ? lockStep(job.escrow, sent, terms.data.chain) : sent === null ? "unknown" : "sent";
  const step = isSigning && known !== "seen" && known !== "sent" ? "signing" : known; // who is asked twice may pay twice
  // The same bytes again until they are seen, or their tick is near: a network that lost them hears them once more, and they run once at most.
  const chain = terms.data?.chain;
  const tickNow = chain === undefined ? 0 : chain.tick + (chain.tick_ms > 0 ? (Date.now() - terms.dataUpdatedAt) / chain.tick_ms : 0);
  const told = useAsked({
    queryKey: ["tell", job.id, sent?.id ?? ""],
    queryFn: () => broadcast(sent?.hex ?? ""),
    enabled: step === "sent" && sent !== null && chain !== undefined && tickNow + TELL_AHEAD_TICKS < sent.tick,
    refetchInterval: 3000, staleTime: 0, retry: false,
  });
  if (job.escrow === null) return null;
  return (
    <section className="card lock" aria-label="Payment">
      <h2>{step === "seen" ? "Payment" : "Lock the price"}</h2>
      <Confirmations job={job} step={step} />
      {step === "late" && <p className="prose">The time for this lock is over. The job ends by itself, and nothing was paid. A lock that arrives all the same comes back whole.</p>}
      {(step === "unsigned" || step === "lost") && <Sign job={job} cap={quotedCap} again={step === "lost"} />}
      {(step === "unsigned" || step === "lost") && <Elsewhere job={job} />}
      {step === "sent" && told.isError && <p className="field-error" role="status">The chain could not be told yet ({problemOfError(told.error).message}). It is tried again until the lock's tick.</p>}
      {step === "sent" && terms.data !== undefined && <p className="dim small-text">Safe to close the tab: the lock runs in its tick or never, and the job's page goes on from there.</p>}
    </section>
  );
}
