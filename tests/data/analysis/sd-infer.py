# SPDX-License-Identifier: Apache-2.0
from diffusers import StableDiffusionPipeline

STEPS = 25
pipe = StableDiffusionPipeline.from_pretrained("someone/stable-diffusion-v1-5", revision="fp16")
pipe.to("cuda")
image = pipe("a tally stick on a table", num_inference_steps=25, num_images_per_prompt=4).images[0]
image.save("stick.png")
