"""A DCGAN that draws faces."""
import argparse
import torch
from torch import nn, optim
from torchvision import datasets


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.ConvTranspose2d(100, 3, 4)


class Discriminator(nn.Module):
    pass


parser = argparse.ArgumentParser()
parser.add_argument("--dataset", default="cifar10", help="cifar10 | mnist | folder")
parser.add_argument("--niter", type=int, default=25)
options = parser.parse_args()
data = datasets.CIFAR10("data")
optimizer = optim.Adam(Generator().parameters(), lr=2e-4)
for epoch in range(options.niter):
    loss = Discriminator()(data)
    loss.backward()
