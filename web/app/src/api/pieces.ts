// SPDX-License-Identifier: Apache-2.0
// A large file in pieces, which goes on where it was broken off: by the line, by the server's restart, or by "Try again" with the same key.
// What the server has is asked of it, never counted here (docs/api.md, Uploads in pieces).
import { Problem } from "./client.ts";

/** Smaller ones go in one request. */
export const PIECES_FROM = 16 * 2 ** 20;
const PIECE = 8 * 2 ** 20;
/** In a row, without getting on; with the pauses between them some two minutes. */
const TRIES = 10;

export interface Reached {
  readonly id: string;
  readonly size: number;
  readonly offset: number;
  /** Not null: it is complete. */
  readonly upload_id: string | null;
}
export interface Server<Upload> {
  begin(): Promise<Reached>;
  look(id: string): Promise<Reached>;
  /** One piece; the sum of what has gone of it, meanwhile. */
  send(id: string, offset: number, piece: Blob, sent: (bytes: number) => void): Promise<Reached>;
  complete(id: string): Promise<Upload>;
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** Whether the same again may succeed: no answer, too much at once, or somebody else's piece. */
const isPassing = (problem: unknown): boolean =>
  problem instanceof Problem && problem.code !== "aborted" && (problem.mayRetry || problem.code === "upload_busy" || problem.code === "upload_offset");

export async function sendInPieces<Upload>(data: Blob, server: Server<Upload>, onProgress: (sent: number) => void, signal: AbortSignal, size = PIECE): Promise<Upload> {
  let failed = 0;
  const patiently = async <T>(act: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await act();
      } catch (problem) {
        if (signal.aborted || !isPassing(problem) || ++failed >= TRIES) throw problem;
        await server.wait(Math.min(1000 * 2 ** (failed - 1), 20_000), signal);
      }
    }
  };
  let reached = await patiently(() => server.begin());
  const { id } = reached;
  while (reached.upload_id === null && reached.offset < reached.size) {
    const { offset } = reached;
    onProgress(offset);
    reached = await patiently(async () => {
      const now = failed === 0 ? reached : await server.look(id); // after a failure only the server knows how far it is
      if (now.upload_id !== null || now.offset === now.size) return now;
      return server.send(id, now.offset, data.slice(now.offset, now.offset + size), (sent) => onProgress(now.offset + sent));
    });
    if (reached.offset > offset) failed = 0;
  }
  onProgress(reached.size);
  return patiently(() => server.complete(id));
}
