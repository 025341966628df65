# SPDX-License-Identifier: Apache-2.0
"""Stable Diffusion with diffusers: a picture for each prompt, from a model that lies on the machine (a job has no network).

    stable-diffusion.py --prompt "a lighthouse in a storm" [--prompt …] [--model stabilityai/sd-turbo] [--steps 4] [--guidance 0] [--size 512] [--seed 1]

The model is named as on Hugging Face's hub, and a machine that does not have it is not offered for the job; or it is a folder as diffusers saves it
(model_index.json in it), as /models/NAME or one of the bundle's. The steps and the guidance are those of the turbo models; Stable Diffusion 1.5 wants --steps 30
--guidance 7.5. What is missing is said at once, before a minute is paid for."""
import argparse
import inspect
import json
import os
import sys
import time


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompt", action="append", required=True)
    parser.add_argument("--model", default="stabilityai/sd-turbo")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--guidance", type=float, default=0)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--seed", type=int, default=1)
    settings = parser.parse_args()
    import torch
    from diffusers import DiffusionPipeline  # says ModuleNotFoundError where it is not installed
    if not torch.cuda.is_available():
        sys.exit("GPU missing: Stable Diffusion takes an hour on a processor for what a GPU does in seconds; choose a GPU offer")
    pipeline = DiffusionPipeline.from_pretrained(settings.model, torch_dtype=torch.float16, local_files_only=True).to("cuda")  # OSError where it is not
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
        picture = pipeline(prompt, num_inference_steps=settings.steps, guidance_scale=settings.guidance, height=settings.size, width=settings.size,
                           generator=torch.Generator("cuda").manual_seed(settings.seed + number), **hears).images[0]
        name = "picture-%03d.png" % number
        picture.save(os.path.join(results, name))
        made.append({"file": name, "prompt": prompt, "seed": settings.seed + number, "seconds": round(time.monotonic() - start, 2)})
        print("%s: %.1f s" % (name, made[-1]["seconds"]), flush=True)
    with open(os.path.join(results, "pictures.json"), "w") as file:
        json.dump({"model": settings.model, "steps": settings.steps, "size": settings.size, "pictures": made}, file)


if __name__ == "__main__":
    main()
