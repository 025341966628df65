// SPDX-License-Identifier: Apache-2.0
// The feed of one tab: one WebSocket with a cursor. Every event is handed on once and in order, in batches of one animation frame.
//
//     connecting ─▶ catching up ─▶ live ──closed──▶ reconnecting (growing pauses, from the cursor)
//                                                       └─ three times without a word ─▶ polling GET /v1/events, and tried again
//
// The cursor is the last event that was handed on. The server sends in order what concerns the token and leaves out the rest, so a number
// that is missing is no gap; a number that is not above the cursor is a repetition. What a lost socket did not bring comes with the
// next subscription, or with a poll: both ask for what is after the cursor.
import type { LedgerEvent } from "../api/schema.ts";

export type Connection = "off" | "connecting" | "catching_up" | "live" | "reconnecting" | "polling";

export interface SocketLike {
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((message: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
}

export interface FeedOptions {
  readonly open: () => SocketLike;
  readonly poll: (after: number) => Promise<{ items: readonly LedgerEvent[]; head: number }>;
  readonly read: (text: string) => { event: LedgerEvent } | { live: number } | null;
  readonly onEvents: (events: readonly LedgerEvent[]) => void;
  readonly onState: (state: Connection, head: number) => void;
  /** Run it with the next frame, or soon when nobody looks. */
  readonly frame: (run: () => void) => void;
  readonly after: (ms: number, run: () => void) => () => void;
  /** The log is shorter than what was heard of it: it was restored from a copy. Begin anew. */
  readonly onShorter: () => void;
  readonly cursor: number;
}

const PAUSE_MIN_MS = 500;
const PAUSE_MAX_MS = 8000;
const SILENT_TRIES = 3;
const POLL_MS = 3000;
const BATCH_MAX = 2000; // events handed on in one frame: longer histories take several

export class Feed {
  #socket: SocketLike | null = null;
  #cursor: number;
  #head: number;
  #heard: LedgerEvent[] = [];
  #framed = false;
  #pause = PAUSE_MIN_MS;
  #silent = 0;
  #ended = false;
  #cancel: () => void = () => undefined;
  #state: Connection = "off";

  constructor(private readonly options: FeedOptions) {
    this.#cursor = options.cursor;
    this.#head = options.cursor;
  }

  start(): void {
    this.#say("connecting");
    this.#connect();
  }

  stop(): void {
    this.#ended = true;
    this.#cancel();
    this.#socket?.close();
    this.#socket = null;
  }

  /** After sleep a socket may be dead without knowing it: open another, from the cursor. */
  wake(): void {
    if (this.#ended) return;
    this.#pause = PAUSE_MIN_MS;
    this.#reopen();
  }

  get cursor(): number {
    return this.#cursor;
  }

  #say(state: Connection): void {
    this.#state = state;
    this.options.onState(state, this.#head);
  }

  #reopen(): void {
    this.#cancel();
    const old = this.#socket;
    this.#socket = null;
    old?.close();
    this.#connect();
  }

  #connect(): void {
    let spoke = false;
    const socket = this.options.open();
    this.#socket = socket;
    socket.onopen = () => {
      if (socket === this.#socket) socket.send(JSON.stringify({ subscribe: { topics: ["all"], after: this.#last() } }));
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket || typeof data !== "string") return;
      const message = this.options.read(data);
      if (message === null) return;
      if (!spoke) {
        spoke = true;
        this.#silent = 0;
        this.#pause = PAUSE_MIN_MS;
        this.#say("catching_up");
      }
      if ("event" in message) this.#hear([message.event]);
      else {
        this.#head = Math.max(this.#head, message.live);
        this.#say("live");
      }
    };
    socket.onclose = () => {
      if (socket !== this.#socket || this.#ended) return;
      this.#socket = null;
      if (!spoke) this.#silent++;
      if (this.#silent >= SILENT_TRIES) void this.#poll();
      else this.#say("reconnecting");
      this.#cancel = this.options.after(this.#pause, () => this.#reopen());
      this.#pause = Math.min(this.#pause * 2, PAUSE_MAX_MS);
    };
  }

  async #poll(): Promise<void> {
    try {
      const { items, head } = await this.options.poll(this.#last());
      if (this.#ended || this.#state === "live") return;
      if (head < this.#last()) {
        this.options.onShorter();
        return;
      }
      this.#hear(items);
      this.#head = Math.max(this.#head, head);
      this.#say("polling");
      if (this.#silent >= SILENT_TRIES) this.options.after(POLL_MS, () => void (this.#silent >= SILENT_TRIES && !this.#ended && this.#poll()));
    } catch {
      if (!this.#ended && this.#state !== "live") this.#say("reconnecting");
    }
  }

  /** The last event heard, handed on or not. */
  #last(): number {
    const newest = this.#heard.at(-1);
    return newest === undefined ? this.#cursor : Number(newest.id);
  }

  #hear(events: readonly LedgerEvent[]): void {
    for (const event of events) {
      if (Number(event.id) > this.#last()) this.#heard.push(event);
    }
    this.#head = Math.max(this.#head, this.#last());
    if (this.#heard.length > 0 && !this.#framed) {
      this.#framed = true;
      this.options.frame(() => this.#hand());
    }
  }

  #hand(): void {
    this.#framed = false;
    if (this.#ended) return;
    const batch = this.#heard.splice(0, BATCH_MAX);
    const newest = batch.at(-1);
    if (newest === undefined) return;
    this.#cursor = Number(newest.id);
    this.options.onEvents(batch);
    this.options.onState(this.#state, this.#head);
    if (this.#heard.length > 0) {
      this.#framed = true;
      this.options.frame(() => this.#hand());
    }
  }
}
