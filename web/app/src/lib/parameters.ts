// SPDX-License-Identifier: Apache-2.0
// What of a program's arguments says how much work it is, in the names an estimate takes (docs/api.md, estimates).

import type { Schema } from "../api/contract.ts";

export type Parameters = Schema["EstimateSettings"];
const NAMES: Readonly<Record<string, keyof Parameters>> = {
  epochs: "epochs", "num-epochs": "epochs", rows: "rows", resolution: "resolution", "inference-steps": "inference_steps", "num-inference-steps": "inference_steps", images: "images",
  "num-images": "images", "max-steps": "max_steps", "batch-size": "batch_size", tokens: "tokens", "max-tokens": "tokens", "max-new-tokens": "tokens", model: "model",
};

/** `--epochs 5`, `--epochs=5`, `--batch_size 8`; what an estimate does not know is left out. */
export function parametersOf(args: readonly string[]): Parameters {
  const found: Parameters = {};
  args.forEach((word, index) => {
    const match = /^--([A-Za-z][\w-]*)(?:=(.*))?$/.exec(word);
    const name = NAMES[(match?.[1] ?? "").replaceAll("_", "-").toLowerCase()];
    const value = match?.[2] ?? args[index + 1];
    if (name === undefined || value === undefined || value === "") return;
    if (name === "model") {
      if (!value.startsWith("--")) found[name] = value;
    } else if (/^\d+(\.\d+)?$/.test(value) && Number(value) > 0 && Number(value) <= 1e12) found[name] = Number(value);
  });
  return found;
}
