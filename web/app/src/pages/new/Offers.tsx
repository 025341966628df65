// SPDX-License-Identifier: Apache-2.0
// Step 2: machines, ranked for this upload; why one fits, and why the others do not.
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { LazyMotion, MotionConfig } from "motion/react";
import * as m from "motion/react-m";
import { useRef } from "react";
import { addressOfMatches, getMatches } from "../../api/routes.ts";
import type { Fit, Matches, Rank } from "../../api/schema.ts";
import { useTitle } from "../../frame/title.ts";
import { anew, withChoice } from "../../lib/drafts.ts";
import { classesInWords, joined, ORDER_WORDS, selectable, titleOf, worstFirst } from "../../lib/ranking.ts";
import { whereOf } from "../../lib/settings.ts";
import { durationRange } from "../../lib/units.ts";
import { FIT } from "../../lib/words.ts";
import { Amount } from "../../parts/Amount.tsx";
import { Curl } from "../../parts/Curl.tsx";
import { Icon } from "../../parts/Icon.tsx";
import { Refresh } from "../../parts/Refresh.tsx";
import { Software } from "../../parts/Software.tsx";
import { Pill } from "../../parts/StatusPill.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../../parts/States.tsx";
import { equipment, OfferState } from "../Market.tsx";
import { SignedIn } from "../SignedIn.tsx";
import { AnalysisCard } from "./Analysis.tsx";
import { StepBody, Steps } from "./Steps.tsx";
import { useDraft } from "./useDraft.ts";

const moves = () => import("../../lib/motion.ts").then((module) => module.default);

function FitPill({ fit }: { fit: Fit }) {
  return <Pill tone={FIT[fit].tone} icon={FIT[fit].icon}>{FIT[fit].word}</Pill>;
}

/** Every check with its numbers (R3.2, R3.3); what stands against it is said before. */
function Reasons({ rank, but }: { rank: Rank; but: number }) {
  return (
    <details className="reasons">
      <summary>{but === 0 ? "Why it fits" : "All reasons"}, {rank.reasons.length} checks</summary>
      <ul>{worstFirst(rank.reasons).map((reason) => <li key={reason.check} className={`tone-${FIT[reason.fit].tone}`}><Icon name={FIT[reason.fit].icon} label={FIT[reason.fit].word} /><span>{reason.text}</span></li>)}</ul>
    </details>
  );
}

const against = (rank: Rank): Rank["reasons"] => worstFirst(rank.reasons).filter(({ fit }) => fit !== "recommended");

function BestCard({ title, rank, chosen, first, choose }: { title: string; rank: Rank; chosen: boolean; first: boolean; choose: () => void }) {
  const but = against(rank);
  return (
    <m.li layout="position" className={`card offer ${chosen ? "chosen" : ""}`}>
      <p className="offer-title dim">{title}</p>
      <h3>{rank.offer?.model}</h3>
      <p className="offer-pills"><FitPill fit={rank.fit} />{rank.offer !== null && <OfferState offer={rank.offer} />}<span className="dim small-text">score {rank.score} of 100</span></p>
      <dl className="facts">
        <div><dt>Likely takes</dt><dd>{durationRange(rank.p50_ms, rank.p90_ms)}</dd></div>
        <div><dt>Likely costs</dt><dd><Cost value={rank.cost} /></dd></div>
        <div><dt>Locked at most</dt><dd><Cost value={rank.cap} /></dd></div>
        {rank.offer !== null && <div><dt>Per minute</dt><dd><Amount value={rank.offer.rate / 60n} /></dd></div>}
      </dl>
      {rank.offer !== null && <p className="dim small-text">{equipment(rank.offer)}</p>}
      {rank.offer !== null && <Software offer={rank.offer} />}
      {but.length > 0 && <ul className="offer-but">{but.map((reason) => <li key={reason.check} className={`tone-${FIT[reason.fit].tone}`}><Icon name={FIT[reason.fit].icon} label={FIT[reason.fit].word} />{reason.text}</li>)}</ul>}
      <Reasons rank={rank} but={but.length} />
      <button type="button" className={first && !chosen ? "primary" : ""} aria-pressed={chosen} onClick={choose}>{chosen ? "Chosen" : "Choose"}</button>
    </m.li>
  );
}

