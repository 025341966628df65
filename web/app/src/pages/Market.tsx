// SPDX-License-Identifier: Apache-2.0
// The machines on offer, for anybody: all of them, however many; what is looked for and in which order is in the address.
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import { getMarket } from "../api/account.ts";
import type { Offer } from "../api/schema.ts";
import { useTitle } from "../frame/title.ts";
import { useAsked } from "../lib/asked.ts";
import { packagesOffered, powerOf, shownOffers, SORT_WORDS, SORTS, type MarketFilter, type Sort } from "../lib/market.ts";
import { packageName } from "../lib/software.ts";
import { mib } from "../lib/units.ts";
import { Amount } from "../parts/Amount.tsx";
import { Refresh } from "../parts/Refresh.tsx";
import { Software } from "../parts/Software.tsx";
import { Pill } from "../parts/StatusPill.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../parts/States.tsx";

export function OfferState({ offer }: { offer: Offer }) {
  if (!offer.online) return <Pill tone="cancelled" icon="dash">Offline</Pill>;
  return offer.busy ? <Pill tone="waiting" icon="clock">Busy</Pill> : <Pill tone="done" icon="dot">Free</Pill>;
}

/** "2 cores, 21 GB" or "24 GB video memory, 82 TFLOPS". */
export function equipment(offer: Offer): string {
  const gpu = offer.gpus > 0 ? [`${offer.gpus} × ${offer.vram_mib > 0 ? `${mib(offer.vram_mib)} video memory` : "GPU"}`, ...(offer.tflops_milli > 0 ? [`${(offer.tflops_milli / 1000).toFixed(1)} TFLOPS`] : [])] : [];
  return [...gpu, `${offer.cpu_cores} ${offer.cpu_cores === 1 ? "core" : "cores"}`, `${mib(offer.ram_mib)} memory`, `${mib(offer.storage_mib)} disk`, ...(offer.network_allowed ? ["network for jobs"] : [])].join(", ");
}

export const speedWords = (offer: Offer): string => (offer.device === "gpu" && offer.tflops_milli > 0 ? `${(powerOf(offer) / 1000).toFixed(1)} TFLOPS` : `${(offer.speed_permille / 1000).toFixed(2)} ×`);

const ROW = 82;
const CARD = 174;
const phone = () => matchMedia("(max-width: 720px)").matches;

/** Only what is in sight is there: a thousand offers scroll as ten do. */
function Rows({ offers }: { offers: readonly Offer[] }) {
  const body = useRef<HTMLDivElement>(null);
  const rows = useWindowVirtualizer({ count: offers.length, estimateSize: () => (phone() ? CARD : ROW), overscan: 12, scrollMargin: body.current?.offsetTop ?? 0 });
  const shown = rows.getVirtualItems();
  const above = (shown[0]?.start ?? 0) - (shown[0] === undefined ? 0 : rows.options.scrollMargin);
  const below = rows.getTotalSize() - ((shown.at(-1)?.end ?? rows.options.scrollMargin) - rows.options.scrollMargin);
  return (
    <div className="table-scroll" id="offers" ref={body} tabIndex={0} role="region" aria-label="Machines on offer">
      <table className="cards offers-table" aria-rowcount={offers.length + 1}>
        <thead><tr><th scope="col">Machine</th><th scope="col">Now</th><th scope="col" className="right">Per hour</th><th scope="col" className="right less">Per minute</th><th scope="col" className="right">Speed</th></tr></thead>
        <tbody>
          {above > 0 && <tr className="gap" aria-hidden="true"><td colSpan={5} style={{ height: above }} /></tr>}
          {shown.map(({ index }) => {
            const offer = offers[index] as Offer;
            return (
              <tr key={offer.id} ref={rows.measureElement} data-index={index} aria-rowindex={index + 2}>
                <th scope="row"><span className="offer-model">{offer.model}</span> <span className="equipment dim small-text">{equipment(offer)}</span><Software offer={offer} /></th>
                <td><OfferState offer={offer} /></td>
                <td className="right" data-label="Per hour"><Amount value={offer.rate} /></td>
                <td className="right less" data-label="Per minute"><Amount value={offer.rate / 60n} /></td>
                <td className="right mono nowrap" data-label="Speed" title={offer.device === "cpu" ? "Against the reference processor" : undefined}>{speedWords(offer)}</td>
              </tr>
            );
          })}
          {below > 0 && <tr className="gap" aria-hidden="true"><td colSpan={5} style={{ height: below }} /></tr>}
        </tbody>
      </table>
    </div>
  );
}

