// SPDX-License-Identifier: Apache-2.0
// The timeline: a stick with a notch for each event of the job. Taller for money, hollow while awaited, red where it failed; hatched where
// time is not billed.
import { useEffect, useRef } from "react";
import { exactTime } from "../lib/units.ts";
import type { Stage } from "../lib/stages.ts";

export function NotchLine({ stages, permille }: { stages: readonly Stage[]; permille: number }) {
  const next = stages.findIndex((stage) => stage.time === null);
  const line = useRef<HTMLOListElement>(null);
  // Where it is narrower than the stick, what is going on is in sight.
  useEffect(() => {
    const box = line.current?.parentElement;
    const at = line.current?.children[next === -1 ? stages.length - 1 : next - 1];
    if (box instanceof HTMLElement && at instanceof HTMLElement) box.scrollLeft = at.offsetLeft - box.clientWidth / 3;
  }, [next, stages.length]);
  return (
    <ol ref={line} className="notchline" aria-label="What has happened to this job">
      {stages.map((stage, index) => {
        const past = stage.time !== null;
        const open = past && (next === -1 ? false : next === index + 1);
        const over = index + 1 < stages.length && stages[index + 1]?.time !== null;
        return (
          <li key={stage.key} className={`notch ${stage.kind} ${past ? "past" : "awaited"} ${stage.billed ? "billed" : ""}`}
            aria-current={open ? "step" : undefined} title={stage.time === null ? `${stage.label}: not yet` : `${stage.label}: ${exactTime(stage.time)}`}>
            <span className="notch-stick" aria-hidden="true">
              {stage.billed && past && <span className="notch-fill" style={{ width: over ? "100%" : `${permille / 10}%` }} />}
              {!stage.billed && past && over && <span className="notch-fill unbilled" />}
            </span>
            <span className="notch-mark" aria-hidden="true" />
            <span className="notch-label">{stage.label}<span className="sr-only">{past ? "" : " (not yet)"}</span></span>
          </li>
        );
      })}
    </ol>
  );
}
