// SPDX-License-Identifier: Apache-2.0
// What a machine has and a job needs to find there, by name (core/base/software.h): Python packages by the name they are imported under, models, images.

/** As their makers write them; in the order in which they tell most about a machine. What is not here has the name it is imported under. */
const NAMES: Readonly<Record<string, string>> = {
  python: "Python", torch: "PyTorch", tensorflow: "TensorFlow", jax: "JAX", diffusers: "diffusers", transformers: "transformers", vllm: "vLLM", lightning: "Lightning", keras: "Keras",
  sklearn: "scikit-learn", xgboost: "XGBoost", lightgbm: "LightGBM", catboost: "CatBoost", cupy: "CuPy", cudf: "cuDF", cuml: "cuML", numba: "Numba", onnxruntime: "ONNX Runtime", tensorrt: "TensorRT",
  paddle: "PaddlePaddle", mxnet: "MXNet", flax: "Flax", onnx: "ONNX", pytorch_lightning: "PyTorch Lightning", torchvision: "torchvision", torchaudio: "torchaudio", torchmetrics: "TorchMetrics",
  torch_geometric: "PyTorch Geometric", timm: "timm", ultralytics: "Ultralytics", whisper: "Whisper", sentence_transformers: "Sentence Transformers", accelerate: "Accelerate", peft: "PEFT", trl: "TRL",
  datasets: "Datasets", bitsandbytes: "bitsandbytes", deepspeed: "DeepSpeed", xformers: "xFormers", fastai: "fastai", stable_baselines3: "Stable-Baselines3", gymnasium: "Gymnasium", gym: "Gym",
  numpy: "NumPy", pandas: "pandas", scipy: "SciPy", polars: "Polars", pyarrow: "PyArrow", cv2: "OpenCV", PIL: "Pillow", skimage: "scikit-image", matplotlib: "Matplotlib", spacy: "spaCy", nltk: "NLTK",
};
const ORDER = new Map(Object.keys(NAMES).map((name, place) => [name, place]));
const placeOf = (name: string): number => ORDER.get(name) ?? ORDER.size;

export const packageName = (name: string): string => (Object.hasOwn(NAMES, name) ? (NAMES[name] ?? name) : name);
export const byTelling = (a: string, b: string): number => placeOf(a) - placeOf(b) || (a < b ? -1 : a > b ? 1 : 0);

/** "2.1" of "2.1.0+cu121". */
export const shortVersion = (version: string): string => /^\d+\.\d+/.exec(version)?.[0] ?? version;

export interface Package {
  readonly name: string;
  readonly version: string;
}
/** What tells most comes first. */
export const packagesOf = (packages: Readonly<Record<string, string>>): Package[] => Object.keys(packages).sort(byTelling).map((name) => ({ name, version: packages[name] ?? "" }));

const SHOWN = 3;
/** The first few, and how many more there are: one that is left over is shown, too. */
export function few<T>(list: readonly T[]): { readonly shown: readonly T[]; readonly more: number } {
  const shown = list.length === SHOWN + 1 ? list : list.slice(0, SHOWN);
  return { shown, more: list.length - shown.length };
}

/** An image by the one name that all its spellings have, as software_image_name; null: no name, or one by digest, which names no tag to compare. */
export function imageName(image: string): string | null {
  const name = image.replace(/^(docker\.io\/library\/|docker\.io\/|localhost\/)/, "");
  if (image.includes("@") || /^(-|scratch$|$)/i.test(name)) return null;
  return name.slice(name.lastIndexOf("/") + 1).includes(":") ? name : `${name}:latest`;
}

const MODEL_BYTES_MAX = 128;
/** As a hub or a folder has it; "" is none. */
export function modelError(name: string): string | null {
  if (name === "" || (name.length <= MODEL_BYTES_MAX && /^(?!\.)[\w.-]+(\/(?!\.)[\w.-]+)?$/.test(name))) return null;
  return `“${name.slice(0, 40)}” is no model's name: one or two parts of letters, digits and . _ -, with one / between, as in stabilityai/sd-turbo; at most ${MODEL_BYTES_MAX}.`;
}

export interface Needed {
  readonly kind: "package" | "model" | "image";
  readonly name: string;
}
/** The finding that says so. */
export function findingOf<F extends { readonly claim: string }>({ kind, name }: Needed, evidence: readonly F[]): F | undefined {
  const says = `requirements: needs ${kind === "package" ? "" : `the ${kind} `}${name}`;
  return evidence.find(({ claim }) => claim === says || claim.startsWith(`${says},`)); // "…, which executes notebooks"
}
