// SPDX-License-Identifier: Apache-2.0
// How long and how much, as a range, with where the numbers come from; anew with every setting (P45).
import { keepPreviousData } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { getEstimates } from "../../api/routes.ts";
import type { Estimates } from "../../api/schema.ts";
import { useAsked } from "../../lib/asked.ts";
import type { Parameters } from "../../lib/parameters.ts";
import { spaced } from "../../lib/words.ts";
import { Amount } from "../../parts/Amount.tsx";
import { Curl } from "../../parts/Curl.tsx";
import { ErrorPanel, Skeleton } from "../../parts/States.tsx";

const PAUSE_MS = 150; // of typing, before it is asked

function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

function Sources({ workload }: { workload: Estimates["workload"] }) {
  if (workload.sources.length === 0) return null; // the basis says so
  return (
    <details>
      <summary>Where the numbers come from</summary>
      <p className="small-text">{workload.text}{workload.assumed.length > 0 && `; assumed, because the file does not say: ${workload.assumed.join(", ")}`}.</p>
      <ul className="evidence">
        {workload.sources.map((source) => <li key={source.gpu}><span>{source.gpu}: {source.seconds} s for a unit, {spaced(source.status).toLowerCase()}</span><span className="dim">{source.source}</span></li>)}
      </ul>
    </details>
  );
}

export function EstimatePanel({ upload, offer, parameters }: { upload: string; offer: string; parameters: Parameters }) {
  const asked = useSettled(JSON.stringify(parameters));
  const given = asked !== "{}";
  const estimate = useAsked({
    queryKey: ["estimate", upload, offer, asked],
    queryFn: ({ signal }) => getEstimates({ upload_id: upload, offer_id: offer, ...(given ? { parameters: JSON.parse(asked) as Parameters } : {}) }, signal),
    placeholderData: keepPreviousData, staleTime: 30_000,
  });
  const one = estimate.data?.estimates[0];
  return (
    <section className="card" aria-label="Estimate" aria-busy={estimate.isFetching}>
      <div className="section-head"><h2>Estimate</h2><span className="grow" /><Curl of={{ path: "/v1/estimates", method: "POST", body: { upload_id: upload, offer_id: offer, ...(given ? { parameters: JSON.parse(asked) as Parameters } : {}) } }} /></div>
      {one === undefined || estimate.data === undefined ? (estimate.isError ? <ErrorPanel error={estimate.error} retry={() => void estimate.refetch()} safe="You can go on without it; the price is fixed in the next step." /> : <Skeleton rows={3} height={24} />) : (
        <>
          <p className="estimate-range" data-testid="estimate">{one.text}</p>
          <dl className="facts">
            <div><dt>Likely</dt><dd>{one.likely}</dd></div>
            {one.price?.total != null && <div><dt>Likely costs</dt><dd><Amount value={one.price.total} /></dd></div>}
            {one.price !== null && <div><dt>Per minute</dt><dd><Amount value={BigInt(Math.round(one.price.per_minute_milli / 1000))} /></dd></div>}
            <div><dt>Confidence</dt><dd>{one.level}</dd></div>
            {one.observed > 0 && <div><dt>Finished jobs like it</dt><dd>{one.observed}</dd></div>}
          </dl>
          <p className="dim small-text">{spaced(one.basis)}.</p>
          <Sources workload={estimate.data.workload} />
          {given && <p className="small-text">Counted with {Object.entries(JSON.parse(asked) as Record<string, unknown>).map(([name, value]) => `${name.replaceAll("_", " ")} ${String(value)}`).join(", ")} of your arguments; so is the price.</p>}
        </>
      )}
    </section>
  );
}
