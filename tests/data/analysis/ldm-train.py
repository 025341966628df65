import argparse

import pytorch_lightning as pl
from ldm.util import instantiate_from_config
from omegaconf import OmegaConf

parser = argparse.ArgumentParser()
parser.add_argument("--base", default="configs/latent.yaml")
parser.add_argument("--max_steps", type=int, default=40000)
options = parser.parse_args()
model = instantiate_from_config(OmegaConf.load(options.base).model)
pl.Trainer(max_steps=options.max_steps).fit(model)
