// SPDX-License-Identifier: Apache-2.0
// What was read from a file, from which words of it, and what its owner says against it.
import { useState } from "react";
import type { Analysis, Figures, Upload } from "../../api/schema.ts";
import { countingFigures, foundFigures } from "../../lib/figures.ts";
import { byTelling, findingOf, packageName, type Needed } from "../../lib/software.ts";
import { bytes, durationRange, mib } from "../../lib/units.ts";
import { claimWords, jobType, named } from "../../lib/words.ts";
import { Age } from "../../parts/Age.tsx";
import { Icon } from "../../parts/Icon.tsx";
import { OverrideDialog } from "./Override.tsx";
import { placeOf, SourceDialog, type Finding } from "./Source.tsx";

export function needs(figures: Figures): [string, string][] {
  const list: [string, string][] = [];
  if (figures.device === "gpu") list.push(["GPU", figures.gpus > 1 ? `${figures.gpus} of them` : "one"]);
  else list.push(["Runs on", "a processor, no GPU needed"]);
  if (figures.vram_mib > 0) list.push([figures.device === "gpu" ? "Video memory" : "Video memory, if on a GPU", mib(figures.vram_mib)]);
  if (figures.tflops_milli > 0) list.push(["Compute", `${figures.tflops_milli / 1000} TFLOPS`]);
  list.push(["Memory", mib(figures.ram_mib)], ["Disk", mib(figures.storage_mib)]);
  list.push(["Likely takes", durationRange(figures.p50_ms, figures.p90_ms)]);
  return list;
}

const ROLES: Readonly<Record<string, string>> = { entry: "starts the job", used: "used by it", data: "data", unused: "comes along", rejected: "left out" };

function Files({ files }: { files: Analysis["files"] }) {
  return (
    <details open={files.length <= 8}>
      <summary>{files.length} files</summary>
      <ul className="bundle-files">
        {files.map((file) => (
          <li key={file.path} className={file.role === "rejected" ? "rejected" : ""}>
            <span className="mono">{file.path}</span><span className="dim">{ROLES[file.role] ?? file.role}, {bytes(file.size)}</span>
            {file.error !== null && <span className="field-error" role="alert">{file.error}</span>}
          </li>
        ))}
      </ul>
    </details>
  );
}

function Place({ upload, finding, open }: { upload: string; finding: Finding; open: (finding: Finding) => void }) {
  const line = placeOf(upload, finding);
  if (line > 0) return <button type="button" className="link mono" onClick={() => open(finding)}>{finding.file}:{line}</button>;
  return finding.line > 0 ? `${finding.file}:${finding.line}` : finding.file;
}

const neededBy = ({ packages, model, image }: Figures): Needed[] => [
  ...[...packages].sort(byTelling).map((name) => ({ kind: "package", name }) as const), ...(model === null ? [] : [{ kind: "model", name: model } as const]), ...(image === null ? [] : [{ kind: "image", name: image } as const]),
];
const neededWords = ({ kind, name }: Needed) => (kind === "package" ? <b>{packageName(name)}</b> : <span>{kind === "model" ? "the model " : "the image "}<b className="mono">{name}</b></span>);

/** What must lie on the machine before the job begins, each with what says so. */
function OnMachine({ upload, analysis, found, counting }: { upload: string; analysis: Analysis; found: Figures; counting: Figures }) {
  const [open, setOpen] = useState<Finding | null>(null);
  const needed = neededBy(counting);
  const isNeeded = ({ kind, name }: Needed) => needed.some((each) => each.kind === kind && each.name === name);
  const not = neededBy(found).filter((each) => !isNeeded(each));
  if (needed.length + not.length === 0) return null;
  return (
    <div className="on-machine" data-testid="on-machine">
      <p className="dim small-text">{needed.length > 0 ? "Must be on the machine" : "Needs nothing on the machine"}</p>
      {needed.length > 0 && (
        <ul>
          {needed.map((each) => {
            const finding = findingOf(each, analysis.evidence);
            return <li key={`${each.kind} ${each.name}`}>{neededWords(each)}<span className="dim small-text mono">{finding === undefined ? (neededBy(found).some((other) => other.kind === each.kind && other.name === each.name) ? "" : "as you said") : <Place upload={upload} finding={finding} open={setOpen} />}</span></li>;
          })}
        </ul>
      )}
      {not.length > 0 && <p className="dim small-text wrap">Found as well, and not needed as you said: {not.map(({ kind, name }) => (kind === "package" ? packageName(name) : `the ${kind} ${name}`)).join(", ")}</p>}
      {open !== null && <SourceDialog upload={upload} finding={open} onClose={() => setOpen(null)} />}
    </div>
  );
}

function Evidence({ upload, analysis }: { upload: string; analysis: Analysis }) {
  const [open, setOpen] = useState<Finding | null>(null);
  return (
    <details>
      <summary>Why? {analysis.evidence.length} {analysis.evidence.length === 1 ? "finding" : "findings"}</summary>
      <ul className="evidence">
        {analysis.evidence.map((item, index) => <li key={index}><span>{claimWords(item.claim)}</span><span className="dim mono"><Place upload={upload} finding={item} open={setOpen} /> {item.words}</span></li>)}
        <li><span>the time: {analysis.estimate.basis}, on {analysis.estimate.reference}</span></li>
      </ul>
      {open !== null && <SourceDialog upload={upload} finding={open} onClose={() => setOpen(null)} />}
    </details>
  );
}

/** `onOverride`: what is done when other figures count; without it they cannot be changed here. */
export function AnalysisCard({ upload, onOverride }: { upload: Upload; onOverride?: () => void }) {
  const [changing, setChanging] = useState(false);
  const analysis = upload.analysis;
  const found = foundFigures(upload);
  const counting = countingFigures(upload);
  if (analysis === null || found === null || counting === null) return null;
  const before = new Map(needs(found));
  return (
    <div className="analysis" data-testid="analysis">
      <p className="analysis-type">
        <b>{jobType(counting.job_type)}</b>
        <span className="dim">{analysis.primary !== "none" && `${named(analysis.primary)}, `}{named(analysis.kind)}, {bytes(upload.size)}, {upload.override === null ? `confidence ${analysis.confidence.level}` : `found: ${jobType(found.job_type).toLowerCase()}`}</span>
        {onOverride !== undefined && <button type="button" className="link small-text" onClick={() => setChanging(true)}>Not right? Change it…</button>}
      </p>
      <dl className="facts-row">
        {needs(counting).map(([name, value]) => (
          <div key={name}><dt>{name}</dt><dd>{value}{upload.override !== null && before.get(name) !== value && <span className="dim small-text"> (found {before.get(name) ?? "none"})</span>}</dd></div>
        ))}
      </dl>
      <OnMachine upload={upload.id} analysis={analysis} found={found} counting={counting} />
      {upload.override !== null && <p className="override-note"><Icon name="check" /><span>What you said <Age time={upload.override.at} /> counts{upload.override.reason != null && upload.override.reason !== "" && `: “${upload.override.reason}”`}.</span></p>}
      {analysis.files.length > 1 && <Files files={analysis.files} />}
      <Evidence upload={upload.id} analysis={analysis} />
      {changing && onOverride !== undefined && <OverrideDialog upload={upload} onClose={() => setChanging(false)} onDone={() => {
        setChanging(false);
        onOverride();
      }} />}
    </div>
  );
}
