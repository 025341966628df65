// SPDX-License-Identifier: Apache-2.0
// The machines on offer, for anybody.
import { useQuery } from "@tanstack/react-query";
import { getOffers } from "../api/routes.ts";
import type { Offer } from "../api/schema.ts";
import { useTitle } from "../frame/title.ts";
import { mib } from "../lib/units.ts";
import { Amount } from "../parts/Amount.tsx";
import { Refresh } from "../parts/Refresh.tsx";
import { Pill } from "../parts/StatusPill.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../parts/States.tsx";

export function OfferState({ offer }: { offer: Offer }) {
  if (!offer.online) return <Pill tone="cancelled" icon="dash">Offline</Pill>;
  return offer.busy ? <Pill tone="waiting" icon="clock">Busy</Pill> : <Pill tone="done" icon="dot">Free</Pill>;
}

/** "2 cores, 21 GB" or "24 GB video memory, 82 TFLOPS". */
export function equipment(offer: Offer): string {
  const gpu = offer.gpus > 0 ? [`${offer.gpus} × ${mib(offer.vram_mib)} video memory`, `${(offer.tflops_milli / 1000).toFixed(1)} TFLOPS`] : [];
  return [...gpu, `${offer.cpu_cores} ${offer.cpu_cores === 1 ? "core" : "cores"}`, `${mib(offer.ram_mib)} memory`, `${mib(offer.storage_mib)} disk`].join(", ");
}

export function Market() {
  useTitle("Market");
  const offers = useQuery({ queryKey: ["offers"], queryFn: ({ signal }) => getOffers(signal) });
  return (
    <div className="page">
      <header className="page-head"><h1>Market</h1><Refresh query={offers} what="Market" path="/v1/offers" /></header>
      {offers.isPending ? <Skeleton rows={4} height={44} /> : offers.isError ? <ErrorPanel error={offers.error} retry={() => void offers.refetch()} /> : offers.data.items.length === 0 ? (
        <EmptyState title="No machine is on offer">
          A provider puts one here with <code>tally-worker enrol</code> and <code>tally-worker run</code>.
        </EmptyState>
      ) : (
        <div className="table-scroll" id="offers" tabIndex={0} role="region" aria-label="Machines on offer">
          <table className="cards">
            <thead><tr><th scope="col">Machine</th><th scope="col">Now</th><th scope="col" className="right">Per hour</th><th scope="col" className="right">Per minute</th><th scope="col">Equipment</th></tr></thead>
            <tbody>
              {offers.data.items.map((offer) => (
                <tr key={offer.id}>
                  <th scope="row">{offer.model}</th>
                  <td><OfferState offer={offer} /></td>
                  <td className="right" data-label="Per hour"><Amount value={offer.rate} /></td>
                  <td className="right" data-label="Per minute"><Amount value={offer.rate / 60n} /></td>
                  <td className="dim whole">{equipment(offer)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
