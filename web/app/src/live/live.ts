// SPDX-License-Identifier: Apache-2.0
// From the feed to what is on the screen: events go to the runs that somebody watches, and to the list of the newest; what was asked for by
// REST and has changed is asked for again, at most four times a second.
import type { QueryClient } from "@tanstack/react-query";
import { feedAddress, getEvents } from "../api/routes.ts";
import { feedMessage, type LedgerEvent } from "../api/schema.ts";
import { createStore } from "../lib/store.ts";
import { session } from "../wallet/session.ts";
import { openEventStream } from "./eventStream.ts";
import { Feed, type Connection, type SocketLike } from "./feed.ts";
import { jobOf } from "./run.ts";

export interface LiveState {
  readonly connection: Connection;
  readonly head: number;
}
export const live = createStore<LiveState>({ connection: "off", head: 0 });
/** Newest first. */
export const newest = createStore<readonly LedgerEvent[]>([]);

const NEWEST_KEPT = 500;
const REFRESH_MS = 250;
const ASLEEP_MS = 30_000;

type Watcher = (events: readonly LedgerEvent[]) => void;
const watchers = new Map<string, Set<Watcher>>();

/** The job's events from now on, batch by batch. */
export function watch(job: string, watcher: Watcher): () => void {
  const of = watchers.get(job) ?? new Set();
  watchers.set(job, of.add(watcher));
  return () => void of.delete(watcher);
}

// Bulk reports of a running job change what its own page shows, through its Run, and no list.
const BULK = new Set(["job.output", "metric.sampled"]);
const MONEY = /^(deposit|escrow|refund|payout|fee|return)\./;

export function queriesOf(events: readonly LedgerEvent[]): string[][] {
  const keys = new Map<string, string[]>();
  const add = (...key: string[]) => keys.set(key.join(" "), key);
  for (const { type, ...event } of events) {
    if (BULK.has(type)) continue;
    const job = jobOf({ type, ...event });
    if (job !== null) {
      add("job", job);
      add("jobs");
      add("earnings");
    }
    if (job !== null && (type === "result.stored" || type === "job.erased")) add("results", job);
    if (job !== null && type === "job.erased") {
      add("comment", job);
      add("as of", job);
    }
    if (type.startsWith("upload.")) add("uploads");
    if (type.startsWith("upload.") || type === "result.stored" || type === "job.erased") add("storage");
    if (MONEY.test(type)) {
      add("transactions");
      add("balance");
    }
    if (type.startsWith("offer.") || type.startsWith("provider.")) add("offers");
  }
  return [...keys.values()];
}

export function startLive(queries: QueryClient): () => void {
  let feed: Feed | null = null;
  let stale: string[][] = [];
  let refreshing: ReturnType<typeof setTimeout> | undefined;
  let hiddenAt = 0;

  function take(events: readonly LedgerEvent[]): void {
    for (const [job, group] of Map.groupBy(events, (event) => jobOf(event) ?? "")) {
      for (const watcher of watchers.get(job) ?? []) watcher(group);
    }
    newest.set([...events].reverse().concat(newest.get()).slice(0, NEWEST_KEPT));
    stale.push(...queriesOf(events));
    refreshing ??= setTimeout(() => {
      refreshing = undefined;
      const keys = new Map(stale.map((key) => [key.join(" "), key]));
      stale = [];
      for (const key of keys.values()) void queries.invalidateQueries({ queryKey: key });
    }, REFRESH_MS);
  }

  async function follow(): Promise<void> {
    feed?.stop();
    feed = null;
    newest.set([]);
    const who = session.get();
    if (who === null) {
      live.set({ connection: "off", head: live.get().head });
      return;
    }
    live.set({ connection: "connecting", head: live.get().head });
    const head = await getEvents(0, 1).then((answer) => answer.head ?? 0).catch(() => null);
    if (session.get()?.token !== who.token) return;
    if (head === null) {
      live.set({ connection: "reconnecting", head: live.get().head });
      setTimeout(() => void (session.get()?.token === who.token && feed === null && follow()), 2000);
      return;
    }
    feed = new Feed({
      cursor: Math.max(0, head - NEWEST_KEPT),
      open: () => {
        const url = `${location.origin.replace(/^http/, "ws")}/v1/feed?token=${encodeURIComponent(who.token)}`;
        return new WebSocket(url, "tally.v1") as unknown as SocketLike;
      },
      stream: (after) => openEventStream(feedAddress(after), who.token),
      poll: async (after) => {
        const answer = await getEvents(after, 500);
        return { items: answer.items, head: answer.head ?? 0 };
      },
      read: (text) => {
        try {
          return feedMessage.parse(JSON.parse(text));
        } catch {
          return null; // a newer server's message
        }
      },
      onEvents: take,
      onShorter: () => {
        void queries.invalidateQueries();
        void follow();
      },
      onState: (connection, at) => live.set({ connection, head: at }),
      frame: (run) => (document.hidden ? setTimeout(run, REFRESH_MS) : requestAnimationFrame(run)),
      after: (ms, run) => {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
    });
    feed.start();
  }

  const looked = () => {
    if (document.hidden) hiddenAt = Date.now();
    else if (hiddenAt > 0 && Date.now() - hiddenAt > ASLEEP_MS) {
      feed?.wake();
      void queries.invalidateQueries();
    }
  };
  const online = () => feed?.wake();
  document.addEventListener("visibilitychange", looked);
  window.addEventListener("online", online);
  let token = session.get()?.token;
  const unsubscribe = session.subscribe(() => {
    if (session.get()?.token === token) return;
    token = session.get()?.token;
    void queries.resetQueries(); // what was another's is gone, and what is shown is asked for anew
    void follow();
  });
  void follow();
  return () => {
    unsubscribe();
    feed?.stop();
    document.removeEventListener("visibilitychange", looked);
    window.removeEventListener("online", online);
  };
}
