// SPDX-License-Identifier: Apache-2.0
// A job's settings as people type them, checked as the server does.
import type { Settings } from "../api/routes.ts";

const BYTES_MAX = 8192;
const ARGUMENTS_MAX = 64;
const VARIABLES_MAX = 254;
const PATH_BYTES_MAX = 200;
const IMAGE_BYTES_MAX = 255;

/** As a shell splits them: blanks part, quotes hold together. null: a quote is open. */
export function splitArguments(text: string): string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let quote = "";
  for (const letter of text) {
    if (quote !== "") {
      if (letter === quote) quote = "";
      else word += letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      word ??= "";
    } else if (/\s/.test(letter)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? "") + letter;
  }
  if (quote !== "") return null;
  if (word !== null) words.push(word);
  return words;
}

export const joinArguments = (list: readonly string[]): string =>
  list.map((word) => (word === "" || /[\s'"]/.test(word) ? (word.includes('"') ? `'${word}'` : `"${word}"`) : word)).join(" ");

/** What is wrong, by field; nothing is right. */
export function nameError(name: string): string | null {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,255}$/.test(name)) return `“${name}” is no variable's name: letters, digits and _, no digit first.`;
  return name.startsWith("TALLY_") ? "Names that begin with TALLY_ are the machine's own." : null;
}

/** A folder below the one that a job runs in; "" is the usual one. */
export function folderError(path: string): string | null {
  if (path.startsWith("/")) return "It begins where the job runs, without a / in front, as in out/model.";
  if (path.split("/").includes("..")) return "It stays below where the job runs: no .. in it.";
  if (/[\x00-\x1f\x7f\\]/.test(path)) return "No backslash and no control character.";
  if (path !== "" && path.split("/").some((part) => part === "" || part === ".")) return "Names with one / in between, as in out/model.";
  return new TextEncoder().encode(path).length > PATH_BYTES_MAX ? `At most ${PATH_BYTES_MAX} bytes.` : null;
}

/** As FROM has it; "" leaves the Dockerfile's. */
export function imageError(name: string): string | null {
  if (name === "" || (/^[\w./:@-]+$/.test(name) && !name.startsWith("-") && name.toLowerCase() !== "scratch" && name.length <= IMAGE_BYTES_MAX)) return null;
  return `“${name.slice(0, 40)}” is no image's name: at most ${IMAGE_BYTES_MAX} letters, digits and . _ - / : @, no - first, as in python:3.11-slim.`;
}

/** What the form for arguments and variables does not hold. */
export interface OtherSettings {
  readonly sealed?: Settings["sealed"] | undefined;
  readonly entry?: string | undefined;
  readonly results?: string | undefined;
  readonly image?: string | undefined;
  readonly network?: boolean | undefined;
}

export type SettingsErrors = Readonly<{ arguments?: string; environment?: string; results?: string; image?: string }>;

export function settingsErrors(args: string, variables: readonly (readonly [string, string])[], other: OtherSettings = {}): SettingsErrors {
  const errors: { -readonly [field in keyof SettingsErrors]: string } = {};
  const list = splitArguments(args);
  if (list === null) errors.arguments = "A quote is not closed.";
  else if (list.length > ARGUMENTS_MAX) errors.arguments = `At most ${ARGUMENTS_MAX} arguments.`;
  const used = variables.filter(([name, value]) => name !== "" || value !== "");
  const names = [...used.map(([name]) => name), ...Object.keys(other.sealed ?? {})];
  const bad = used.map(([name]) => nameError(name)).find((error) => error !== null);
  if (bad != null) errors.environment = bad;
  else if (new Set(names).size < names.length) errors.environment = "A name is there twice.";
  else if (names.length > VARIABLES_MAX) errors.environment = `At most ${VARIABLES_MAX} variables.`;
  const folder = folderError(other.results ?? "");
  if (folder !== null) errors.results = folder;
  const image = imageError(other.image ?? "");
  if (image !== null) errors.image = image;
  if (new TextEncoder().encode(JSON.stringify(settingsOf(args, variables, other))).length > BYTES_MAX) errors.arguments ??= `All settings together have at most ${BYTES_MAX} bytes.`;
  return errors;
}

export function settingsOf(args: string, variables: readonly (readonly [string, string])[], { sealed, entry, results, image, network }: OtherSettings = {}): Settings {
  const list = splitArguments(args) ?? [];
  const used = variables.filter(([name]) => name !== "");
  return {
    ...(list.length > 0 ? { arguments: list } : {}), ...(used.length > 0 ? { environment: Object.fromEntries(used) } : {}),
    ...(sealed !== undefined && Object.keys(sealed).length > 0 ? { sealed } : {}), ...(entry === undefined ? {} : { entry }),
    ...(results === undefined || results === "" ? {} : { results }), ...(image === undefined || image === "" ? {} : { image }), ...(network === true ? { network } : {}),
  };
}

/** What of its settings decides where a job may run. */
export const whereOf = ({ network, image }: Settings): { readonly network?: true; readonly image?: string } => ({ ...(network === true ? { network } : {}), ...(image === undefined ? {} : { image }) });
