# SPDX-License-Identifier: Apache-2.0
"""Stable Diffusion with diffusers: a picture for each prompt, from a model that lies on the machine (a job has no network).

    stable-diffusion.py --prompt "a lighthouse in a storm" [--prompt …] [--model FOLDER] [--steps 30] [--size 512] [--seed 1]

The model is a folder as diffusers saves it (model_index.json in it): FOLDER, or $TALLY_MODEL, or the first that is found below /usr/share/models.
What is missing is said at once, before a minute is paid for."""
import argparse
import glob
import inspect
import json
import os
import sys
import time


def find_model(wanted):
    if wanted:
        found = wanted
    else:
        folders = sorted(os.path.dirname(path) for path in glob.glob("/usr/share/models/**/model_index.json", recursive=True))
        found = folders[0] if folders else None
    if found is None or not os.path.isfile(os.path.join(found, "model_index.json")):
        sys.exit("model folder missing: %s; a folder with model_index.json is needed, in the bundle or on the machine (--model, TALLY_MODEL)"
                 % (found or "none was named and /usr/share/models has none"))
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompt", action="append", required=True)
    parser.add_argument("--model", default=os.environ.get("TALLY_MODEL"))
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--seed", type=int, default=1)
    settings = parser.parse_args()
    import torch
    from diffusers import DiffusionPipeline  # says ModuleNotFoundError where it is not installed
    if not torch.cuda.is_available():
        sys.exit("GPU missing: Stable Diffusion takes an hour on a processor for what a GPU does in seconds; choose a GPU offer")
    model = find_model(settings.model)
    pipeline = DiffusionPipeline.from_pretrained(model, torch_dtype=torch.float16, local_files_only=True).to("cuda")
    pipeline.set_progress_bar_config(disable=True)
    results = os.environ.get("TALLY_RESULTS", "results")
    os.makedirs(results, exist_ok=True)
    made = []
    for number, prompt in enumerate(settings.prompt):

        def told(step, *_):
            done = (number + (step + 1) / settings.steps) / len(settings.prompt)
            print('::tally progress=%.3f operation="picture %d of %d, step %d of %d"' % (
                min(done, 1), number + 1, len(settings.prompt), step + 1, settings.steps), flush=True)

        def told_anew(pipeline, step, at, state):
            told(step)
            return state

        hears = ({"callback_on_step_end": told_anew} if "callback_on_step_end" in inspect.signature(pipeline.__call__).parameters
                 else {"callback": told, "callback_steps": 1})  # before diffusers 0.25
        start = time.monotonic()
        picture = pipeline(prompt, num_inference_steps=settings.steps, height=settings.size, width=settings.size,
                           generator=torch.Generator("cuda").manual_seed(settings.seed + number), **hears).images[0]
        name = "picture-%03d.png" % number
        picture.save(os.path.join(results, name))
        made.append({"file": name, "prompt": prompt, "seed": settings.seed + number, "seconds": round(time.monotonic() - start, 2)})
        print("%s: %.1f s" % (name, made[-1]["seconds"]), flush=True)
    with open(os.path.join(results, "pictures.json"), "w") as file:
        json.dump({"model": os.path.basename(model), "steps": settings.steps, "size": settings.size, "pictures": made}, file)


if __name__ == "__main__":
    main()
