# SPDX-License-Identifier: Apache-2.0
"""Trains a small convolutional network with PyTorch on digits in the files of MNIST (IDX), and says how many it reads that it has not seen.

    data/train-images-idx3-ubyte[.gz]  data/train-labels-idx1-ubyte[.gz]  data/t10k-images-idx3-ubyte[.gz]  data/t10k-labels-idx1-ubyte[.gz]

The real MNIST lies in such files, and pack.py makes a small set of real digits. Runs on a GPU if there is one."""
import argparse
import gzip
import json
import os
import struct
import time

import numpy
import torch
from torch import nn


def read_idx(folder, name):
    """An IDX file: two zero bytes, 8 for bytes, the number of dimensions, each as a big-endian 32-bit number, then the bytes."""
    path = os.path.join(folder, name)
    opened = open(path, "rb") if os.path.exists(path) else gzip.open(path + ".gz", "rb")
    with opened as file:
        data = file.read()
    zero, kind, dimensions = struct.unpack(">HBB", data[:4])
    if zero != 0 or kind != 8 or not 1 <= dimensions <= 3:
        raise SystemExit("%s: not an IDX file of bytes" % path)
    shape = struct.unpack(">%dI" % dimensions, data[4:4 + 4 * dimensions])
    values = numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * dimensions)
    if values.size != numpy.prod(shape):
        raise SystemExit("%s: has %d values, its head says %s" % (path, values.size, shape))
    return values.reshape(shape)


def load(folder, part, device):
    images = read_idx(folder, part + "-images-idx3-ubyte")
    labels = read_idx(folder, part + "-labels-idx1-ubyte")
    return (torch.from_numpy(images.copy()).float().div(255).unsqueeze(1).to(device),
            torch.from_numpy(labels.copy()).long().to(device))


def network(side):
    return nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * (side // 4) ** 2, 64), nn.ReLU(), nn.Linear(64, 10))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="data")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    settings = parser.parse_args()
    torch.manual_seed(settings.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images, labels = load(settings.data, "train", device)
    unseen, truth = load(settings.data, "t10k", device)
    model = network(images.shape[-1]).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    loss_of = nn.CrossEntropyLoss()
    start = time.monotonic()
    accuracy = 0.0
    for epoch in range(settings.epochs):
        print('::tally progress=%.3f operation="epoch %d of %d"' % (epoch / settings.epochs, epoch + 1, settings.epochs), flush=True)
        model.train()
        for batch in torch.randperm(len(images), device=device).split(settings.batch_size):
            optimizer.zero_grad()
            loss = loss_of(model(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            accuracy = (model(unseen).argmax(1) == truth).float().mean().item()
        print("epoch %d: loss %.4f, %.1f %% of %d unseen digits read" % (epoch + 1, loss.item(), 100 * accuracy, len(truth)), flush=True)
    results = os.environ.get("TALLY_RESULTS", "results")
    os.makedirs(results, exist_ok=True)
    torch.save(model.state_dict(), os.path.join(results, "model.pt"))
    with open(os.path.join(results, "metrics.json"), "w") as file:
        json.dump({"accuracy": round(accuracy, 4), "epochs": settings.epochs, "train": len(labels), "test": len(truth), "device": device,
                   "seconds": round(time.monotonic() - start, 2)}, file)


if __name__ == "__main__":
    main()
