// SPDX-License-Identifier: Apache-2.0
// How it was, said once, by whom the job belongs to, when it has run and ended.
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { toast } from "sonner";
import { getJobEvents, rateJob } from "../../api/routes.ts";
import type { Job } from "../../api/schema.ts";
import { useAction } from "../../lib/action.ts";
import { useAsked } from "../../lib/asked.ts";
import { newKey } from "../../lib/drafts.ts";
import { Curl } from "../../parts/Curl.tsx";
import { ErrorPanel } from "../../parts/States.tsx";

const STARS = [1, 2, 3, 4, 5] as const;
const WORDS = ["", "bad", "poor", "fair", "good", "very good"] as const;
const COMMENT_MAX = 1000; // bytes: the server counts what is sent

const nameOf = (stars: number) => `${stars} ${stars === 1 ? "star" : "stars"}, ${WORDS[stars] ?? ""}`;

/** `said`: the number of the event that has the comment. */
function Rated({ job, said }: { job: Job; said: number | undefined }) {
  const comment = useAsked({
    queryKey: ["comment", job.id, said], enabled: said !== undefined, staleTime: Infinity, refetchInterval: false,
    queryFn: async ({ signal }) => {
      const { items } = await getJobEvents(job.id, (said ?? 1) - 1, signal);
      const text = items.find((event) => Number(event.id) === said)?.data["comment"];
      return typeof text === "string" ? text : "";
    },
  });
  return (
    <>
      <p className="stars"><span aria-hidden="true">{STARS.map((each) => <span key={each} className={each <= job.stars ? "star on" : "star"}>★</span>)}</span> <span data-testid="stars">{nameOf(job.stars)}</span></p>
      {comment.data !== undefined && comment.data !== "" && <blockquote className="comment">{comment.data}</blockquote>}
    </>
  );
}

function Rate({ job }: { job: Job }) {
  const key = useRef(newKey());
  const [stars, setStars] = useState(0);
  const [comment, setComment] = useState("");
  const queries = useQueryClient();
  const change = (make: () => void) => {
    key.current = newKey(); // another rating, not the same one sent again
    make();
  };
  const size = new TextEncoder().encode(comment.trim()).length;
  const body = { stars, ...(comment.trim() === "" ? {} : { comment: comment.trim() }) };
  const rate = useAction({
    mutationFn: () => rateJob(job.id, body, key.current),
    onSuccess: async () => {
      toast.success(`You gave ${nameOf(stars)}`);
      await queries.invalidateQueries({ queryKey: ["job", job.id] });
    },
  });
  return (
    <form className="stack" onSubmit={(event) => {
      event.preventDefault();
      rate.mutate();
    }}>
      <fieldset disabled={rate.isPending}>
        <legend>How was it?</legend>
        <div className="stars">
          {STARS.map((each) => (
            <label key={each} className={each <= stars ? "star on" : "star"}>
              <input type="radio" name="stars" value={each} checked={each === stars} aria-label={nameOf(each)} onChange={() => change(() => setStars(each))} />
              <span aria-hidden="true">★</span>
            </label>
          ))}
          <span className="dim">{WORDS[stars]}</span>
        </div>
      </fieldset>
      <label>Comment, if you like<textarea rows={2} value={comment} aria-invalid={size > COMMENT_MAX} disabled={rate.isPending} onChange={(event) => change(() => setComment(event.target.value))} />{size > COMMENT_MAX && <span className="field-error">At most {COMMENT_MAX} bytes; these are {size}.</span>}</label>
      <p className="dim small-text">It can be said once. The stars count in what everybody sees of this provider; the comment is for the two of you.</p>
      {rate.isError && <ErrorPanel error={rate.error} safe="Sent again, it counts once." />}
      <p className="actions">
        {stars > 0 && <Curl of={{ path: `/v1/jobs/${job.id}/rating`, method: "POST", body, key: key.current }} />}
        <button type="submit" className="primary" disabled={stars === 0 || size > COMMENT_MAX || rate.isPending}>{rate.isPending ? "Sending…" : "Send the rating"}</button>
      </p>
    </form>
  );
}

export function Rating({ job, said }: { job: Job; said: number | undefined }) {
  if (job.ended_at === null || job.started_at === null || (job.erased_at !== null && job.stars === 0)) return null; // only what ran can be rated, and nothing is added to what was erased
  return (
    <section className="card" aria-label="Rating">
      <h2>Rating</h2>
      {job.stars > 0 ? <Rated job={job} said={said} /> : <Rate job={job} />}
    </section>
  );
}
