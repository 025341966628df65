// SPDX-License-Identifier: Apache-2.0
// What the page does, as a command for a terminal. The token stays out of it: whoever pastes the command brings an own one.

/** One word for a POSIX shell, whatever is in it. */
export const shellWord = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export interface CurlOf {
  readonly path: string;
  readonly method?: "GET" | "POST" | "DELETE";
  readonly body?: unknown;
  readonly key?: string;
  /** A file that is sent, by name. */
  readonly file?: string;
}

export function curlOf(origin: string, { path, method = "GET", body, key, file }: CurlOf): string {
  return ["curl", ...(method === "GET" || body !== undefined || file !== undefined ? [] : ["-X", method]), '-H "Authorization: Bearer $TOKEN"',
    ...(key === undefined ? [] : ["-H", shellWord(`Idempotency-Key: ${key}`)]),
    ...(body === undefined ? [] : ["-H 'Content-Type: application/json'", "-d", shellWord(JSON.stringify(body))]),
    ...(file === undefined ? [] : ["-H 'Content-Type: application/octet-stream'", "--data-binary", shellWord(`@${file}`)]),
    shellWord(origin + path)].join(" ");
}
