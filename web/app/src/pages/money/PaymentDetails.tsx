// SPDX-License-Identifier: Apache-2.0
// All there is to say of one transaction on the chain, with the events that it is in the log by.
import { Link } from "@tanstack/react-router";
import { getPayments, type Payment } from "../../api/account.ts";
import { getJobEvents } from "../../api/routes.ts";
import { useAsked } from "../../lib/asked.ts";
import { exactTime } from "../../lib/units.ts";
import { spaced } from "../../lib/words.ts";
import { Amount } from "../../parts/Amount.tsx";
import { Dialog } from "../../parts/Dialog.tsx";
import { ExplorerLink } from "../../parts/ExplorerLink.tsx";
import { Icon } from "../../parts/Icon.tsx";
import { copy, Id } from "../../parts/Id.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../../parts/States.tsx";
import { EventRows } from "../EventRows.tsx";
import { PaymentStatus } from "./PaymentStatus.tsx";

/** A payment's events are those of its job that name its transaction. */
export function PaymentEvents({ job, transaction, sequence }: { job: string; transaction: string; sequence: number }) {
  const events = useAsked({ queryKey: ["payment-events", transaction], queryFn: ({ signal }) => getJobEvents(job, sequence - 1, signal) });
  if (events.isPending) return <Skeleton rows={2} height={24} />;
  if (events.isError) return <ErrorPanel error={events.error} retry={() => void events.refetch()} />;
  return <EventRows events={events.data.items.filter((event) => event.data["tx_id"] === transaction)} />;
}

function Facts({ payment: p }: { payment: Payment }) {
  const row = (name: React.ReactNode, value: React.ReactNode) => <div><dt>{name}</dt><dd>{value}</dd></div>;
  return (
    <dl className="facts" data-testid="payment">
      {row("Amount", <Amount value={p.direction === "out" ? -p.amount : p.amount} sign={p.direction === "in"} />)}
      {row("Status", <PaymentStatus payment={p} />)}
      {row(<span className="copied">Transaction{p.tx_id !== null && <button type="button" className="icon-button" aria-label="Copy the transaction's id" title="Copy" onClick={() => void copy(p.tx_id ?? "", "Transaction")}><Icon name="copy" /></button>}</span>, <ExplorerLink transaction={p.tx_id} whole />)}
      {p.job_id !== null && row("Job", <Link to="/jobs/$job" params={{ job: p.job_id }} className="mono">{p.job_id.slice(0, 13)}…</Link>)}
      {p.source !== null && row("From", <Id value={p.source} what="Identity" />)}
      {p.destination !== null && row("To", <Id value={p.destination} what="Identity" />)}
      {p.tick > 0 && row("Tick", <span className="mono">{p.tick}</span>)}
      {p.attempt > 1 && row("Attempt", <span className="mono">{p.attempt}</span>)}
      {row(p.status === "signed" || p.kind !== "lock" ? "Signed" : "Seen", exactTime(p.at))}
      {p.changed_at !== null && p.changed_at !== p.at && row("Last changed", exactTime(p.changed_at))}
    </dl>
  );
}

export function PaymentDetails({ sequence, listed, onClose }: { sequence: number; listed: Payment | undefined; onClose: () => void }) {
  // Of a link to a payment that the shown page of the list does not have.
  const asked = useAsked({ queryKey: ["transactions", "one", sequence], queryFn: ({ signal }) => getPayments({ limit: 1, before: sequence + 1 }, signal), enabled: listed === undefined });
  const payment = listed ?? asked.data?.items.find((each) => each.sequence === sequence);
  return (
    <Dialog open onClose={onClose} title={payment === undefined ? "Payment" : `${spaced(payment.kind)}, event #${payment.sequence}`}>
      {payment !== undefined ? (
        <>
          <Facts payment={payment} />
          {payment.job_id !== null && payment.tx_id !== null && <section className="stack"><h3>In the log</h3><PaymentEvents job={payment.job_id} transaction={payment.tx_id} sequence={payment.sequence} /></section>}
        </>
      ) : asked.isPending ? <Skeleton rows={6} /> : asked.isError ? <ErrorPanel error={asked.error} retry={() => void asked.refetch()} /> : (
        <EmptyState title="No such payment">None of yours begins with event #{sequence}.</EmptyState>
      )}
    </Dialog>
  );
}
