// SPDX-License-Identifier: Apache-2.0
// A transaction's way to the chain's own place for looking at it (P14, P32, P35). Opens beside the page and is told nothing of it.
import { explorerLink } from "../lib/payments.ts";
import { shortId } from "../lib/units.ts";
import { useTerms } from "../wallet/useTerms.ts";
import { Id } from "./Id.tsx";

export function ExplorerLink({ transaction, whole = false }: { transaction: string | null; whole?: boolean }) {
  const explorer = useTerms().data?.chain.explorer_url ?? null;
  if (transaction === null) return <span className="dim">none yet</span>;
  const link = explorerLink(explorer, transaction);
  if (link === null) return <Id value={transaction} what="Transaction" />;
  return (
    <a href={link} target="_blank" rel="noreferrer" className={`mono explorer ${whole ? "wrap" : ""}`} title={`${transaction}, on the chain's explorer`}>
      {whole ? transaction : shortId(transaction)}<span className="sr-only"> on the chain's explorer</span>
    </a>
  );
}
