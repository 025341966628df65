// SPDX-License-Identifier: Apache-2.0
// Times: how long ago, counting; the exact one with its zone on hover. One clock for the whole page.
import { useSyncExternalStore } from "react";
import { ago, clockTime, exactTime } from "../lib/units.ts";

const listeners = new Set<() => void>();
const wholeSecond = () => Date.now() - (Date.now() % 1000);
let second = wholeSecond();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === undefined) second = wholeSecond(); // the clock may have been put back since somebody last looked
  timer ??= setInterval(() => {
    second = Date.now();
    for (const each of [...listeners]) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** Now, to the second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => (timer === undefined ? wholeSecond() : second));
}

export function Age({ time }: { time: string }) {
  const now = useNow();
  return (
    <time dateTime={time} title={exactTime(time)}>
      {ago(Math.max(0, now - Date.parse(time)))}
    </time>
  );
}

export function Clock({ time }: { time: string }) {
  return (
    <time dateTime={time} title={exactTime(time)} className="mono">
      {clockTime(time)}
    </time>
  );
}
