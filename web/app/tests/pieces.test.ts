// SPDX-License-Identifier: Apache-2.0
// @vitest-environment happy-dom
// A large file in pieces (R17, slow networks): whatever breaks off, the server has the file, and nothing twice.
import { describe, expect, test, vi } from "vitest";
import { Problem } from "../src/api/client.ts";
import { PIECES_FROM, type Reached, sendInPieces, type Server } from "../src/api/pieces.ts";
import { sendUpload } from "../src/api/routes.ts";
import { upload } from "./fixtures.ts";
import { forAllTurns, Random } from "./generate.ts";

/** A server as docs/api.md has it; `breaks` says before each request how it fails, if it does. */
class Kept implements Server<string> {
  bytes: Uint8Array[] = [];
  offset = 0;
  done: string | null = null;
  waited: number[] = [];
  constructor(readonly size: number, readonly breaks: () => "before" | "after" | "busy" | "half" | null) {}
  get reached(): Reached {
    return { id: "u", size: this.size, offset: this.offset, upload_id: this.done };
  }
  async ask<T>(act: () => Promise<T> | T): Promise<T> {
    const how = this.breaks();
    if (how === "busy") throw new Problem(409, "upload_busy", "", "");
    if (how === "before") throw new Problem(503, "busy", "", "");
    const answer = await act();
    if (how === "after") throw new Problem(0, "no_answer", "", "");
    return answer;
  }
  begin() { return this.ask(() => this.reached); }
  look() { return this.ask(() => this.reached); }
  send(_: string, offset: number, piece: Blob, sent: (bytes: number) => void) {
    return this.ask(async () => {
      if (offset !== this.offset) throw new Problem(409, "upload_offset", "", "");
      const bytes = new Uint8Array(await piece.arrayBuffer());
      const half = this.breaks() === "half";
      const taken = half ? bytes.slice(0, bytes.length >> 1) : bytes;
      sent(taken.length);
      this.bytes.push(taken);
      this.offset += taken.length;
      if (half) throw new Problem(0, "no_answer", "", "");
      return this.reached;
    });
  }
  complete() {
    return this.ask(() => {
      expect(this.offset).toBe(this.size);
      return (this.done ??= "the upload");
    });
  }
  async wait(ms: number) {
    this.waited.push(ms);
  }
}

const file = (size: number): { blob: Blob; sum: (parts: readonly Uint8Array[]) => boolean } => {
  const all = new Uint8Array(size).map((_, at) => (at * 7 + (at >> 12)) & 255);
  return { blob: new Blob([all]), sum: (parts) => Buffer.compare(Buffer.concat(parts), Buffer.from(all)) === 0 };
};

describe("a file in pieces", () => {
  test("arrives whole and once, whatever breaks off", async () => {
    const { blob, sum } = file(205);
    await forAllTurns(async (random) => {
      const rolls = Array.from({ length: 9 }, () => random.below(9));
      let at = 0;
      const server = new Kept(blob.size, () => ({ 0: "before", 1: "after", 2: "busy", 3: "half" } as const)[rolls[at++] ?? 9] ?? null);
      const seen: number[] = [];
      expect(await sendInPieces(blob, server, (sent) => seen.push(sent), new AbortController().signal, 40)).toBe("the upload");
      expect(sum(server.bytes)).toBe(true);
      expect(seen.at(-1)).toBe(blob.size);
    });
  });

  test("begun before, it goes on and does not begin again; complete, it is only asked for", async () => {
    const { blob, sum } = file(170);
    const server = new Kept(blob.size, () => null);
    server.bytes.push(new Uint8Array(await blob.slice(0, 30).arrayBuffer()));
    server.offset = 30;
    await sendInPieces(blob, server, () => {}, new AbortController().signal, 40);
    expect(sum(server.bytes)).toBe(true);
    const sent = server.bytes.length;
    expect(await sendInPieces(blob, server, () => {}, new AbortController().signal, 40)).toBe("the upload");
    expect(server.bytes.length).toBe(sent);
  });

  test("a server that stays away, a refusal and a stop end it", async () => {
    const { blob } = file(100);
    const away = new Kept(100, () => "before");
    await expect(sendInPieces(blob, away, () => {}, new AbortController().signal, 40)).rejects.toMatchObject({ code: "busy" });
    expect(away.waited).toEqual([1000, 2000, 4000, 8000, 16000, 20000, 20000, 20000, 20000]);
    const refused = new Kept(100, () => { throw new Problem(422, "digest_mismatch", "", ""); });
    await expect(sendInPieces(blob, refused, () => {}, new AbortController().signal, 40)).rejects.toMatchObject({ code: "digest_mismatch" });
    expect(refused.waited).toEqual([]);
    const stopped = new Kept(100, () => "before");
    await expect(sendInPieces(blob, stopped, () => {}, AbortSignal.abort())).rejects.toMatchObject({ code: "busy" });
    expect(stopped.waited).toEqual([]);
  });

  test("a large file is sent so, with the server's offsets", async () => {
    const asked: string[] = [];
    const data = new Blob([new Uint8Array(PIECES_FROM)]);
    let offset = 3 * 2 ** 20; // of an earlier try with the same key
    const reached = () => ({ id: "0192f3a0-5d2c-7c41-9a3e-000000000000", file_name: "big.csv", size: data.size, offset, expires_at: null, upload_id: null });
    vi.stubGlobal("fetch", async (url: string, { method, body, headers }: { method: string; body: string; headers: Record<string, string> }) => {
      asked.push(`${method} ${url} ${body} ${headers["Idempotency-Key"] ?? ""}`);
      return new Response(JSON.stringify(url.endsWith("/complete") ? upload(new Random(1)) : reached()), { status: 201 });
    });
    vi.stubGlobal("XMLHttpRequest", class {
      upload = {};
      status = 200;
      response: unknown = null;
      at = "";
      onload: () => void = () => {};
      open(method: string, url: string) { this.at = `${method} ${url.slice(0, 21)}`; }
      setRequestHeader(name: string, value: string) { if (name === "Upload-Offset") this.at += ` from ${value}`; }
      send(piece: Blob) {
        asked.push(this.at);
        offset += piece.size;
        this.response = reached();
        queueMicrotask(() => this.onload());
      }
    });
    await sendUpload({ files: [{ name: "big.csv", data }], key: "k" }, () => {}, new AbortController().signal);
    vi.unstubAllGlobals();
    expect(asked).toEqual([
      `POST /v1/uploads/resumable {"file_name":"big.csv","size":${PIECES_FROM}} k`,
      `PATCH /v1/uploads/resumable from ${3 * 2 ** 20}`, `PATCH /v1/uploads/resumable from ${11 * 2 ** 20}`,
      "POST /v1/uploads/resumable/0192f3a0-5d2c-7c41-9a3e-000000000000/complete {} ",
    ]);
  });
});
