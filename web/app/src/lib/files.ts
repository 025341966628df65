// SPDX-License-Identifier: Apache-2.0
// What can be told of a file before it is sent (P1, P5, P6, P57). Whether it can really run is for the server to say: it reads it.
import { bytes } from "./units.ts";

const ENDINGS = [".py", ".ipynb", ".sh", ".txt", ".yml", ".yaml", ".csv", ".tsv", ".json", ".jsonl", ".npy", ".npz", ".parquet", ".zip", ".tar", ".gz", ".bz2", ".xz", ".zst", ".tgz", ".png", ".jpg", ".jpeg"];
const NAMES = /^(dockerfile|.*\.dockerfile)$/i;
export const SUPPORTED = "Python (.py), notebooks (.ipynb), Dockerfile, compose and environment files, shell scripts, data sets (.csv .tsv .json .jsonl .npy, images) and archives of them (.zip .tar .gz)";

/** As it lies in the folder that was dropped, or its name alone. */
export const pathOf = (file: File): string => (file.webkitRelativePath || (file as { path?: string }).path || file.name).replace(/^(\.?\/)+/, "");

/** The server asks which file starts the job, and names those it could be. */
export function entryChoices(detail: string): string[] {
  const named = /which file starts the job\? It could be (.+?)(?: or one of \d+ more)?; name one/.exec(detail)?.[1];
  return named === undefined ? [] : named.split(", ").filter((name) => name !== "");
}

/** Why not, or null. */
export function refusal(file: { name: string; size: number }, sizeMax: number | null): string | null {
  const name = file.name.toLowerCase();
  if (!NAMES.test(name) && !ENDINGS.some((ending) => name.endsWith(ending))) return `This kind of file cannot be a job. Supported: ${SUPPORTED}.`;
  if (file.size === 0) return "This file is empty.";
  if (sizeMax !== null && file.size > sizeMax) return `This file has ${bytes(file.size)}; at most ${bytes(sizeMax)} can be sent.`;
  return null;
}
