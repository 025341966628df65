// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "vitest";
import type { LedgerEvent } from "../src/api/schema.ts";
import { Feed, type Connection, type SocketLike, type StreamLike } from "../src/live/feed.ts";
import { forAll, forAllTurns } from "./generate.ts";

const event = (id: number): LedgerEvent => ({ id: String(id), type: "job.progressed", subject: "job:x", time: "", data: {} });

/** A feed with sockets, frames and time in the test's hand. */
class Stage {
  readonly sockets: (SocketLike & { said: string[]; closed: boolean })[] = [];
  readonly streams: (StreamLike & { after: number; closed: boolean })[] = [];
  readonly heard: number[] = [];
  readonly states: Connection[] = [];
  readonly frames: (() => void)[] = [];
  readonly timers: { ms: number; run: () => void; off: boolean }[] = [];
  log: number[] = [];
  page = 500;
  polls = 0;
  shorter = 0;
  head = 0;
  readonly feed: Feed;
  constructor(cursor = 0) {
    this.feed = new Feed({
      cursor,
      open: () => {
        const socket = { said: [] as string[], closed: false, onopen: null, onmessage: null, onclose: null, send: (text: string) => void socket.said.push(text), close: () => void (socket.closed = true) } as SocketLike & { said: string[]; closed: boolean };
        this.sockets.push(socket);
        return socket;
      },
      stream: (after) => {
        const stream = { after, closed: false, onmessage: null, onclose: null, close: () => void (stream.closed = true) } as StreamLike & { after: number; closed: boolean };
        this.streams.push(stream);
        return stream;
      },
      poll: (after) => {
        this.polls++;
        return Promise.resolve({ items: this.log.filter((id) => id > after).slice(0, this.page).map(event), head: this.log.at(-1) ?? 0 });
      },
      read: (text) => JSON.parse(text) as { event: LedgerEvent } | { live: number },
      onShorter: () => void this.shorter++,
      onEvents: (events) => this.heard.push(...events.map((each) => Number(each.id))),
      onState: (state, head) => {
        this.head = head;
        if (this.states.at(-1) !== state) this.states.push(state);
      },
      frame: (run) => void this.frames.push(run),
      after: (ms, run) => {
        const timer = { ms, run, off: false };
        this.timers.push(timer);
        return () => void (timer.off = true);
      },
    });
  }
  get socket() {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("none was opened");
    return socket;
  }
  get stream() {
    const stream = this.streams.at(-1);
    if (stream === undefined) throw new Error("none was opened");
    return stream;
  }
  say(message: { event: LedgerEvent } | { live: number }, by: StreamLike = this.socket) {
    by.onmessage?.({ data: JSON.stringify(message) });
  }
  /** No socket gets through: three are opened, and none says a word. */
  noSocket() {
    for (let n = 0; n < 3; n++) {
      this.socket.onclose?.();
      if (n < 2) this.wait();
    }
  }
  draw() {
    for (const run of this.frames.splice(0)) run();
  }
  wait() {
    for (const timer of this.timers.splice(0)) if (!timer.off) timer.run();
  }
  asked(): number {
    this.socket.onopen?.();
    return (JSON.parse(this.socket.said.at(-1) ?? "") as { subscribe: { after: number } }).subscribe.after;
  }
}

