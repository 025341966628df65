// SPDX-License-Identifier: Apache-2.0
// The ledger's words in people's words. An unknown word is shown as it is.
import type { Fit } from "../api/schema.ts";
import { packageName } from "./software.ts";
import type { Tone } from "../parts/StatusPill.tsx";
import type { IconName } from "../parts/Icon.tsx";

export const spaced = (word: string): string => {
  const text = word.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};

const NAMES: Readonly<Record<string, string>> = {
  pytorch: "PyTorch", tensorflow: "TensorFlow", keras: "Keras", jax: "JAX", mxnet: "MXNet", paddle: "PaddlePaddle", caffe: "Caffe", theano: "Theano", sklearn: "scikit-learn", xgboost: "XGBoost",
  rapids: "RAPIDS", cupy: "CuPy", numba: "Numba", onnx: "ONNX", tensorrt: "TensorRT", kaldi: "Kaldi", python: "Python", dockerfile: "Dockerfile",
};
/** What has a name is written as its makers write it. */
export const named = (word: string): string => NAMES[word] ?? word.replaceAll("_", " ");

const JOB_TYPES: Readonly<Record<string, string>> = {
  mnist: "Training (MNIST)", stable_diffusion: "Image generation (Stable Diffusion)", llm_training: "Language-model training",
  llm_inference: "Language-model inference", nlp: "Language processing", custom: "Custom program",
};
export const jobType = (word: string): string => JOB_TYPES[word] ?? spaced(word);
/** A finding in the server's words, but for its names of job types, frameworks and packages. */
export const claimWords = (claim: string): string =>
  claim.replace(/^(job type|framework|requirements: needs) (\w+)/, (_, what: string, word: string) => `${what} ${what === "framework" ? named(word) : what === "job type" ? jobType(word).toLowerCase() : packageName(word)}`);

export const FIT: Readonly<Record<Fit, { word: string; tone: Tone; icon: IconName }>> = {
  recommended: { word: "Fits well", tone: "done", icon: "check" },
  compatible: { word: "Fits", tone: "done", icon: "check" },
  borderline: { word: "Tight", tone: "waiting", icon: "half" },
  insufficient: { word: "Does not fit", tone: "failed", icon: "cross" },
};

/** How a job may end, and what it says about the money. */
export const ENDINGS: readonly (readonly [string, string])[] = [
  ["completed", "It finishes"],
  ["cap_reached", "It reaches the paid limit and is stopped; results so far are kept"],
  ["cancelled_running", "You cancel while it runs"],
  ["cancelled_before_start", "You cancel before it starts"],
  ["program_failed", "Your program fails; its output stays readable, results are withheld"],
  ["worker_lost", "The machine is lost"],
  ["host_fault", "The machine cannot run it"],
  ["no_worker", "No machine takes it"],
];

const REASONS: Readonly<Record<string, string>> = {
  exited_zero: "the program ended by itself, with success",
  exited_nonzero: "the program ended with an error",
  killed_by_signal: "the program was killed by a signal",
  out_of_memory: "the program ran out of memory",
  paid_limit: "the time that was paid for was over",
  cancelled_by_consumer: "cancelled by its owner",
  lease_expired: "the machine was silent for too long",
  start_timeout: "no machine started it in time",
  queue_timeout: "no machine took it in time",
  sandbox_failed: "the machine could not prepare the sandbox",
  worker_stopped: "the machine was stopped",
  lock_expired: "no lock was seen in time",
  input_missing: "the uploaded file could not be fetched",
};
export const reason = (word: string | null): string => (word === null ? "" : (REASONS[word] ?? spaced(word).toLowerCase()));
