# SPDX-License-Identifier: Apache-2.0
import flax.linen as nn
import jax
import optax
import tensorflow_datasets as tfds
from absl import flags

flags.DEFINE_integer("num_epochs", 12, "how long")
flags.DEFINE_float("learning_rate", .1, "how fast")
train = tfds.load("cifar10", split="train")
grad = jax.value_and_grad(lambda w: w)
optimizer = optax.sgd(0.1)
