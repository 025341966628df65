// SPDX-License-Identifier: Apache-2.0
// A job's Run: its past by REST, what is heard meanwhile kept aside, then live. The timeline is asked for before the samples: what is aside and not newer than
// the one is in the other.
import { useEffect, useRef, useState } from "react";
import { Problem } from "../api/client.ts";
import { getSamples, getTimeline } from "../api/routes.ts";
import type { LedgerEvent } from "../api/schema.ts";
import { useRender } from "../lib/render.ts";
import { watch } from "./live.ts";
import { Run } from "./run.ts";

const RETRY_MS = 2000;
const SHOW_MS = 250;

/** `run` is the same object all the time, with a new version after each change. */
export function useRun(job: string, required: number): { run: Run; loaded: boolean } {
  const [loaded, setLoaded] = useState(false);
  const { render } = useRender(SHOW_MS);
  const held = useRef({ job, run: new Run() });
  if (held.current.job !== job) held.current = { job, run: new Run() };
  const run = held.current.run;

  useEffect(() => {
    const stopped = new AbortController();
    let aside: LedgerEvent[] | null = [];
    const unwatch = watch(job, (events) => {
      if (aside !== null) aside.push(...events);
      else if (run.apply(events)) render();
    });
    async function past(): Promise<void> {
      for (let after: number | null = run.cursor; after !== null; ) {
        const { items, next }: Awaited<ReturnType<typeof getTimeline>> = await getTimeline(job, after, stopped.signal);
        if (stopped.signal.aborted) return;
        run.takeTimeline(items, required);
        after = next;
      }
      render();
      for (let after: number | null = 0; after !== null; ) {
        const { items, next }: Awaited<ReturnType<typeof getSamples>> = await getSamples(job, after, stopped.signal);
        if (stopped.signal.aborted) return;
        run.takeSamples(items);
        after = next;
      }
      run.apply(aside ?? []);
      aside = null;
      setLoaded(true);
      render();
    }
    function begin(): void {
      past().catch((error: unknown) => {
        if (stopped.signal.aborted || (error instanceof Problem && !error.mayRetry)) return; // the job's own query says what is wrong
        setTimeout(() => !stopped.signal.aborted && begin(), RETRY_MS);
      });
    }
    setLoaded(false);
    begin();
    return () => {
      stopped.abort();
      unwatch();
    };
  }, [job, run, required, render]);
  return { run, loaded };
}
