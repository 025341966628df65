// SPDX-License-Identifier: Apache-2.0
// What the analysis got wrong, said by who knows better: it counts from then on, and is kept beside what was found, with the reason.
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { toast } from "sonner";
import { overrideAnalysis } from "../../api/routes.ts";
import type { Upload } from "../../api/schema.ts";
import { useAction } from "../../lib/action.ts";
import { newKey } from "../../lib/drafts.ts";
import { changesOf, countingFigures, foundFigures, formOf, JOB_TYPES, type FigureForm } from "../../lib/figures.ts";
import { byTelling, packageName } from "../../lib/software.ts";
import { jobType } from "../../lib/words.ts";
import { Curl } from "../../parts/Curl.tsx";
import { Dialog } from "../../parts/Dialog.tsx";
import { ErrorPanel } from "../../parts/States.tsx";

const NUMBERS: readonly (readonly [keyof FigureForm, string])[] = [
  ["vram", "Video memory, GB"], ["tflops", "Compute, TFLOPS"], ["ram", "Memory, GB"], ["disk", "Disk, GB"], ["p50", "Likely time, minutes"], ["p90", "Long time, minutes"],
];

/** What must lie on the machine. What was found stays in sight, so that what was taken out can be put back. */
function OnMachine({ form, found, image, set }: { form: FigureForm; found: readonly string[]; image: string | null; set: (change: Partial<FigureForm>) => void }) {
  const [known] = useState(() => [...new Set([...found, ...form.packages])].sort(byTelling));
  return (
    <fieldset className="stack">
      <legend>Must be on the machine</legend>
      {known.length > 0 && (
        <div className="packages" role="group" aria-label="Python packages">
          {known.map((name) => (
            <label key={name} className="check">
              <input type="checkbox" checked={form.packages.includes(name)} onChange={(event) => set({ packages: known.filter((each) => (each === name ? event.target.checked : form.packages.includes(each))) })} />{packageName(name)}
            </label>
          ))}
        </div>
      )}
      {image === null ? (
        <label>Model, as the machine calls it; empty for none<input className="mono" value={form.model} placeholder="none" maxLength={128} spellCheck={false} onChange={(event) => set({ model: event.target.value })} /></label>
      ) : <p className="dim small-text wrap">The image <span className="mono">{image}</span>; the settings may name another.</p>}
      <p className="dim small-text">A machine that lacks one of these is not offered. Take out what the program can do without.</p>
    </fieldset>
  );
}

export function OverrideDialog({ upload, onClose, onDone }: { upload: Upload; onClose: () => void; onDone: () => void }) {
  const now = countingFigures(upload);
  const [form, setForm] = useState<FigureForm | null>(now === null ? null : formOf(now));
  const [reason, setReason] = useState("");
  const key = useRef(newKey());
  const queries = useQueryClient();
  const save = useAction({
    mutationFn: (body: Record<string, unknown>) => overrideAnalysis(upload.id, body, key.current, upload.override?.sequence),
    onSuccess: ({ override }) => {
      queries.setQueryData(["upload", upload.id], { ...upload, override });
      void queries.invalidateQueries({ queryKey: ["matches", upload.id] });
      toast.success("What you said counts now");
      onDone();
    },
    onError: () => void (key.current = newKey()), // what is mended is another request
  });
  if (now === null || form === null) return null;
  const { changes, error } = changesOf(now, form);
  const set = (change: Partial<FigureForm>) => setForm({ ...form, ...change });
  return (
    <Dialog open onClose={onClose} title={`What ${upload.file_name} really needs`} wide>
      <form className="stack" onSubmit={(event) => {
        event.preventDefault();
        if (error === null) save.mutate({ ...changes, ...(reason.trim() === "" ? {} : { reason: reason.trim() }) });
      }}>
        <p className="prose dim">What you say here counts for offers and prices instead of what was found. Both stay on record; the time is on an RTX 3090, or one processor core.</p>
        <div className="figures">
          <label>Type of job<select value={form.job_type} onChange={(event) => set({ job_type: event.target.value })}>{JOB_TYPES.map((each) => <option key={each} value={each}>{jobType(each)}</option>)}</select></label>
          <label>Runs on<select value={form.device} onChange={(event) => set({ device: event.target.value })}><option value="gpu">a GPU</option><option value="cpu">a processor</option></select></label>
          {NUMBERS.map(([name, label]) => <label key={name}>{label}<input className="mono" inputMode="decimal" value={form[name]} onChange={(event) => set({ [name]: event.target.value })} /></label>)}
        </div>
        <OnMachine form={form} found={foundFigures(upload)?.packages ?? []} image={now.image} set={set} />
        <label>Why, for the record (optional; only you see it)<input value={reason} maxLength={200} onChange={(event) => setReason(event.target.value)} /></label>
        {error !== null && <p className="field-error" role="alert">{error}</p>}
        {save.isError && <ErrorPanel error={save.error} safe="Nothing was changed." />}
        <p className="actions">
          <Curl of={{ path: `/v1/analyses/${upload.id}/override`, method: "POST", body: { ...changes, ...(reason.trim() === "" ? {} : { reason: reason.trim() }) } }} />
          <button type="button" onClick={onClose}>Leave it</button>
          <button type="submit" className="primary" disabled={error !== null || Object.keys(changes).length === 0 || save.isPending}>{save.isPending ? "Saving…" : "This counts"}</button>
        </p>
      </form>
    </Dialog>
  );
}
