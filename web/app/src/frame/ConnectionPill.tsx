// SPDX-License-Identifier: Apache-2.0
// Whether what is shown is what is so. Always there, in words.
import { useSyncExternalStore } from "react";
import { getReady } from "../api/routes.ts";
import { useAsked } from "../lib/asked.ts";
import { useStore } from "../lib/store.ts";
import { live } from "../live/live.ts";
import type { Connection } from "../live/feed.ts";
import { Pill, type Tone } from "../parts/StatusPill.tsx";
import type { IconName } from "../parts/Icon.tsx";

const SHOWN: Readonly<Record<Exclude<Connection, "off">, { tone: Tone; icon: IconName; word: string; why: string }>> = {
  connecting: { tone: "waiting", icon: "clock", word: "Connecting", why: "The feed is being opened." },
  catching_up: { tone: "running", icon: "half", word: "Catching up", why: "Events that happened meanwhile are being read." },
  live: { tone: "done", icon: "dot", word: "Live", why: "Every event is shown as it is written." },
  streaming: { tone: "done", icon: "dot", word: "Live", why: "Every event is shown as it is written. It comes as an event stream: no WebSocket can be opened from here." },
  reconnecting: { tone: "waiting", icon: "clock", word: "Reconnecting", why: "The server does not answer. What is shown may be old; nothing is missed." },
  polling: { tone: "waiting", icon: "refresh", word: "Asking every 3 s", why: "The live feed cannot be opened from here, so the log is asked instead." },
};

const isOnline = () => navigator.onLine;
function onlineChanges(listener: () => void): () => void {
  window.addEventListener("online", listener);
  window.addEventListener("offline", listener);
  return () => {
    window.removeEventListener("online", listener);
    window.removeEventListener("offline", listener);
  };
}

export function ConnectionPill() {
  const connection = useStore(live, (state) => state.connection);
  const online = useSyncExternalStore(onlineChanges, isOnline);
  const ready = useAsked({ queryKey: ["ready"], queryFn: ({ signal }) => getReady(signal), refetchInterval: 15_000, retry: false });
  let shown;
  if (!online) shown = { tone: "waiting" as const, icon: "warn" as const, word: "Offline", why: "This machine has no network. What is shown may be old." };
  else if (ready.isError) shown = SHOWN.reconnecting;
  else if (ready.data !== undefined && !ready.data.ready) {
    const why = ready.data.ledger.reason || ready.data.settlement.reason || "The chain does not answer.";
    shown = { tone: "waiting" as const, icon: "warn" as const, word: ready.data.ledger.writable ? "Chain is silent" : "Read only", why };
  } else if (connection === "off") shown = ready.isPending ? SHOWN.connecting : { tone: "cancelled" as const, icon: "dash" as const, word: "Not signed in", why: "Sign in to follow what concerns you." };
  else shown = SHOWN[connection];
  return (
    <span className="connection" role="status" title={shown.why}>
      <Pill tone={shown.tone} icon={shown.icon}>{shown.word}</Pill>
    </span>
  );
}
