// SPDX-License-Identifier: Apache-2.0
// What somebody has chosen in the wizard, kept in this browser under its upload: closing the tab loses nothing. Keys make requests that are
// repeated after a reload give the first answer again.
import type { Settings } from "../api/routes.ts";
import { whereOf } from "./settings.ts";
import { createStore } from "./store.ts";
import { load, names, save } from "./storage.ts";

export interface Draft {
  readonly upload: string;
  readonly name: string;
  readonly at: number;
  readonly matchKey: string;
  readonly offer?: string;
  readonly settings: Settings;
  /** The longest it may run; left out: by the estimate. */
  readonly limitMs?: number | undefined;
  /** The machine's key that `settings.sealed` is for. */
  readonly sealedTo?: string;
  readonly quoteKey: string;
  readonly jobKey: string;
  readonly job?: string;
}

const DRAFTS_KEPT = 20;
export const newKey = (): string => crypto.randomUUID();

function isDraft(value: unknown): value is Draft {
  const draft = value as Partial<Draft> | null;
  return (
    typeof draft === "object" && draft !== null && typeof draft.at === "number" && typeof draft.settings === "object" && draft.settings !== null &&
    [draft.upload, draft.name, draft.matchKey, draft.quoteKey, draft.jobKey].every((text) => typeof text === "string")
  );
}

/** Raised with every change, so that components read anew. */
export const draftsChanged = createStore(0);

export function draftOf(upload: string): Draft | null {
  const draft = load(`draft.${upload}`);
  return isDraft(draft) ? draft : null;
}

export function draftsKept(): Draft[] {
  return names("draft.").map(load).filter(isDraft).sort((a, b) => b.at - a.at);
}

export function keepDraft(draft: Draft): void {
  save(`draft.${draft.upload}`, { ...draft, at: Date.now() });
  for (const old of draftsKept().slice(DRAFTS_KEPT)) save(`draft.${old.upload}`, null);
  draftsChanged.set(draftsChanged.get() + 1);
}

export function forgetDraft(upload: string): void {
  save(`draft.${upload}`, null);
  draftsChanged.set(draftsChanged.get() + 1);
}

export const newDraft = (upload: string, name: string): Draft => ({
  upload, name, at: Date.now(), settings: {}, matchKey: newKey(), quoteKey: newKey(), jobKey: newKey(),
});

/** What of the settings a price depends on: what is sealed nobody can read, and where results go takes no time. */
export function pricedSettings({ sealed: _, results: _results, ...settings }: Settings): Settings {
  return settings;
}

/** Another machine is another quote, and so are other settings, which may take longer; the same may be asked for again. A quote has one job. */
export function withChoice(draft: Draft, change: { offer?: string; settings?: Settings; limitMs?: number | undefined; sealedTo?: string }): Draft {
  let next: Draft = { ...draft, ...change };
  if (change.offer !== undefined && change.offer !== draft.offer && next.settings.sealed !== undefined) {
    const { sealed: _sealed, ...settings } = next.settings; // another machine could not open them
    const { sealedTo: _to, ...without } = next;
    next = { ...without, settings };
  }
  const same = next.offer === draft.offer && next.limitMs === draft.limitMs && JSON.stringify(next.settings) === JSON.stringify(draft.settings);
  if (same) return next;
  const { job, ...without } = next;
  const isOther = next.offer !== draft.offer;
  const isElsewhere = isOther || JSON.stringify(whereOf(next.settings)) !== JSON.stringify(whereOf(draft.settings)); // the market is another one
  const isPriced = isOther || job !== undefined || next.limitMs !== draft.limitMs || JSON.stringify(pricedSettings(next.settings)) !== JSON.stringify(pricedSettings(draft.settings));
  return { ...without, ...(isElsewhere ? { matchKey: newKey() } : {}), ...(isPriced ? { quoteKey: newKey() } : {}), jobKey: newKey() };
}

/** What is asked for differs from what was quoted: everything that was asked is asked anew. */
export function anew(draft: Draft): Draft {
  const { job: _, ...without } = draft;
  return { ...without, matchKey: newKey(), quoteKey: newKey(), jobKey: newKey() };
}

export type Step = "upload" | "offers" | "settings" | "pay";
export const STEPS: readonly Step[] = ["upload", "offers", "settings", "pay"];

/** P10: the furthest step that this draft lets on to. */
export function furthest(draft: Draft | null): Step {
  if (draft === null) return "upload";
  return draft.offer === undefined ? "offers" : "pay";
}
export const mayEnter = (draft: Draft | null, step: Step): boolean => STEPS.indexOf(step) <= STEPS.indexOf(furthest(draft));