describe("the feed", () => {
  test("R7.5: events of one frame come in one batch, in order, and the state says what is so", () => {
    const stage = new Stage(10);
    stage.feed.start();
    expect(stage.asked()).toBe(10);
    for (const id of [11, 14, 15]) stage.say({ event: event(id) });
    expect(stage.heard).toEqual([]);
    expect(stage.frames.length).toBe(1);
    stage.draw();
    expect(stage.heard).toEqual([11, 14, 15]);
    stage.say({ live: 20 });
    expect(stage.states).toEqual(["connecting", "catching_up", "live"]);
    expect(stage.head).toBe(20);
  });

  test("a lost socket is opened again from the last event heard, also from one that no frame has shown yet", () => {
    const stage = new Stage();
    stage.feed.start();
    stage.asked();
    stage.say({ event: event(1) });
    stage.draw();
    stage.say({ event: event(2) });
    stage.socket.onclose?.();
    expect(stage.states.at(-1)).toBe("reconnecting");
    stage.wait();
    expect(stage.asked()).toBe(2);
    stage.say({ event: event(2) });
    stage.say({ event: event(3) });
    stage.draw();
    expect(stage.heard).toEqual([1, 2, 3]);
  });

  test("pauses grow, and a word from the server makes them short again", () => {
    const stage = new Stage();
    stage.feed.start();
    const pauses: number[] = [];
    const close = () => {
      stage.socket.onclose?.();
      const timer = stage.timers.findLast((each) => !each.off); // before it, those of streams
      pauses.push(timer?.ms ?? 0);
      stage.wait();
    };
    for (let n = 0; n < 6; n++) close();
    stage.say({ live: 1 });
    close();
    expect(pauses).toEqual([500, 1000, 2000, 4000, 8000, 8000, 500]);
  });

  test("where neither a socket nor a stream can be opened the log is asked, and a socket that comes takes over", async () => {
    const stage = new Stage();
    stage.log = [1, 2, 3];
    stage.feed.start();
    stage.noSocket();
    stage.stream.onclose?.();
    await Promise.resolve();
    await Promise.resolve();
    stage.draw();
    expect(stage.heard).toEqual([1, 2, 3]);
    expect(stage.states.at(-1)).toBe("polling");
    stage.wait();
    expect(stage.asked()).toBe(3);
    stage.say({ event: event(4) });
    stage.say({ live: 4 });
    stage.draw();
    expect(stage.heard).toEqual([1, 2, 3, 4]);
    expect(stage.states.at(-1)).toBe("live");
    const polls = stage.polls;
    stage.wait();
    expect(stage.polls).toBe(polls);
  });

  test("R7.5: where no socket can be opened an event stream goes on from the cursor, live; a socket that comes takes over, and the stream is closed", () => {
    const stage = new Stage(10);
    stage.feed.start();
    stage.asked();
    stage.say({ event: event(11) });
    stage.socket.onclose?.(); // it spoke, so it does not count
    stage.wait();
    stage.noSocket();
    expect([stage.streams.length, stage.stream.after]).toEqual([1, 11]);
    stage.say({ event: event(11) }, stage.stream);
    stage.say({ event: event(12) }, stage.stream);
    expect(stage.states.at(-1)).toBe("catching_up");
    stage.say({ live: 13 }, stage.stream);
    stage.draw();
    expect([stage.heard, stage.states.at(-1), stage.head, stage.polls]).toEqual([[11, 12], "streaming", 13, 0]);
    stage.wait(); // a socket is tried again, and fails as before
    stage.socket.onclose?.();
    expect([stage.streams.length, stage.stream.closed, stage.states.at(-1)]).toEqual([1, false, "streaming"]);
    stage.wait();
    expect(stage.asked()).toBe(12);
    stage.say({ event: event(13) });
    expect(stage.stream.closed).toBe(true);
    stage.say({ event: event(14) }, stage.stream); // on its way when it was closed
    stage.say({ live: 13 });
    stage.draw();
    expect([stage.heard, stage.states.at(-1)]).toEqual([[11, 12, 13], "live"]);
  });

  test("a stream that ends after it spoke is opened again at once, from the last event heard; after sleep it is, too", () => {
    const stage = new Stage();
    stage.feed.start();
    stage.noSocket();
    stage.say({ event: event(1) }, stage.stream);
    stage.say({ live: 1 }, stage.stream);
    stage.stream.onclose?.();
    expect(stage.states.at(-1)).toBe("reconnecting");
    expect(stage.timers.filter((each) => !each.off).at(-1)?.ms).toBe(500);
    stage.wait();
    stage.socket.onclose?.();
    expect([stage.streams.length, stage.stream.after]).toEqual([2, 1]);
    stage.say({ event: event(2) }, stage.stream);
    const asleep = stage.stream;
    stage.feed.wake();
    expect(asleep.closed).toBe(true);
    stage.socket.onclose?.();
    expect([stage.streams.length, stage.stream.after]).toEqual([3, 2]);
    stage.draw();
    expect([stage.heard, stage.polls]).toEqual([[1, 2], 0]);
  });

  test("a stream that is held up on its way is given up, the log is asked by one at a time, and the next stream that speaks ends that", async () => {
    const stage = new Stage();
    stage.log = [1];
    stage.feed.start();
    stage.noSocket();
    const held = stage.stream;
    stage.wait(); // for a word of it, and the next socket
    await Promise.resolve();
    await Promise.resolve();
    expect([held.closed, stage.polls, stage.states.at(-1)]).toEqual([true, 1, "polling"]);
    stage.socket.onclose?.();
    stage.stream.onclose?.();
    expect([stage.streams.length, stage.polls]).toEqual([2, 1]); // polling goes on as it did
    stage.wait();
    await Promise.resolve();
    await Promise.resolve();
    expect(stage.polls).toBe(2);
    stage.socket.onclose?.();
    stage.say({ live: 1 }, stage.stream);
    expect([stage.stream.after, stage.states.at(-1)]).toEqual([1, "streaming"]);
    stage.wait();
    await Promise.resolve();
    expect([stage.polls, stage.states.at(-1)]).toEqual([2, "streaming"]);
    stage.draw();
    expect(stage.heard).toEqual([1]);
  });

  test("a log that is shorter than what was heard of it is another one: begun anew", async () => {
    const stage = new Stage(7);
    stage.log = [1, 2];
    stage.feed.start();
    stage.noSocket();
    stage.stream.onclose?.();
    await Promise.resolve();
    await Promise.resolve();
    expect([stage.shorter, stage.heard]).toEqual([1, []]);
  });

  test("R16.5: however sockets break, each event is handed on once and in order", () => {
    forAll((random) => ({ length: 1 + random.below(60) }), ({ length }, random) => {
      const stage = new Stage();
      stage.feed.start();
      let at = stage.asked();
      while (stage.feed.cursor < length) {
        const what = random.below(6);
        if (what < 3 && at < length) stage.say({ event: event(++at) });
        else if (what === 3) stage.draw();
        else if (what === 4) {
          stage.socket.onclose?.();
          stage.wait();
          at = stage.asked();
        } else {
          stage.feed.wake();
          at = stage.asked();
        }
      }
      expect(stage.heard).toEqual(Array.from({ length }, (_, index) => index + 1));
    });
  });

  test("R16.5: by whichever way events come, and however ways change, each is handed on once and in order", async () => {
    await forAllTurns(async (random) => {
      const length = 1 + random.below(60);
      const stage = new Stage();
      stage.log = Array.from({ length }, (_, index) => index + 1);
      stage.page = 3;
      stage.feed.start();
      const at = new Map<StreamLike, number>(); // how far each way has sent; one that was left may still send
      const send = (by: StreamLike, after: number) => {
        const next = (at.get(by) ?? after) + 1;
        if (next > length) return;
        at.set(by, next);
        stage.say({ event: event(next) }, by);
      };
      for (let turn = 0; turn < 2000 && stage.feed.cursor < length; turn++) {
        const what = random.below(7);
        if (what === 0) stage.socket.onclose?.();
        else if (what === 1 && random.below(4) === 0) {
          if (stage.socket.said.length === 0) stage.socket.onopen?.();
          const said = stage.socket.said.at(-1); // nothing, of one that was closed before it was open
          if (said !== undefined) send(stage.socket, (JSON.parse(said) as { subscribe: { after: number } }).subscribe.after);
        }
        else if (what === 2 && stage.streams.length > 0) stage.stream.onclose?.();
        else if (what === 3) stage.draw();
        else if (what === 4) {
          stage.wait();
          await Promise.resolve();
          await Promise.resolve();
        } else if (what === 5 && random.below(8) === 0) stage.feed.wake();
        else for (const stream of stage.streams) send(stream, stream.after);
      }
      expect(stage.heard).toEqual(stage.log);
    });
  });

  test("after it was stopped nothing is handed on and nothing is opened", () => {
    const stage = new Stage();
    stage.feed.start();
    stage.asked();
    stage.say({ event: event(1) });
    stage.feed.stop();
    stage.draw();
    stage.socket.onclose?.();
    stage.wait();
    expect([stage.heard, stage.sockets.length, stage.socket.closed]).toEqual([[], 1, true]);
  });

  test("stopped while a stream stands in, it closes the stream and hears nothing more of it", () => {
    const stage = new Stage();
    stage.feed.start();
    stage.noSocket();
    const { stream } = stage;
    stage.say({ event: event(1) }, stream);
    stage.feed.stop();
    stage.say({ event: event(2) }, stream);
    stream.onclose?.();
    stage.wait();
    stage.draw();
    expect([stage.heard, stage.sockets.length, stage.streams.length, stream.closed, stage.polls]).toEqual([[], 3, 1, true, 0]);
  });
});
