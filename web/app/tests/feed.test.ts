// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from "vitest";
import type { LedgerEvent } from "../src/api/schema.ts";
import { Feed, type Connection, type SocketLike } from "../src/live/feed.ts";
import { forAll } from "./generate.ts";

const event = (id: number): LedgerEvent => ({ id: String(id), type: "job.progressed", subject: "job:x", time: "", data: {} });

/** A feed with sockets, frames and time in the test's hand. */
class Stage {
  readonly sockets: (SocketLike & { said: string[]; closed: boolean })[] = [];
  readonly heard: number[] = [];
  readonly states: Connection[] = [];
  readonly frames: (() => void)[] = [];
  readonly timers: { ms: number; run: () => void; off: boolean }[] = [];
  log: number[] = [];
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
      poll: (after) => {
        this.polls++;
        return Promise.resolve({ items: this.log.filter((id) => id > after).map(event), head: this.log.at(-1) ?? 0 });
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
  say(message: { event: LedgerEvent } | { live: number }) {
    this.socket.onmessage?.({ data: JSON.stringify(message) });
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
      const timer = stage.timers.find((each) => !each.off);
      pauses.push(timer?.ms ?? 0);
      stage.wait();
    };
    for (let n = 0; n < 6; n++) close();
    stage.say({ live: 1 });
    close();
    expect(pauses).toEqual([500, 1000, 2000, 4000, 8000, 8000, 500]);
  });

  test("where no socket can be opened the log is asked, and a socket that comes takes over", async () => {
    const stage = new Stage();
    stage.log = [1, 2, 3];
    stage.feed.start();
    for (let n = 0; n < 3; n++) {
      stage.socket.onclose?.();
      if (n < 2) stage.wait();
    }
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

  test("a log that is shorter than what was heard of it is another one: begun anew", async () => {
    const stage = new Stage(7);
    stage.log = [1, 2];
    stage.feed.start();
    for (let n = 0; n < 3; n++) {
      stage.socket.onclose?.();
      if (n < 2) stage.wait();
    }
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
});
