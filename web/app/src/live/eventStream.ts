// SPDX-License-Identifier: Apache-2.0
// The feed as an event stream, for where no WebSocket gets through. By fetch, because a browser's own EventSource cannot send the token in a header.
//
// The format is WHATWG HTML's, "Server-sent events". Only `data` is looked at: the number to resume after is in the event itself, and when to come again is
// the feed's to say.
import type { StreamLike } from "./feed.ts";

/** The data of each event, as soon as its blank line is there; an event that was cut off is none. */
export class EventStreamReader {
  #line = ""; // as far as it has come
  #data: string[] = [];
  #skipsFeed = false; // the last text ended with CR: LF after it belongs to it

  constructor(private readonly onData: (data: string) => void) {}

  push(text: string): void {
    let from = 0;
    if (text !== "" && this.#skipsFeed) {
      this.#skipsFeed = false;
      if (text.startsWith("\n")) from = 1;
    }
    for (const { 0: end, index } of text.matchAll(/\r\n|\r|\n/g)) {
      if (index < from) continue;
      const line = this.#line + text.slice(from, index);
      this.#line = "";
      from = index + end.length;
      this.#take(line);
    }
    this.#line += text.slice(from);
    if (text.endsWith("\r")) this.#skipsFeed = true;
  }

  #take(line: string): void {
    if (line === "") {
      const data = this.#data;
      this.#data = [];
      if (data.length > 0) this.onData(data.join("\n"));
    } else if (line === "data") this.#data.push("");
    else if (line.startsWith("data:")) this.#data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
  }
}

/** Read until it ends, is cut or is closed. An answer that is none is one that ended. */
export function openEventStream(path: string, token: string): StreamLike {
  const abort = new AbortController();
  const stream: StreamLike = { onmessage: null, onclose: null, close: () => abort.abort() };
  const read = async () => {
    const answer = await fetch(path, { headers: { Authorization: `Bearer ${token}`, Accept: "text/event-stream" }, cache: "no-store", signal: abort.signal });
    const type = answer.headers.get("Content-Type") ?? "";
    if (!answer.ok || !type.startsWith("text/event-stream") || answer.body === null) return;
    const events = new EventStreamReader((data) => stream.onmessage?.({ data }));
    const text = new TextDecoder();
    const body = answer.body.getReader();
    for (let piece = await body.read(); !piece.done; piece = await body.read()) events.push(text.decode(piece.value, { stream: true }));
  };
  void read().catch(() => undefined).finally(() => {
    const closed = abort.signal.aborted;
    abort.abort(); // what is left of an answer that was none
    if (!closed) stream.onclose?.();
  });
  return stream;
}