export function Market() {
  useTitle("Market");
  const filter: MarketFilter = useSearch({ from: "/market" });
  const navigate = useNavigate({ from: "/market" });
  const offers = useAsked({ queryKey: ["offers", "all"], queryFn: ({ signal }) => getMarket(signal) });
  const change = (next: { [Name in keyof MarketFilter]?: MarketFilter[Name] | undefined }) =>
    void navigate({ search: (now) => Object.fromEntries(Object.entries({ ...now, ...next }).filter(([, value]) => value !== undefined && value !== "")) as MarketFilter, replace: true });
  const all = offers.data ?? [];
  const shown = shownOffers(all, filter);
  const offered = useMemo(() => packagesOffered(offers.data ?? []), [offers.data]);
  const has = filter.has === undefined || offered.includes(filter.has) ? offered : [filter.has, ...offered];
  const online = all.filter((offer) => offer.online).length;
  const device = (word: MarketFilter["device"], label: string) => <button type="button" aria-pressed={filter.device === word} onClick={() => change({ device: word })}>{label}</button>;
  return (
    <div className="page">
      <header className="page-head"><h1>Market</h1><Refresh query={offers} what="Market" path="/v1/offers" /></header>
      {all.length > 0 && (
        <div className="filters">
          <input type="search" className="search" aria-label="Search by model" placeholder="Search by model" value={filter.q ?? ""} onChange={(event) => change({ q: event.target.value })} />
          <div className="segments" role="group" aria-label="What runs jobs">{device(undefined, "All")}{device("gpu", "GPU")}{device("cpu", "CPU")}</div>
          <label className="check"><input type="checkbox" checked={filter.free === true} onChange={(event) => change({ free: event.target.checked ? true : undefined })} />Free now</label>
          {has.length > 0 && (
            <label className="inline-label filter-has">Has
              <select value={filter.has ?? ""} onChange={(event) => change({ has: event.target.value })}>
                <option value="">anything</option>
                {has.map((name) => <option key={name} value={name}>{packageName(name)}</option>)}
              </select>
            </label>
          )}
          <label className="inline-label">Best first by
            <select value={filter.sort ?? "value"} onChange={(event) => change({ sort: event.target.value === "value" ? undefined : (event.target.value as Sort) })}>
              {SORTS.map((sort) => <option key={sort} value={sort}>{SORT_WORDS[sort]}</option>)}
            </select>
          </label>
          <span className="dim small-text" role="status">{shown.length === all.length ? `${all.length} on offer` : `${shown.length} of ${all.length}`}, {online} online</span>
        </div>
      )}
      {offers.isPending ? <Skeleton rows={4} height={44} /> : offers.isError && all.length === 0 ? <ErrorPanel error={offers.error} retry={() => void offers.refetch()} safe="Jobs that are bought go on without this list." /> : all.length === 0 ? (
        <EmptyState title="No machine is on offer" action={<Link to="/machines" className="button">Offer one</Link>}>
          A provider puts one here with <code>tally-worker enrol</code> and <code>tally-worker run</code>.
        </EmptyState>
      ) : shown.length === 0 ? (
        <EmptyState title="No machine is like that" action={<Link to="/market" search={{}} className="button">Show all {all.length}</Link>}>
          {filter.free === true ? "Those that would fit may be busy or offline." : filter.has !== undefined ? `None that is like that says that it has ${packageName(filter.has)}.` : "Look for another model."}
        </EmptyState>
      ) : <Rows offers={shown} />}
      <p className="dim small-text">Which of them fits a program, and what it would cost there, is computed for each upload: <Link to="/new">upload one</Link>. How a machine comes here: <Link to="/machines">offer one</Link>.</p>
    </div>
  );
}
