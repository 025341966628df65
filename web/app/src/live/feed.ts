// SPDX-License-Identifier: Apache-2.0
// The feed of one tab: one WebSocket with a cursor. Every event is handed on once and in order, in batches of one animation frame.
//
//     connecting ─▶ catching up ─▶ live ──closed──▶ reconnecting (growing pauses, from the cursor)
//                                                       └─ three times without a word ─▶ an event stream ─ not a word either ─▶ polling GET /v1/events
//
// While another way stands in for the socket, the socket is tried again, and the stream with it; whichever speaks ends what is after it here.
//
// The cursor is the last event that was handed on. The server sends in order what concerns the token and leaves out the rest, so a number
// that is missing is no gap; a number that is not above the cursor is a repetition. What a lost socket did not bring comes with the
// next subscription, with the stream, or with a poll: all ask for what is after the cursor.
import type { LedgerEvent } from "../api/schema.ts";

export type Connection = "off" | "connecting" | "catching_up" | "live" | "streaming" | "reconnecting" | "polling";

export interface StreamLike {
  close(): void;
  onmessage: ((message: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
}

export interface SocketLike extends StreamLike {
  send(text: string): void;
  onopen: (() => void) | null;
}

export interface FeedOptions {
  readonly open: () => SocketLike;
  readonly stream: (after: number) => StreamLike;
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
const STREAM_WORD_MS = 5000; // a stream says at once up to where everything was sent: one that does not is held up on its way
const BATCH_MAX = 2000; // events handed on in one frame: longer histories take several

export class Feed {
  #socket: SocketLike | null = null;
  #stream: StreamLike | null = null;
  #polls: object | null = null; // the polling that goes on
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
    this.#endStream();
  }

  /** After sleep a socket, or a stream, may be dead without knowing it: open another, from the cursor. */
  wake(): void {
    if (this.#ended) return;
    this.#endStream();
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

  #again(): void {
    this.#cancel();
    this.#cancel = this.options.after(this.#pause, () => this.#reopen());
    this.#pause = Math.min(this.#pause * 2, PAUSE_MAX_MS);
  }

  #connect(): void {
    let spoke = false;
    const socket = this.options.open();
    this.#socket = socket;
    socket.onopen = () => {
      if (socket === this.#socket) socket.send(JSON.stringify({ subscribe: { topics: ["all"], after: this.#last() } }));
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket || !this.#take(data, !spoke, "live")) return;
      if (spoke) return;
      spoke = true;
      this.#silent = 0;
      this.#pause = PAUSE_MIN_MS;
      this.#endStream();
      this.#polls = null;
    };
    socket.onclose = () => {
      if (socket !== this.#socket || this.#ended) return;
      this.#socket = null;
      if (!spoke) this.#silent++;
      if (this.#silent >= SILENT_TRIES) this.#follow();
      else this.#say("reconnecting");
      this.#again();
    };
  }

  /** What came by the socket or by the stream; whether it is known. */
  #take(data: unknown, isFirst: boolean, live: Connection): boolean {
    const message = typeof data === "string" ? this.options.read(data) : null;
    if (message === null) return false;
    if (isFirst) this.#say("catching_up");
    if ("event" in message) this.#hear([message.event]);
    else {
      this.#head = Math.max(this.#head, message.live);
      this.#say(live);
    }
    return true;
  }

  #endStream(): void {
    const old = this.#stream;
    this.#stream = null;
    old?.close();
  }

  #follow(): void {
    if (this.#stream !== null) return;
    let spoke = false;
    const stream = this.options.stream(this.#last());
    this.#stream = stream;
    stream.onmessage = ({ data }) => {
      if (stream !== this.#stream || !this.#take(data, !spoke, "streaming")) return;
      spoke = true;
      this.#polls = null;
    };
    stream.onclose = () => {
      if (stream !== this.#stream) return;
      this.#endStream();
      if (spoke) {
        this.#say("reconnecting");
        this.#pause = PAUSE_MIN_MS; // the server was there a moment ago
        this.#again();
      } else if (this.#polls === null) {
        this.#polls = {};
        void this.#poll(this.#polls);
      }
    };
    this.options.after(STREAM_WORD_MS, () => void (!spoke && stream.onclose?.()));
  }

  async #poll(polls: object): Promise<void> {
    const isOver = () => this.#ended || polls !== this.#polls;
    try {
      const { items, head } = await this.options.poll(this.#last());
      if (isOver()) return;
      if (head < this.#last()) {
        this.options.onShorter();
        return;
      }
      this.#hear(items);
      this.#head = Math.max(this.#head, head);
      this.#say("polling");
      this.options.after(POLL_MS, () => void (!isOver() && this.#poll(polls)));
    } catch {
      if (isOver()) return;
      this.#polls = null;
      this.#say("reconnecting");
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
