// SPDX-License-Identifier: Apache-2.0
// Where a job stands: an icon, a word and a colour, never the colour alone.
import type { Job } from "../api/schema.ts";
import { Icon, type IconName } from "./Icon.tsx";

export type Tone = "running" | "done" | "waiting" | "failed" | "cancelled";

export function Pill({ tone, icon, children }: { tone: Tone; icon: IconName; children: React.ReactNode }) {
  return (
    <span className={`pill ${tone}`}>
      <Icon name={icon} />
      {children}
    </span>
  );
}

export function StatusPill({ job }: { job: Pick<Job, "status" | "permille" | "escrow" | "settled" | "ending"> }) {
  switch (job.status) {
    case "awaiting_lock":
      return job.escrow?.status === "requested" ? (
        <Pill tone="waiting" icon="lock">To be paid</Pill>
      ) : (
        <Pill tone="waiting" icon="clock">{`Confirming ${job.escrow?.confirmations ?? 0}/${job.escrow?.required ?? 3}`}</Pill>
      );
    case "queued":
      return <Pill tone="waiting" icon="clock">Waiting for the machine</Pill>;
    case "assigned":
      return <Pill tone="running" icon="half">Starting</Pill>;
    case "running":
      return <Pill tone="running" icon="dot">{`Running ${Math.floor(job.permille / 10)} %`}</Pill>;
    case "completed":
      return <Pill tone="done" icon="check">{job.settled ? "Completed" : "Completed, settling"}</Pill>;
    case "failed":
      return <Pill tone="failed" icon="cross">{job.settled ? "Failed, refunded" : "Failed, refunding"}</Pill>;
    case "cancelled":
      return <Pill tone="cancelled" icon="dash">{job.settled ? "Cancelled" : "Cancelled, settling"}</Pill>;
  }
}
