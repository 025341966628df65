import torch
from diffusers import CogVideoXPipeline
from diffusers.utils import export_to_video

pipe = CogVideoXPipeline.from_pretrained("someone/cogvideox-2b", torch_dtype=torch.float16)
frames = pipe("a boat at sea", num_inference_steps=50).frames[0]
export_to_video(frames, "boat.mp4", fps=8)
