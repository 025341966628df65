// SPDX-License-Identifier: Apache-2.0
// Every payment, with its transaction on the chain. Kind, days, page and the one that is open are in the address.
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { toast } from "sonner";
import { addressOfPayments, getPayments, getPaymentsSince, paymentKinds, type Payment, type PaymentKind, type PaymentQuery } from "../../api/account.ts";
import { useTitle } from "../../frame/title.ts";
import { useAsked } from "../../lib/asked.ts";
import { csvOf } from "../../lib/csv.ts";
import { dayAfter } from "../../lib/days.ts";
import { isPending } from "../../lib/payments.ts";
import { saveAs } from "../../lib/save.ts";
import { spaced } from "../../lib/words.ts";
import { Age } from "../../parts/Age.tsx";
import { Amount } from "../../parts/Amount.tsx";
import { ExplorerLink } from "../../parts/ExplorerLink.tsx";
import { Icon } from "../../parts/Icon.tsx";
import { PeriodPicker } from "../../parts/Period.tsx";
import { Refresh } from "../../parts/Refresh.tsx";
import { EmptyState, ErrorPanel, problemOfError, Skeleton } from "../../parts/States.tsx";
import { SignedIn } from "../SignedIn.tsx";
import { PaymentDetails } from "./PaymentDetails.tsx";
import { PaymentStatus } from "./PaymentStatus.tsx";

const PAGE = 50;
const PENDING_MS = 4000;

export function PaymentRow({ payment: p }: { payment: Payment }) {
  return (
    <tr>
      <th scope="row"><Link from="/money" to="/money" search={(now) => ({ ...now, open: p.sequence })} className="row-link">{spaced(p.kind)}</Link></th>
      <td><PaymentStatus payment={p} /></td>
      <td className="right" data-label="Amount"><Amount value={p.direction === "out" ? -p.amount : p.amount} sign={p.direction === "in"} /></td>
      <td className="dim"><Age time={p.at} /></td>
      <td data-label="Transaction"><ExplorerLink transaction={p.tx_id} /></td>
      <td data-label="Job" className="less">{p.job_id !== null && <Link to="/jobs/$job" params={{ job: p.job_id }} className="mono">{p.job_id.slice(0, 8)}</Link>}</td>
    </tr>
  );
}

/** Everything that the filter shows, not this page alone. */
function Export({ query }: { query: PaymentQuery }) {
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    try {
      const all = await getPaymentsSince(query, null);
      saveAs("payments.csv", "text/csv", csvOf([["date", "kind", "direction", "amount", "status", "transaction_id", "job_id", "from", "to", "tick"],
        ...all.map((p) => [p.at, p.kind, p.direction, p.amount, p.status, p.tx_id ?? "", p.job_id ?? "", p.source ?? "", p.destination ?? "", p.tick])]));
      toast.success(`${all.length} ${all.length === 1 ? "payment" : "payments"} exported`);
    } catch (error) {
      toast.error(problemOfError(error).message, { action: { label: "Retry", onClick: () => void run() } });
    }
    setBusy(false);
  };
  return <button type="button" onClick={() => void run()} disabled={busy}><Icon name="download" />{busy ? "Exporting…" : "Export CSV"}</button>;
}

export function TransactionHistory() {
  const search = useSearch({ from: "/money" });
  const navigate = useNavigate({ from: "/money" });
  const { kind, from, until, before, open } = search;
  const filter: PaymentQuery = { kind, from: from && `${from}T00:00:00Z`, until: until && `${dayAfter(until)}T00:00:00Z` };
  const query: PaymentQuery = { ...filter, limit: PAGE, before };
  const list = useAsked({
    queryKey: ["transactions", query], queryFn: ({ signal }) => getPayments(query, signal), placeholderData: (old) => old,
    refetchInterval: ({ state }) => (state.data?.items.some(isPending) === true ? PENDING_MS : 30_000), // R10.5, also when the feed is down
  });
  const next = list.data?.next;
  const filtered = kind !== undefined || from !== undefined || until !== undefined;
  return (
    <>
      <header className="page-head"><h1>Money</h1><Export query={filter} /><Refresh query={list} what="Payments" path={addressOfPayments(query)} /></header>
      <div className="filters">
        <label className="inline-label">What
          <select value={kind ?? ""} onChange={(event) => void navigate({ search: { ...(from && { from }), ...(until && { until }), ...(event.target.value !== "" && { kind: event.target.value as PaymentKind }) } })}>
            <option value="">Everything</option>
            {paymentKinds.map((each) => <option key={each} value={each}>{spaced(each)}s</option>)}
          </select>
        </label>
        <PeriodPicker period={{ ...(from && { from }), ...(until && { until }) }} onChange={(period) => void navigate({ search: { ...(kind && { kind }), ...period } })} />
        {filtered && <Link to="/money" search={{}}>Show everything</Link>}
      </div>
      {list.isPending ? <Skeleton rows={6} height={44} /> : list.isError ? <ErrorPanel error={list.error} retry={() => void list.refetch()} safe="What was paid is on the chain, whether this page can read it or not." /> : list.data.items.length === 0 ? (
        filtered || before !== undefined ? <EmptyState title="No payment is like that" action={<Link to="/money" search={{}} className="button">Show everything</Link>}>{next != null ? "None on this page; older ones may be." : "Other days or another kind may have some."}</EmptyState>
          : <EmptyState title="No payments yet" action={<Link to="/new" className="button primary">New job</Link>}>Locks, refunds and payouts are shown here with their transactions.</EmptyState>
      ) : (
        <div className="table-scroll" tabIndex={0} role="region" aria-label="Payments">
          <table className="cards" id="transactions">
            <thead><tr><th scope="col">What</th><th scope="col">Status</th><th scope="col" className="right">Amount</th><th scope="col">When</th><th scope="col">Transaction</th><th scope="col" className="less">Job</th></tr></thead>
            <tbody>{list.data.items.map((payment) => <PaymentRow key={payment.sequence} payment={payment} />)}</tbody>
          </table>
        </div>
      )}
      <nav className="pager" aria-label="Pages">
        {before !== undefined && <Link to="/money" search={({ before: _before, open: _open, ...rest }) => rest} className="button">Newest</Link>}
        {next != null && <Link to="/money" search={({ open: _open, ...rest }) => ({ ...rest, before: Number(next) })} className="button">Older</Link>}
      </nav>
      {open !== undefined && <PaymentDetails sequence={open} listed={list.data?.items.find((each) => each.sequence === open)} onClose={() => void navigate({ search: ({ open: _open, ...rest }) => rest, resetScroll: false })} />}
    </>
  );
}

export function Money() {
  useTitle("Money");
  return <div className="page"><SignedIn to="see your payments" title="Money"><TransactionHistory /></SignedIn></div>;
}
