// SPDX-License-Identifier: Apache-2.0
// Where a payment stands, and how long it still takes (R10.4).
import type { Payment } from "../../api/account.ts";
import { expectedMs, isPending } from "../../lib/payments.ts";
import { shortDuration } from "../../lib/units.ts";
import { spaced } from "../../lib/words.ts";
import { useNow } from "../../parts/Age.tsx";
import { Pill } from "../../parts/StatusPill.tsx";
import { useTerms } from "../../wallet/useTerms.ts";

function Expected({ payment }: { payment: Payment }) {
  const terms = useTerms();
  const now = useNow();
  const left = expectedMs(payment, terms.data?.chain, terms.data?.terms.confirmations ?? 0);
  if (terms.data === undefined) return null;
  if (left === null) return <span className="dim small-text expected">when the chain answers again</span>;
  const still = left - Math.max(0, now - terms.dataUpdatedAt);
  return <span className="dim small-text expected">{still < 1000 ? "any moment" : `about ${shortDuration(Math.ceil(still / 1000) * 1000).replace(".0 s", " s")}`}</span>;
}

export function PaymentPill({ status }: { status: string }) {
  if (status === "confirmed") return <Pill tone="done" icon="check">Confirmed</Pill>;
  if (status === "lost") return <Pill tone="failed" icon="cross">Sent anew</Pill>;
  return <Pill tone="waiting" icon="clock">{status === "observed" ? "Confirming" : status === "signed" ? "On its way" : spaced(status)}</Pill>;
}

export function PaymentStatus({ payment }: { payment: Payment }) {
  return isPending(payment) ? <span className="pending"><PaymentPill status={payment.status} /><Expected payment={payment} /></span> : <PaymentPill status={payment.status} />;
}
