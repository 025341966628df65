// SPDX-License-Identifier: Apache-2.0
import { useCallback, useEffect, useReducer, useRef } from "react";

/** Renders anew when told to, at once if that was not lately, else once later: what is told two hundred times a second is shown a few times. */
export function useRender(everyMs: number): { version: number; render: () => void } {
  const [version, raise] = useReducer((count: number) => count + 1, 0);
  const last = useRef(0);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const render = useCallback(() => {
    if (timer.current !== undefined) return;
    const wait = last.current + everyMs - performance.now();
    const now = () => {
      timer.current = undefined;
      last.current = performance.now();
      raise();
    };
    if (wait <= 0) now();
    else timer.current = setTimeout(now, wait);
  }, [everyMs]);
  useEffect(() => () => {
    clearTimeout(timer.current);
    timer.current = undefined;
  }, []);
  return { version, render };
}
