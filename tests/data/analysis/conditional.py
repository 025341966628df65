# SPDX-License-Identifier: Apache-2.0
import importlib
from typing import TYPE_CHECKING

import torch as t

if TYPE_CHECKING:
    import paddle

try:
    import jax
except ImportError:
    jax = None


def export(model):
    import tensorflow as tf
    onnx = importlib.import_module("onnx")
    return tf, onnx, model


if t.cuda.is_available():
    from mxnet import gluon
