// SPDX-License-Identifier: Apache-2.0
// Step 2: machines, ranked for this upload; why one fits, and why the others do not.
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { LazyMotion, MotionConfig } from "motion/react";
import * as m from "motion/react-m";
import { newMatch } from "../../api/routes.ts";
import type { Rank } from "../../api/schema.ts";
import { useTitle } from "../../frame/title.ts";
import { newKey, withChoice } from "../../lib/drafts.ts";
import { bestThree, selectable, sorted, whyNot, type Order } from "../../lib/ranking.ts";
import { durationRange } from "../../lib/units.ts";
import { FIT } from "../../lib/words.ts";
import { Amount } from "../../parts/Amount.tsx";
import { Icon } from "../../parts/Icon.tsx";
import { Pill } from "../../parts/StatusPill.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../../parts/States.tsx";
import { equipment, OfferState } from "../Market.tsx";
import { SignedIn } from "../SignedIn.tsx";
import { AnalysisCard } from "./Analysis.tsx";
import { StepBody, Steps } from "./Steps.tsx";
import { useDraft } from "./useDraft.ts";

const moves = () => import("../../lib/motion.ts").then((module) => module.default);

const ORDER_WORDS: readonly (readonly [Order, string])[] = [["value", "Best value"], ["price", "Cheapest"], ["speed", "Fastest"], ["available", "Free now"]];

function FitPill({ rank }: { rank: Rank }) {
  const fit = FIT[rank.fit];
  return <Pill tone={fit.tone} icon={fit.icon}>{fit.word}</Pill>;
}

function BestCard({ title, rank, chosen, choose }: { title: string; rank: Rank; chosen: boolean; choose: () => void }) {
  return (
    <m.li layout="position" className={`card offer ${chosen ? "chosen" : ""}`}>
      <p className="offer-title dim">{title}</p>
      <h3>{rank.offer?.model}</h3>
      <p className="offer-pills"><FitPill rank={rank} />{rank.offer !== null && <OfferState offer={rank.offer} />}</p>
      {rank.why !== "" && <p className="offer-why">{rank.why}</p>}
      <dl className="facts">
        <div><dt>Likely takes</dt><dd>{durationRange(rank.p50_ms, rank.p90_ms)}</dd></div>
        <div><dt>Likely costs</dt><dd><Amount value={rank.cost} /></dd></div>
        {rank.offer !== null && <div><dt>Per minute</dt><dd><Amount value={rank.offer.rate / 60n} /></dd></div>}
      </dl>
      {rank.offer !== null && <p className="dim small-text">{equipment(rank.offer)}</p>}
      <button type="button" className={chosen ? "" : "primary"} aria-pressed={chosen} onClick={choose}>{chosen ? "Chosen" : "Choose"}</button>
    </m.li>
  );
}

function AllOffers({ ranking, chosen, choose }: { ranking: readonly Rank[]; chosen: string | undefined; choose: (rank: Rank) => void }) {
  return (
    <div className="table-scroll tall" tabIndex={0} role="region" aria-label="All offers">
      <table className="cards">
        <thead><tr><th scope="col">Machine</th><th scope="col">Fit</th><th scope="col" className="right">Likely costs</th><th scope="col" className="right">Likely takes</th><th scope="col"><span className="sr-only">Choose</span></th></tr></thead>
        <tbody>
          {ranking.map((rank) => (
            <tr key={rank.offer_id} className={selectable(rank) ? "" : "shut"}>
              <th scope="row">{rank.offer?.model ?? "withdrawn"}</th>
              <td><FitPill rank={rank} /> <span className="dim small-text">{rank.why}</span></td>
              <td className="right" data-label="Likely costs"><Amount value={rank.cost} /></td>
              <td className="right" data-label="Likely takes">{durationRange(rank.p50_ms, rank.p90_ms)}</td>
              <td className="right whole">
                <button type="button" className="small" aria-pressed={chosen === rank.offer_id} disabled={!selectable(rank)} onClick={() => choose(rank)}>
                  {chosen === rank.offer_id ? "Chosen" : selectable(rank) ? "Choose" : "Not suitable"}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Ranking({ upload }: { upload: string }) {
  const { order = "value" } = useSearch({ from: "/new/$upload/offers" });
  const navigate = useNavigate({ from: "/new/$upload/offers" });
  const { draft, keep, upload: known } = useDraft(upload);
  const match = useQuery({
    queryKey: ["match", upload, draft.matchKey],
    queryFn: () => newMatch(upload, draft.matchKey),
    staleTime: Infinity, refetchInterval: false,
    enabled: known.isSuccess,
  });
  if (known.isError) return <ErrorPanel error={known.error} retry={() => void known.refetch()} />;
  if (match.isError) return <ErrorPanel error={match.error} retry={() => void match.refetch()} />;
  if (match.isPending || !known.isSuccess) return <Skeleton rows={5} height={56} />;

  const ranking = sorted(match.data.ranking, order);
  const best = order === "value" ? bestThree(ranking) : ranking.filter(selectable).slice(0, 3).map((rank, index) => ({ title: `${index + 1}. ${ORDER_WORDS.find(([word]) => word === order)?.[1] ?? ""}`, rank }));
  const reasons = whyNot(ranking);
  const choose = (rank: Rank) => {
    keep(withChoice(draft, { offer: rank.offer_id, match: match.data.id }));
    void navigate({ to: "/new/$upload/settings", params: { upload } });
  };
  const again = () => keep({ ...draft, matchKey: newKey() });
  return (
    <>
      <section className="card"><AnalysisCard upload={known.data} /></section>
      {best.length === 0 ? (
        <EmptyState title={ranking.length === 0 ? "No machine is on offer now" : "No machine fits now"} action={<button type="button" className="primary" onClick={again}>Look again</button>}>
          {reasons.length > 0 ? <ul>{reasons.map(([why, count]) => <li key={why}>{count} × {why}</li>)}</ul> : "Your upload is kept; come back when one is."}
        </EmptyState>
      ) : (
        <>
          <div className="filters">
            <div className="segments" role="group" aria-label="Order of the offers">
              {ORDER_WORDS.map(([word, label]) => (
                <button key={word} type="button" aria-pressed={order === word} onClick={() => void navigate({ search: word === "value" ? {} : { order: word }, replace: true })}>{label}</button>
              ))}
            </div>
            <button type="button" className="icon-button" aria-label="Rank again with what is on offer now" title="Rank again" onClick={again}><Icon name="refresh" className={match.isFetching ? "spin" : ""} /></button>
          </div>
          <LazyMotion features={moves} strict>
            <MotionConfig reducedMotion="user" transition={{ duration: 0.16, ease: "easeOut" }}>
              <ul className="best">{best.map(({ title, rank }) => <BestCard key={rank.offer_id} title={title} rank={rank} chosen={draft.offer === rank.offer_id} choose={() => choose(rank)} />)}</ul>
            </MotionConfig>
          </LazyMotion>
          <details className="card" open={ranking.length <= 8}>
            <summary>{ranking.length === 1 ? "The one offer there is" : `All ${ranking.length} offers`}{reasons.length > 0 && <span className="dim">, not suitable: {reasons.map(([why, count]) => `${count} × ${why}`).join("; ")}</span>}</summary>
            <AllOffers ranking={ranking} chosen={draft.offer} choose={choose} />
          </details>
        </>
      )}
      <p className="actions">
        <Link to="/new" className="button">Back</Link>
        {draft.offer !== undefined && <Link to="/new/$upload/settings" params={{ upload }} className="button primary">Settings<Icon name="arrow" /></Link>}
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
