// SPDX-License-Identifier: Apache-2.0
// What an upload needs: as it was found, and as its owner says it is. What the owner said last counts (docs/api.md, analyses).
import type { Figures, Upload } from "../api/schema.ts";
import { modelError } from "./software.ts";

export const JOB_TYPES = [
  "mnist", "stable_diffusion", "video_generation", "image_generation", "object_detection", "segmentation", "image_classification", "llm_training", "llm_inference",
  "multimodal", "speech", "nlp", "reinforcement_learning", "graph", "recommendation", "timeseries", "tabular", "scientific", "data_processing", "custom",
] as const;

/** As the analysis found it; null while there is none. */
export function foundFigures(upload: Pick<Upload, "analysis">): Figures | null {
  const analysis = upload.analysis;
  if (analysis === null) return null;
  const { requirements: r, estimate } = analysis;
  return {
    job_type: analysis.job_type, device: r.device, gpus: r.gpus, vram_mib: r.vram_mib, tflops_milli: Math.round(r.tflops * 1000), ram_mib: r.ram_mib, storage_mib: r.storage_mib,
    p50_ms: Math.round(estimate.p50_seconds * 1000), p90_ms: Math.round(estimate.p90_seconds * 1000), packages: r.packages, model: r.model, image: r.image,
  };
}

/** What counts for matches and quotes. */
export const countingFigures = (upload: Pick<Upload, "analysis" | "override">): Figures | null => upload.override ?? foundFigures(upload);

export interface FigureForm {
  readonly job_type: string;
  readonly device: string;
  readonly vram: string; // GB
  readonly tflops: string;
  readonly ram: string; // GB
  readonly disk: string; // GB
  readonly p50: string; // minutes
  readonly p90: string;
  readonly packages: readonly string[];
  readonly model: string; // "": none
}

const digits = (value: number): string => String(Number(value.toFixed(3)));
export const formOf = (figures: Figures): FigureForm => ({
  job_type: figures.job_type, device: figures.device, vram: digits(figures.vram_mib / 1024), tflops: digits(figures.tflops_milli / 1000), ram: digits(figures.ram_mib / 1024),
  disk: digits(figures.storage_mib / 1024), p50: digits(figures.p50_ms / 60_000), p90: digits(figures.p90_ms / 60_000),
  packages: figures.packages, model: figures.model ?? "",
});

const NUMBERS = [["vram", "vram_mib", 1024], ["tflops", "tflops_milli", 1000], ["ram", "ram_mib", 1024], ["disk", "storage_mib", 1024], ["p50", "p50_ms", 60_000], ["p90", "p90_ms", 60_000]] as const;
const WORDS: Readonly<Record<string, string>> = { vram: "Video memory", tflops: "Compute", ram: "Memory", disk: "Disk", p50: "The likely time", p90: "The long time" };

/** What was changed against what counts now, and nothing else; or why it cannot be. */
export function changesOf(now: Figures, form: FigureForm): { changes: Partial<Figures>; error: string | null } {
  const before = formOf(now);
  const changes: Record<string, string | number | string[]> = {};
  if (form.job_type !== before.job_type) changes["job_type"] = form.job_type;
  if (form.device !== before.device) {
    changes["device"] = form.device;
    if (form.device === "gpu" && now.gpus === 0) changes["gpus"] = 1;
  }
  for (const [field, name, scale] of NUMBERS) {
    if (form[field] === before[field]) continue;
    const value = Number(form[field].replace(",", "."));
    if (form[field].trim() === "" || !Number.isFinite(value) || value < 0 || (value === 0 && (name === "p50_ms" || name === "p90_ms"))) {
      return { changes: {}, error: `${WORDS[field] ?? field} is a number${name.startsWith("p") ? " above 0" : ", 0 or more"}.` };
    }
    changes[name] = Math.round(value * scale);
  }
  if (form.packages.length !== now.packages.length || form.packages.some((name) => !now.packages.includes(name))) changes["packages"] = [...form.packages];
  const model = form.model.trim();
  const wrong = modelError(model);
  if (wrong !== null) return { changes: {}, error: wrong };
  if (model !== before.model) changes["model"] = model;
  const next = { ...now, ...changes } as Figures;
  if (next.p90_ms < next.p50_ms) return { changes: {}, error: "The long time is not shorter than the likely one." };
  return { changes: changes as Partial<Figures>, error: null };
}
