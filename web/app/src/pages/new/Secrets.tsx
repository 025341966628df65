// SPDX-License-Identifier: Apache-2.0
// Variables that only the machine can read: sealed in the page when they are added. What was typed is kept nowhere.
import { useState } from "react";
import { newMatch, newQuote } from "../../api/routes.ts";
import { useAction } from "../../lib/action.ts";
import { useAsked } from "../../lib/asked.ts";
import { pricedSettings, type Draft } from "../../lib/drafts.ts";
import { sealTo } from "../../lib/sealing.ts";
import { nameError } from "../../lib/settings.ts";
import { Icon } from "../../parts/Icon.tsx";
import { ErrorPanel, Skeleton } from "../../parts/States.tsx";
import { Refusal } from "./Refusal.tsx";

/** The price of the draft's machine for what the job is started with; asked again, it is the same. */
export function useQuote(draft: Draft) {
  return useAsked({
    queryKey: ["quote", draft.upload, draft.quoteKey],
    // What the market was when this machine was chosen is recorded with the price. Asked again, both answer what they answered first.
    queryFn: async () => {
      const { id } = await newMatch(draft.upload, draft.settings, draft.matchKey);
      const settings = pricedSettings(draft.settings);
      return newQuote({ upload_id: draft.upload, offer_id: draft.offer ?? "", match_id: id, ...(draft.limitMs === undefined ? {} : { limit_ms: draft.limitMs }), ...(Object.keys(settings).length > 0 ? { settings } : {}) }, draft.quoteKey);
    },
    staleTime: Infinity, refetchInterval: false,
  });
}

/** The machine's key, which comes with any quote of it: one that the settings, still being typed, do not change. */
function useSealingKey(draft: Draft, enabled: boolean) {
  return useAsked({
    queryKey: ["sealing", draft.upload, draft.matchKey],
    queryFn: async () => (await newQuote({ upload_id: draft.upload, offer_id: draft.offer ?? "" }, draft.matchKey)).sealing_key,
    enabled, staleTime: Infinity, refetchInterval: false,
  });
}

type Sealed = Readonly<Record<string, string>>;

export function Secrets({ draft, taken, change }: { draft: Draft; taken: readonly string[]; change: (sealed: Sealed, key: string | undefined) => void }) {
  const sealed = draft.settings.sealed ?? {};
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const asked = useSealingKey(draft, open);
  const key = asked.data ?? null;
  const names = Object.keys(sealed);
  const wrong = name === "" ? null : (nameError(name) ?? ([...taken, ...names].includes(name) ? "A name is there twice." : null));
  const add = useAction({
    mutationFn: async (to: string) => change({ ...sealed, [name]: await sealTo(to, value) }, to),
    onSuccess: () => {
      setName("");
      setValue("");
    },
  });
  const remove = (which: string) => change(Object.fromEntries(Object.entries(sealed).filter(([each]) => each !== which)), draft.sealedTo);
  return (
    <fieldset>
      <legend>Secrets</legend>
      {names.map((each) => (
        <p key={each} className="sealed"><Icon name="lock" /><b className="mono">{each}</b><span className="dim small-text">sealed for this machine</span><button type="button" className="icon-button" aria-label={`Remove secret ${each}`} onClick={() => remove(each)}><Icon name="cross" /></button></p>
      ))}
      {!open ? <button type="button" className="small" onClick={() => setOpen(true)}><Icon name="lock" />Add a secret</button> : asked.isPending ? <Skeleton rows={1} height={32} /> : asked.isError ? <Refusal error={asked.error} upload={draft.upload} retry={() => void asked.refetch()} safe="Nothing was sent." /> : key === null ? (
        <p className="dim small-text">This machine has no key to seal secrets to. Another one may have.</p>
      ) : (
        <div className="variable">
          <input className="mono" aria-label="Name of the secret" placeholder="NAME" value={name} spellCheck={false} onChange={(event) => setName(event.target.value)} />
          <input className="mono" type="password" autoComplete="off" aria-label="Value of the secret" placeholder="value" value={value} onChange={(event) => setValue(event.target.value)} />
          <button type="button" disabled={name === "" || value === "" || wrong !== null || add.isPending} onClick={() => add.mutate(key)}>Seal</button>
        </div>
      )}
      {add.isError && <ErrorPanel error={add.error} safe="It was not kept." />}
      {!(open && asked.isSuccess && key === null) && <p className={wrong === null ? "dim small-text" : "field-error"} role={wrong === null ? undefined : "alert"}>{wrong ?? "Sealed in this page for the machine you chose: no server can read them, and this browser does not keep them. The machine's owner could."}</p>}
    </fieldset>
  );
}
