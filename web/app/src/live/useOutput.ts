// SPDX-License-Identifier: Apache-2.0
// A job's output, from its end: what was written last by REST, what is written now from the feed, and the rest when it is looked at.
import { useCallback, useEffect, useRef, useState } from "react";
import * as z from "zod/mini";
import { Problem } from "../api/client.ts";
import { getOutputAfter, getOutputEnd } from "../api/routes.ts";
import { useRender } from "../lib/render.ts";
import { watch } from "./live.ts";
import { Output, type Batch } from "./output.ts";

const RETRY_MS = 2000;
const AT_ONCE = 2000; // lines: of so few all are fetched without being asked for
const PAGE_NEAR = 16; // batches around what is looked at
const PAGE_ALL = 32; // half a megabyte at most: read in one go without holding anybody up
const SHOW_MS = 100;

const written = z.object({
  source: z.enum(["stdout", "stderr"]), first_line: z.number(), lines: z.number(), quota_reached: z._default(z.boolean(), false), text: z._default(z.string(), ""),
});

export interface ReadOutput {
  readonly output: Output;
  readonly loaded: boolean;
  /** Raised with every change. */
  readonly version: number;
  /** These lines are looked at. */
  readonly look: (from: number, to: number) => void;
  /** All lines, some time; resolved when they are here. */
  readonly readAll: () => Promise<void>;
}

export function useOutput(job: string): ReadOutput {
  const [loaded, setLoaded] = useState(false);
  const { version, render } = useRender(SHOW_MS);
  const held = useRef({ job, output: new Output() });
  if (held.current.job !== job) held.current = { job, output: new Output() };
  const output = held.current.output;
  const stop = useRef(new AbortController());
  const wanted = useRef<{ from: number; to: number } | null>(null);
  const fetching = useRef(false);
  const all = useRef<Promise<void> | null>(null);

  const take = useCallback((items: readonly Batch[]) => {
    let changed = false;
    for (const batch of items) changed = output.take(batch) || changed;
    if (changed) render();
  }, [output, render]);

  const readAll = useCallback(() => {
    const { signal } = stop.current;
    all.current ??= (async () => {
      for (let missing = output.firstMissing(); missing !== null && !signal.aborted; missing = output.firstMissing(missing)) {
        const { items } = await getOutputAfter(job, missing - 1, PAGE_ALL, signal);
        if (items.length === 0) break;
        take(items);
      }
    })().finally(() => void (all.current = null));
    return all.current;
  }, [job, output, take]);

  useEffect(() => {
    const stopped = new AbortController();
    stop.current = stopped;
    const unwatch = watch(job, (events) => take(events.flatMap((event) => {
      const read = event.type === "job.output" ? written.safeParse(event.data) : null;
      return read?.success === true ? [read.data] : []; // another shape is a newer server's
    })));
    async function end(): Promise<void> {
      const { items, last_line } = await getOutputEnd(job, stopped.signal);
      output.knowLast(last_line);
      take(items);
      setLoaded(true);
      if (output.last <= AT_ONCE) await readAll();
    }
    function begin(): void {
      end().catch((error: unknown) => {
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
  }, [job, output, take, readAll]);

  const look = useCallback((from: number, to: number) => {
    wanted.current = { from, to };
    if (fetching.current) return;
    fetching.current = true;
    void (async () => {
      const { signal } = stop.current;
      try {
        // What is looked at may have changed while it was fetched: the newest wish counts.
        for (let missing = output.firstMissing(from, to); missing !== null && !signal.aborted;) {
          const { items } = await getOutputAfter(job, missing - 1, PAGE_NEAR, signal);
          if (items.length === 0) break;
          take(items);
          const wish = wanted.current ?? { from, to };
          missing = output.firstMissing(wish.from, wish.to);
        }
      } catch {
        // looked at again, it is asked for again
      } finally {
        fetching.current = false;
      }
    })();
  }, [job, output, take]);
  return { output, loaded, version, look, readAll };
}
