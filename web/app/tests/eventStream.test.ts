// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, test, vi } from "vitest";
import { EventStreamReader, openEventStream } from "../src/live/eventStream.ts";
import { forAll } from "./generate.ts";

const read = (...pieces: string[]): string[] => {
  const heard: string[] = [];
  const reader = new EventStreamReader((data) => heard.push(data));
  for (const piece of pieces) reader.push(piece);
  return heard;
};

describe("the format", () => {
  test("an event is its data; what else is said is passed over", () => {
    expect(read("retry: 1000\n\n", ":\n\n", 'id: 7\ndata: {"a":1}\n\n', "event: x\ndata:two\n\n")).toEqual(['{"a":1}', "two"]);
  });
  test("several lines of data are one with line ends between; one space after the colon is none of it; a name that only begins so is another", () => {
    expect(read("data: a\ndata:  b\ndata\ndata:\n\n", "datum: x\ndatas: y\n\n")).toEqual(["a\n b\n\n"]);
  });
  test("what was cut off before its blank line is no event", () => {
    expect(read("data: whole\n\ndata: ha")).toEqual(["whole"]);
    expect(read("data: whole\n\ndata: half\n")).toEqual(["whole"]);
  });
  test("lines end with LF, CR or both, and pieces anywhere, between the two as well", () => {
    forAll((random) => ({ count: 1 + random.below(8) }), ({ count }, random) => {
      const sent = Array.from({ length: count }, (_, index) => Array.from({ length: 1 + random.below(3) }, () => `${"x".repeat(random.below(4))}${index}é`));
      const end = random.pick(["\n", "\r", "\r\n"]);
      let text = sent.map((lines) => `id: 1${end}${lines.map((line) => `data: ${line}${end}`).join("")}${end}`).join("");
      const pieces = [];
      while (text !== "") {
        const length = 1 + random.below(9);
        pieces.push(text.slice(0, length));
        if (random.below(3) === 0) pieces.push("");
        text = text.slice(length);
      }
      expect(read(...pieces)).toEqual(sent.map((lines) => lines.join("\n")));
    });
  });
});

describe("the transport", () => {
  afterEach(() => void vi.unstubAllGlobals());
  /** A server whose answer the test writes, byte by byte if it must. */
  function serve(answer: (body: ReadableStream<Uint8Array>) => Response | Promise<Response>) {
    let body: ReadableStreamDefaultController<Uint8Array> | undefined;
    const asked: { path: string; init: RequestInit }[] = [];
    vi.stubGlobal("fetch", (path: string, init: RequestInit) => {
      asked.push({ path, init });
      return Promise.resolve(answer(new ReadableStream({ start: (given) => void (body = given) })));
    });
    const stream = openEventStream("/v1/feed?topics=all&after=7", "secret");
    const heard: unknown[] = [];
    let ends = 0;
    stream.onmessage = ({ data }) => heard.push(data);
    stream.onclose = () => void ends++;
    const settle = () => new Promise((done) => setTimeout(done, 0));
    return { stream, heard, asked, settle, ends: () => ends, send: (bytes: Uint8Array<ArrayBuffer>) => body?.enqueue(bytes), end: () => body?.close(), cut: () => body?.error(new Error("cut")) };
  }
  const isStream = (body: ReadableStream<Uint8Array>) => new Response(body, { headers: { "Content-Type": "text/event-stream; charset=utf-8" } });

  test("the token goes in a header, not in the address; a letter may come in two pieces; the end is told once", async () => {
    const { heard, asked, settle, ends, send, end } = serve(isStream);
    const bytes = new TextEncoder().encode("data: é\n\n");
    await settle();
    send(bytes.slice(0, 7)); // in the middle of é
    send(bytes.slice(7));
    await settle();
    expect([heard, ends()]).toEqual([["é"], 0]);
    end();
    await settle();
    expect(ends()).toBe(1);
    expect(asked.map(({ path }) => path)).toEqual(["/v1/feed?topics=all&after=7"]);
    expect(asked[0]?.init.headers).toEqual({ Authorization: "Bearer secret", Accept: "text/event-stream" });
  });
  test("a stream that is cut has ended; one that was closed tells nothing any more, and lets go of the connection", async () => {
    const first = serve(isStream);
    await first.settle();
    first.cut();
    await first.settle();
    expect(first.ends()).toBe(1);
    const second = serve(isStream);
    await second.settle();
    second.stream.close();
    second.cut();
    await second.settle();
    expect([second.ends(), second.asked[0]?.init.signal?.aborted]).toEqual([0, true]);
  });
  test("an answer that is no stream has ended without a word, and is not read on", async () => {
    for (const answer of [() => Response.json({}, { status: 404 }), () => new Response("data: a page of a proxy\n\n", { headers: { "Content-Type": "text/html" } }), () => Promise.reject(new TypeError("no network"))]) {
      const { heard, settle, ends, asked } = serve(answer);
      await settle();
      await settle();
      expect([heard, ends(), asked[0]?.init.signal?.aborted]).toEqual([[], 1, true]);
    }
  });
});
