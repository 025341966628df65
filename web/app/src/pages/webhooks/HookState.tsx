// SPDX-License-Identifier: Apache-2.0
// How a webhook is, in a pill.
import type { Webhook } from "../../api/webhooks.ts";
import { Pill } from "../../parts/StatusPill.tsx";

export function HookState({ hook }: { hook: Pick<Webhook, "status"> }) {
  if (hook.status === "active") return <Pill tone="done" icon="check">Active</Pill>;
  if (hook.status === "failing") return <Pill tone="waiting" icon="warn">Failing</Pill>;
  return <Pill tone="failed" icon="dash">Paused</Pill>;
}
