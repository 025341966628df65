// SPDX-License-Identifier: Apache-2.0
// Every payment, with its transaction on the chain.
import { useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { getTransactions } from "../api/routes.ts";
import type { Transaction } from "../api/schema.ts";
import { useTitle } from "../frame/title.ts";
import { spaced } from "../lib/words.ts";
import { Age } from "../parts/Age.tsx";
import { Amount } from "../parts/Amount.tsx";
import { Id } from "../parts/Id.tsx";
import { Refresh } from "../parts/Refresh.tsx";
import { Pill } from "../parts/StatusPill.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../parts/States.tsx";
import { SignedIn } from "./SignedIn.tsx";

export function PaymentStatus({ status }: { status: string }) {
  if (status === "confirmed") return <Pill tone="done" icon="check">Confirmed</Pill>;
  if (status === "lost") return <Pill tone="failed" icon="cross">Sent anew</Pill>;
  return <Pill tone="waiting" icon="clock">{status === "observed" ? "Confirming" : spaced(status)}</Pill>;
}

function Row({ transaction: t }: { transaction: Transaction }) {
  return (
    <tr>
      <th scope="row">{spaced(t.kind)}{t.job_id !== null && <> <Link to="/jobs/$job" params={{ job: t.job_id }} className="small-text">job</Link></>}</th>
      <td><PaymentStatus status={t.status} /></td>
      <td className="right" data-label="Amount"><Amount value={t.direction === "out" ? -t.amount : t.amount} sign={t.direction === "in"} /></td>
      <td data-label="Transaction">{t.tx_id !== null && <Id value={t.tx_id} what="Transaction" />}</td>
      <td className="dim"><Age time={t.at} /></td>
    </tr>
  );
}

function List() {
  const { before } = useSearch({ from: "/money" });
  const list = useQuery({ queryKey: ["transactions", before ?? ""], queryFn: ({ signal }) => getTransactions(before === undefined ? undefined : Number(before), signal), placeholderData: (old) => old });
  const next = list.data?.next;
  return (
    <>
      <header className="page-head"><h1>Money</h1><Refresh query={list} what="Payments" path="/v1/transactions" /></header>
      {list.isPending ? <Skeleton rows={6} height={44} /> : list.isError ? <ErrorPanel error={list.error} retry={() => void list.refetch()} safe="What was paid is on the chain, whether this page can read it or not." /> : list.data.items.length === 0 ? (
        <EmptyState title="No payments yet" action={<Link to="/new" className="button primary">New job</Link>}>Locks, refunds and payouts are shown here with their transactions.</EmptyState>
      ) : (
        <div className="table-scroll" tabIndex={0} role="region" aria-label="Payments">
          <table className="cards" id="transactions">
            <thead><tr><th scope="col">What</th><th scope="col">Status</th><th scope="col" className="right">Amount</th><th scope="col">Transaction</th><th scope="col">When</th></tr></thead>
            <tbody>{list.data.items.map((transaction) => <Row key={transaction.sequence} transaction={transaction} />)}</tbody>
          </table>
        </div>
      )}
      <nav className="pager" aria-label="Pages">
        {before !== undefined && <Link to="/money" search={{}} className="button">Newest</Link>}
        {next != null && <Link to="/money" search={{ before: String(next) }} className="button">Older</Link>}
      </nav>
    </>
  );
}

export function Money() {
  useTitle("Money");
  return <div className="page"><SignedIn to="see your payments" title="Money"><List /></SignedIn></div>;
}
