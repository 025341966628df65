// SPDX-License-Identifier: Apache-2.0
// Step 3: what the program is given. All of it may be left out.
import { Link, Navigate, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTitle } from "../../frame/title.ts";
import { keepDraft, mayEnter, withChoice, type Draft } from "../../lib/drafts.ts";
import { joinArguments, settingsErrors, settingsOf } from "../../lib/settings.ts";
import { Icon } from "../../parts/Icon.tsx";
import { SignedIn } from "../SignedIn.tsx";
import { StepBody, Steps } from "./Steps.tsx";
import { useDraft } from "./useDraft.ts";

type Variables = readonly (readonly [string, string])[];

function Form({ draft }: { draft: Draft }) {
  const navigate = useNavigate();
  const [args, setArgs] = useState(joinArguments(draft.settings.arguments ?? []));
  const [variables, setVariables] = useState<Variables>(Object.entries(draft.settings.environment ?? {}));
  const errors = settingsErrors(args, variables);
  const wrong = errors.arguments !== undefined || errors.environment !== undefined;
  // Kept with every letter that is right: leaving the step, or the page, loses nothing (P11).
  const take = (nextArgs: string, nextVariables: Variables) => {
    setArgs(nextArgs);
    setVariables(nextVariables);
    const bad = settingsErrors(nextArgs, nextVariables);
    if (bad.arguments === undefined && bad.environment === undefined) keepDraft(withChoice(draft, { settings: settingsOf(nextArgs, nextVariables) }));
  };
  const set = (index: number, change: readonly [string, string]) => take(args, variables.map((pair, at) => (at === index ? change : pair)));
  return (
    <form className="card stack" onSubmit={(event) => {
      event.preventDefault();
      if (!wrong) void navigate({ to: "/new/$upload/pay", params: { upload: draft.upload } });
    }}>
      <label>Arguments
        <input className="mono" value={args} placeholder="--epochs 5" spellCheck={false} onChange={(event) => take(event.target.value, variables)} aria-invalid={errors.arguments !== undefined} aria-describedby="arguments-note" />
      </label>
      <p id="arguments-note" className={errors.arguments === undefined ? "dim small-text" : "field-error"}>{errors.arguments ?? "Given to the program as on a command line."}</p>
      <fieldset>
        <legend>Environment variables</legend>
        {variables.map(([name, value], index) => (
          <div key={index} className="variable">
            <input className="mono" aria-label={`Name of variable ${index + 1}`} placeholder="NAME" value={name} spellCheck={false} onChange={(event) => set(index, [event.target.value, value])} />
            <input className="mono" aria-label={`Value of variable ${index + 1}`} placeholder="value" value={value} spellCheck={false} onChange={(event) => set(index, [name, event.target.value])} />
            <button type="button" className="icon-button" aria-label={`Remove variable ${index + 1}`} onClick={() => take(args, variables.filter((_, at) => at !== index))}><Icon name="cross" /></button>
          </div>
        ))}
        <button type="button" className="small" onClick={() => setVariables([...variables, ["", ""]])}><Icon name="new" />Add a variable</button>
        <p className={errors.environment === undefined ? "dim small-text" : "field-error"} role={errors.environment === undefined ? undefined : "alert"}>
          {errors.environment ?? "The machine's owner can read them, and they are kept with the job: put no password here."}
        </p>
      </fieldset>
      <p className="actions">
        <Link to="/new/$upload/offers" params={{ upload: draft.upload }} className="button">Back</Link>
        <button type="submit" className="primary" disabled={wrong}>{args === "" && variables.length === 0 ? "Skip to payment" : "To payment"}<Icon name="arrow" /></button>
      </p>
    </form>
  );
}

export function SettingsStep() {
  const { upload } = useParams({ from: "/new/$upload/settings" });
  const { draft } = useDraft(upload);
  useTitle("New job", draft.name === "" ? "New job" : `Settings of ${draft.name}`);
  if (!mayEnter(draft, "settings")) return <Navigate to="/new/$upload/offers" params={{ upload }} replace />;
  return (
    <div className="page wizard">
      <h1>{draft.name || "New job"}</h1>
      <Steps at="settings" draft={draft} />
      <StepBody><SignedIn to="go on"><Form key={upload} draft={draft} /></SignedIn></StepBody>
    </div>
  );
}
