# SPDX-License-Identifier: Apache-2.0
"""Makes mnist.tar.gz, a job to submit: train.py, its requirements, and 1,797 real handwritten digits (scikit-learn's, 8 × 8, from the UCI
repository) in the files that MNIST comes in.

    python3 pack.py [mnist.tar.gz]"""
import gzip
import io
import os
import struct
import sys
import tarfile

import numpy
from sklearn.datasets import load_digits

HERE = os.path.dirname(os.path.abspath(__file__))
UNSEEN = 297


def idx(values):
    return struct.pack(">HBB", 0, 8, values.ndim) + struct.pack(">%dI" % values.ndim, *values.shape) + values.astype(numpy.uint8).tobytes()


def pack(path):
    digits = load_digits()
    order = numpy.random.default_rng(1).permutation(len(digits.target))
    images = (digits.images[order] * (255 / 16)).round()
    labels = digits.target[order]
    files = {
        "mnist/data/train-images-idx3-ubyte.gz": gzip.compress(idx(images[UNSEEN:]), mtime=0),
        "mnist/data/train-labels-idx1-ubyte.gz": gzip.compress(idx(labels[UNSEEN:]), mtime=0),
        "mnist/data/t10k-images-idx3-ubyte": idx(images[:UNSEEN]),
        "mnist/data/t10k-labels-idx1-ubyte": idx(labels[:UNSEEN]),
    }
    for name in ("train.py", "requirements.txt"):
        with open(os.path.join(HERE, name), "rb") as file:
            files["mnist/" + name] = file.read()
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


if __name__ == "__main__":
    pack(sys.argv[1] if len(sys.argv) > 1 else "mnist.tar.gz")
