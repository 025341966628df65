// SPDX-License-Identifier: Apache-2.0
// A slider over a job's life: at each of its events the page shows the job as the ledger had it then. The stop is in the address, so it can be sent on.
import { useNavigate } from "@tanstack/react-router";
import { useLayoutEffect, useRef } from "react";
import type { Notch } from "../../live/run.ts";
import { group } from "../../lib/money.ts";
import { exactTime } from "../../lib/units.ts";

export function Rewind({ notches, at }: { notches: readonly Notch[]; at: number | null }) {
  const navigate = useNavigate({ from: "/jobs/$job" });
  const slider = useRef<HTMLInputElement>(null);
  const go = (notch: Notch | undefined) => void navigate({ search: notch === undefined ? {} : { at: notch.sequence }, hash: true, replace: true, resetScroll: false });
  const found = at === null ? -1 : notches.findLastIndex((notch) => notch.sequence <= at);
  const stop = found < 0 ? notches.length : found; // the last place is now
  // A slider that becomes longer cuts a place that is set before its length is.
  useLayoutEffect(() => {
    if (slider.current !== null) slider.current.value = String(stop);
  }, [stop, notches.length]);
  const notch = notches[stop];
  const words = notch === undefined ? "now" : `after #${group(notch.sequence)} ${notch.type}, ${exactTime(notch.time)}`;
  if (notches.length < 2) return null;
  return (
    <div className={`rewind ${at === null ? "" : "past"}`}>
      <label className="sr-only" htmlFor="rewind">As it stood</label>
      <input ref={slider} id="rewind" type="range" min={0} max={notches.length} value={stop} aria-valuetext={words} onChange={(event) => go(notches[Number(event.target.value)])} />
      <p role="status">{at === null ? <span className="dim">As it is now. Go back to any of its {notches.length} events.</span> : <><b>As it stood {words}.</b> <span className="dim">Its output and its files are those of now.</span></>}</p>
      {at !== null && <button type="button" className="small" onClick={() => go(undefined)}>Back to now</button>}
    </div>
  );
}
