# SPDX-License-Identifier: Apache-2.0
# import torch
"""
import tensorflow as tf
from jax import numpy
"""
NOTE = 'import keras'
print("from torch import nn")
import csv  # not torch
