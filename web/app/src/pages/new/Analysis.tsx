// SPDX-License-Identifier: Apache-2.0
// What was read from a file, and from which words of it.
import type { Analysis, Upload } from "../../api/schema.ts";
import { bytes, durationRange, mib } from "../../lib/units.ts";
import { jobType, spaced } from "../../lib/words.ts";

export function needs(analysis: Analysis): [string, string][] {
  const { requirements: r } = analysis;
  const list: [string, string][] = [];
  if (r.device === "gpu") list.push(["GPU", r.gpus > 1 ? `${r.gpus} of them` : "one"]);
  else list.push(["Runs on", "a processor, no GPU needed"]);
  if (r.vram_mib > 0) list.push([r.device === "gpu" ? "Video memory" : "Video memory, if on a GPU", mib(r.vram_mib)]);
  if (r.tflops > 0) list.push(["Compute", `${r.tflops} TFLOPS`]);
  list.push(["Memory", mib(r.ram_mib)], ["Disk", mib(r.storage_mib)]);
  return list;
}

export function AnalysisCard({ upload }: { upload: Upload }) {
  const analysis = upload.analysis;
  if (analysis === null) return null;
  const { estimate, confidence } = analysis;
  return (
    <div className="analysis" data-testid="analysis">
      <p className="analysis-type">
        <b>{jobType(analysis.job_type)}</b>
        <span className="dim">{analysis.primary !== "none" && `${spaced(analysis.primary)}, `}{spaced(analysis.kind).toLowerCase()}, {bytes(upload.size)}, confidence {confidence.level}</span>
      </p>
      <dl className="facts-row">
        {needs(analysis).map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
        <div><dt>Likely takes</dt><dd>{durationRange(estimate.p50_seconds * 1000, estimate.p90_seconds * 1000)} <span className="dim">on {estimate.reference}</span></dd></div>
      </dl>
      <details>
        <summary>Why? {analysis.evidence.length} {analysis.evidence.length === 1 ? "finding" : "findings"}</summary>
        <ul className="evidence">
          {analysis.evidence.map((item, index) => (
            <li key={index}>
              <span>{item.claim}</span>
              <span className="dim mono">{item.line > 0 && `${item.file}:${item.line}`} {item.words}</span>
            </li>
          ))}
          <li><span>the time: {estimate.basis}</span></li>
        </ul>
      </details>
    </div>
  );
}
