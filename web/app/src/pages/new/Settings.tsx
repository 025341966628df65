// SPDX-License-Identifier: Apache-2.0
// Step 3: what the program is given. All of it may be left out.
import { Link, Navigate, useNavigate, useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { getMarket } from "../../api/account.ts";
import type { Upload } from "../../api/schema.ts";
import { useTitle } from "../../frame/title.ts";
import { useAsked } from "../../lib/asked.ts";
import { keepDraft, mayEnter, withChoice, type Draft } from "../../lib/drafts.ts";
import { limitOf, MINUTES_MAX } from "../../lib/limit.ts";
import { parametersOf } from "../../lib/parameters.ts";
import { joinArguments, settingsErrors, settingsOf, type OtherSettings } from "../../lib/settings.ts";
import { imageName } from "../../lib/software.ts";
import { Icon } from "../../parts/Icon.tsx";
import { SignedIn } from "../SignedIn.tsx";
import { EstimatePanel } from "./Estimate.tsx";
import { Secrets } from "./Secrets.tsx";
import { StepBody, Steps } from "./Steps.tsx";
import { useDraft } from "./useDraft.ts";

type Variables = readonly (readonly [string, string])[];

/** Off unless asked for here and allowed by whoever owns the machine. */
function NetworkChoice({ draft, asked, refused, change }: { draft: Draft; asked: boolean; refused: boolean; change: (asked: boolean) => void }) {
  return (
    <fieldset>
      <legend>Network</legend>
      <label className="check"><input type="checkbox" checked={asked} disabled={refused && !asked} onChange={(event) => change(event.target.checked)} aria-describedby="network-note" />Let the program reach the Internet</label>
      <p id="network-note" className={refused && asked ? "field-error" : "dim small-text"} role={refused && asked ? "alert" : undefined}>
        {refused
          ? <>The owner of this machine gives jobs no network. <Link to="/new/$upload/offers" params={{ upload: draft.upload }}>Choose another machine</Link> if the program needs one{asked ? ", or do without" : ""}.</>
          : "Off, the program reaches nothing but its own files. On, it reaches public addresses by IPv4, and never the machine's own network. Whoever it talks to sees the machine's address."}
      </p>
    </fieldset>
  );
}

function Form({ draft, upload }: { draft: Draft; upload: Upload | undefined }) {
  const navigate = useNavigate();
  const [args, setArgs] = useState(joinArguments(draft.settings.arguments ?? []));
  const [variables, setVariables] = useState<Variables>(Object.entries(draft.settings.environment ?? {}));
  const [image, setImage] = useState(draft.settings.image ?? "");
  const [results, setResults] = useState(draft.settings.results ?? "");
  const [minutes, setMinutes] = useState(draft.limitMs === undefined ? "" : String(draft.limitMs / 60_000));
  const other: OtherSettings = { sealed: draft.settings.sealed, entry: draft.settings.entry, results, image, network: draft.settings.network };
  const market = useAsked({ queryKey: ["offers", "all"], queryFn: ({ signal }) => getMarket(signal) });
  const machine = market.data?.find((offer) => offer.id === draft.offer);
  const refused = machine?.network_allowed === false;
  const errors = settingsErrors(args, variables, other);
  const listed = image === "" || errors.image !== undefined ? null : imageName(image);
  const isLacking = machine !== undefined && listed !== null && !machine.images.includes(listed);
  const limit = limitOf(minutes);
  const wrong = limit === null || Object.keys(errors).length > 0 || (refused && other.network === true);
  // Kept with every letter that is right: leaving the step, or the page, loses nothing (P11).
  const take = (nextArgs: string, nextVariables: Variables, next: OtherSettings = other, sealedTo?: string) => {
    setArgs(nextArgs);
    setVariables(nextVariables);
    setResults(next.results ?? "");
    setImage(next.image ?? "");
    const bad = settingsErrors(nextArgs, nextVariables, next);
    if (Object.keys(bad).length === 0) keepDraft(withChoice(draft, { settings: settingsOf(nextArgs, nextVariables, next), ...(sealedTo === undefined ? {} : { sealedTo }) }));
  };
  const takeMinutes = (text: string) => {
    setMinutes(text);
    const next = limitOf(text);
    if (next !== null) keepDraft(withChoice(draft, { limitMs: next }));
  };
  const set = (index: number, change: readonly [string, string]) => take(args, variables.map((pair, at) => (at === index ? change : pair)));
  const analysis = upload?.analysis;
  const entries = analysis?.kind === "bundle" ? analysis.files.filter((file) => file.kind === "python" && file.role !== "rejected") : [];
  const given = new Set([...variables.map(([name]) => name), ...Object.keys(draft.settings.sealed ?? {})]);
  const asked = (analysis?.environment ?? []).filter((each) => !given.has(each.name));
  return (
    <form className="card stack" onSubmit={(event) => {
      event.preventDefault();
      if (!wrong) void navigate({ to: "/new/$upload/pay", params: { upload: draft.upload } });
    }}>
      <label>Arguments
        <input className="mono" value={args} placeholder="--epochs 5" spellCheck={false} onChange={(event) => take(event.target.value, variables)} aria-invalid={errors.arguments !== undefined} aria-describedby="arguments-note" />
      </label>
      <p id="arguments-note" className={errors.arguments === undefined ? "dim small-text" : "field-error"}>{errors.arguments ?? "Given to the program as on a command line."}</p>
      {entries.length > 1 && (
        <label>Starts with
          <select className="mono" value={draft.settings.entry ?? analysis?.entry ?? ""} onChange={(event) => take(args, variables, { ...other, entry: event.target.value === analysis?.entry ? undefined : event.target.value })}>
            {entries.map((file) => <option key={file.path} value={file.path}>{file.path}</option>)}
          </select>
        </label>
      )}
      <fieldset>
        <legend>Environment variables</legend>
        {variables.map(([name, value], index) => (
          <div key={index} className="variable">
            <input className="mono" aria-label={`Name of variable ${index + 1}`} placeholder="NAME" value={name} spellCheck={false} onChange={(event) => set(index, [event.target.value, value])} />
            <input className="mono" aria-label={`Value of variable ${index + 1}`} placeholder="value" value={value} spellCheck={false} onChange={(event) => set(index, [name, event.target.value])} />
            <button type="button" className="icon-button" aria-label={`Remove variable ${index + 1}`} onClick={() => take(args, variables.filter((_, at) => at !== index))}><Icon name="cross" /></button>
          </div>
        ))}
        {asked.length > 0 && (
          <p className="dim small-text asked">The program reads{asked.map((each) => (
            <button key={each.name} type="button" className="small mono" title={`${each.file}, line ${each.line}`} onClick={() => setVariables([...variables, [each.name, ""]])}>{each.name}{each.needed ? ", without a default" : ""}</button>
          ))}</p>
        )}
        <button type="button" className="small" onClick={() => setVariables([...variables, ["", ""]])}><Icon name="new" />Add a variable</button>
        <p className={errors.environment === undefined ? "dim small-text" : "field-error"} role={errors.environment === undefined ? undefined : "alert"}>
          {errors.environment ?? "The machine's owner can read them, and they are kept with the job. What must stay secret goes below."}
        </p>
      </fieldset>
      {analysis?.kind === "dockerfile" && (
        <>
          <label>Image
            <input className="mono" value={image} placeholder="as the Dockerfile says" spellCheck={false} onChange={(event) => take(args, variables, { ...other, image: event.target.value })} aria-invalid={errors.image !== undefined} aria-describedby="image-note" />
          </label>
          <p id="image-note" className={errors.image === undefined && !isLacking ? "dim small-text" : "field-error"} role={errors.image === undefined && !isLacking ? undefined : "alert"}>
            {errors.image ?? (isLacking ? <>This machine does not have it. <Link to="/new/$upload/offers" params={{ upload: draft.upload }}>Choose another machine</Link>, or name another image.</> : "In place of the one that FROM names. It must be on the machine: none is fetched.")}
          </p>
        </>
      )}
      <label>Output folder
        <input className="mono" value={results} placeholder="results" spellCheck={false} onChange={(event) => take(args, variables, { ...other, results: event.target.value })} aria-invalid={errors.results !== undefined} aria-describedby="results-note" />
      </label>
      <p id="results-note" className={errors.results === undefined ? "dim small-text" : "field-error"} role={errors.results === undefined ? undefined : "alert"}>{errors.results ?? "What the program leaves there is kept for you when it ends. The folder is there when it starts, also as $TALLY_RESULTS."}</p>
      <label>Longest run, in minutes
        <input inputMode="numeric" value={minutes} placeholder="as estimated, with a margin" onChange={(event) => takeMinutes(event.target.value)} aria-invalid={limit === null} aria-describedby="minutes-note" />
      </label>
      <p id="minutes-note" className={limit === null ? "field-error" : "dim small-text"} role={limit === null ? "alert" : undefined}>{limit === null ? `A whole number of minutes, 1 to ${MINUTES_MAX}, or nothing.` : "Then it is stopped, and what it has left is kept. You lock what that long costs; what is not used comes back."}</p>
      <NetworkChoice draft={draft} asked={other.network === true} refused={refused} change={(network) => take(args, variables, { ...other, network })} />
      <Secrets draft={draft} taken={variables.map(([name]) => name)} change={(sealed, key) => take(args, variables, { ...other, sealed }, key)} />
      <p className="actions">
        <Link to="/new/$upload/offers" params={{ upload: draft.upload }} className="button">Back</Link>
        <button type="submit" className="primary" disabled={wrong}>{args === "" && results === "" && image === "" && minutes === "" && variables.length === 0 && Object.keys(draft.settings).length === 0 ? "Skip to payment" : "To payment"}<Icon name="arrow" /></button>
      </p>
    </form>
  );
}

function Both({ draft, upload }: { draft: Draft; upload: Upload | undefined }) {
  const parameters = useMemo(() => parametersOf(draft.settings.arguments ?? []), [draft.settings.arguments]);
  return (
    <div className="settings">
      <Form key={draft.upload} draft={draft} upload={upload} />
      <EstimatePanel upload={draft.upload} offer={draft.offer ?? ""} parameters={parameters} />
    </div>
  );
}

export function SettingsStep() {
  const { upload } = useParams({ from: "/new/$upload/settings" });
  const { draft, upload: known } = useDraft(upload);
  useTitle("New job", draft.name === "" ? "New job" : `Settings of ${draft.name}`);
  if (!mayEnter(draft, "settings")) return <Navigate to="/new/$upload/offers" params={{ upload }} replace />;
  return (
    <div className="page wizard">
      <h1>{draft.name || "New job"}</h1>
      <Steps at="settings" draft={draft} />
      <StepBody><SignedIn to="go on"><Both draft={draft} upload={known.data} /></SignedIn></StepBody>
    </div>
  );
}