const Cost = ({ value }: { value: bigint | null }) => (value === null ? <span>more than one lock can hold</span> : <Amount value={value} />);

const ROW = 68;
const CARD = 132;
const ALL_SHOWN = 60; // as many are there at once, whether they are in sight or not
const phone = () => matchMedia("(max-width: 720px)").matches;

/** Of more than some only those in sight are there: a thousand scroll as ten do. */
function AllOffers({ ranking: all, chosen, choose }: { ranking: readonly Rank[]; chosen: string | undefined; choose: (rank: Rank) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const isLong = all.length > ALL_SHOWN;
  const rows = useVirtualizer({ count: all.length, getScrollElement: () => box.current, estimateSize: () => (phone() ? CARD : ROW), overscan: 8, enabled: isLong });
  const shown = rows.getVirtualItems();
  const ranking = isLong ? shown.map(({ index }) => ({ rank: all[index] as Rank, index })) : all.map((rank, index) => ({ rank, index }));
  const [above, below] = isLong ? [shown[0]?.start ?? 0, rows.getTotalSize() - (shown.at(-1)?.end ?? 0)] : [0, 0];
  return (
    <div className="table-scroll tall" ref={box} tabIndex={0} role="region" aria-label="All offers">
      <table className="cards offers-table" aria-rowcount={all.length + 1}>
        <thead><tr><th scope="col">Machine</th><th scope="col">Fit</th><th scope="col" className="right">Likely costs</th><th scope="col" className="right">Likely takes</th><th scope="col"><span className="sr-only">Choose</span></th></tr></thead>
        <tbody>
          {above > 0 && <tr className="gap" aria-hidden="true"><td colSpan={5} style={{ height: above }} /></tr>}
          {ranking.map(({ rank, index }) => (
            <tr key={rank.offer_id} ref={isLong ? rows.measureElement : undefined} data-index={index} aria-rowindex={index + 2} className={selectable(rank) ? "" : "shut"}>
              <th scope="row"><span className="offer-model">{rank.offer?.model ?? "withdrawn"}</span>{rank.offer !== null && <Software offer={rank.offer} />}</th>
              <td className="fit-cell"><FitPill fit={rank.fit} /> <span className="dim small-text">{(rank.fit === "insufficient" ? rank.reasons.filter(({ fit }) => fit === "insufficient") : against(rank)).map(({ text }) => text).join("; ")}</span></td>
              <td className="right" data-label="Likely costs"><Cost value={rank.cost} /></td>
              <td className="right nowrap" data-label="Likely takes">{durationRange(rank.p50_ms, rank.p90_ms)}</td>
              <td className="right whole">
                <button type="button" className="small" aria-pressed={chosen === rank.offer_id} disabled={!selectable(rank)} onClick={() => choose(rank)}>
                  {chosen === rank.offer_id ? "Chosen" : selectable(rank) ? "Choose" : "Not suitable"}
                </button>
              </td>
            </tr>
          ))}
          {below > 0 && <tr className="gap" aria-hidden="true"><td colSpan={5} style={{ height: below }} /></tr>}
        </tbody>
      </table>
    </div>
  );
}

/** How many not, and why, each offer once, by the first check it fails. */
function WhyNot({ list }: { list: Matches["not_suitable"] }) {
  if (list.length === 0) return null;
  return (
    <ul className="why-not" data-testid="why-not">
      {list.map(({ check, count, text }) => <li key={check}><b className="mono">{count}</b><span>{text}</span></li>)}
    </ul>
  );
}

function Ranking({ upload }: { upload: string }) {
  const { order = "value" } = useSearch({ from: "/new/$upload/offers" });
  const navigate = useNavigate({ from: "/new/$upload/offers" });
  const { draft, keep, upload: known } = useDraft(upload);
  const matches = useInfiniteQuery({
    queryKey: ["matches", upload, whereOf(draft.settings), order],
    queryFn: ({ pageParam, signal }) => getMatches(upload, draft.settings, order, pageParam, signal),
    initialPageParam: 0,
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  });
  const choose = (rank: Rank) => {
    keep(withChoice(draft, { offer: rank.offer_id }));
    void navigate({ to: "/new/$upload/settings", params: { upload } });
  };
  if (known.isError) return <ErrorPanel error={known.error} retry={() => void known.refetch()} />;
  if (!known.isSuccess) return <Skeleton rows={5} height={56} />;
  const first = matches.data?.pages[0];
  return (
    <>
      <section className="card"><AnalysisCard upload={known.data} onOverride={() => keep(anew(draft))} /></section>
      {first === undefined ? (
        matches.isError ? <ErrorPanel error={matches.error} retry={() => void matches.refetch()} safe="Your upload is kept." /> : <Skeleton rows={5} height={56} />
      ) : first.best.length === 0 ? (
        <EmptyState title={first.offer_count === 0 ? "No machine is on offer now" : `None of ${first.offer_count} ${first.offer_count === 1 ? "machine" : "machines"} fits now`} action={<button type="button" className="primary" onClick={() => void matches.refetch()}>Look again</button>}>
          {first.not_suitable.length > 0 ? <WhyNot list={first.not_suitable} /> : "Your upload is kept; come back when one is."}
        </EmptyState>
      ) : (
        <>
          <div className="section-head"><h2>{["The best one", "The best two", "The best three"][first.best.length - 1] ?? "The best three"}</h2><span className="grow" /><Refresh query={matches} what="Offers" /></div>
          <LazyMotion features={moves} strict>
            <MotionConfig reducedMotion="user" transition={{ duration: 0.16, ease: "easeOut" }}>
              <ul className="best">{first.best.map((pick, index) => <BestCard key={pick.match.offer_id} first={index === 0} title={titleOf(pick)} rank={pick.match} chosen={draft.offer === pick.match.offer_id} choose={() => choose(pick.match)} />)}</ul>
            </MotionConfig>
          </LazyMotion>
          <section className="card" aria-label="All offers, in an order">
            <div className="section-head">
              <h2>{first.offer_count === 1 ? "The one offer there is" : `All ${first.offer_count} offers`}</h2>
              <span className="dim small-text">{classesInWords(first.classes)}</span>
              <span className="grow" />
              <div className="segments" role="group" aria-label="Order of the offers">
                {ORDER_WORDS.map(([word, label]) => (
                  <button key={word} type="button" aria-pressed={order === word} onClick={() => void navigate({ search: word === "value" ? {} : { order: word }, replace: true })}>{label}</button>
                ))}
              </div>
            </div>
            {first.not_suitable.length > 0 && <details><summary>Not suitable: {first.classes.insufficient}</summary><WhyNot list={first.not_suitable} /></details>}
            <AllOffers ranking={joined(matches.data?.pages ?? [])} chosen={draft.offer} choose={choose} />
            {matches.hasNextPage && <p className="actions"><button type="button" disabled={matches.isFetchingNextPage} onClick={() => void matches.fetchNextPage()}>{matches.isFetchingNextPage ? "Loading…" : "More offers"}</button></p>}
          </section>
        </>
      )}
      <p className="actions">
        <Link to="/new" className="button">Back</Link>
        {draft.offer !== undefined && <Link to="/new/$upload/settings" params={{ upload }} className="button primary">Settings<Icon name="arrow" /></Link>}
        <Curl of={{ path: addressOfMatches(upload, draft.settings, order) }} />
      </p>
    </>
  );
}

export function OffersStep() {
  const { upload } = useParams({ from: "/new/$upload/offers" });
  const { draft } = useDraft(upload);
  useTitle("New job", draft.name === "" ? "New job" : `Machine for ${draft.name}`);
  return (
    <div className="page wizard">
      <h1>{draft.name || "New job"}</h1>
      <Steps at="offers" draft={draft} />
      <StepBody><SignedIn to="choose a machine"><Ranking upload={upload} /></SignedIn></StepBody>
    </div>
  );
}
