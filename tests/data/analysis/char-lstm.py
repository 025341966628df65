"""Character-level LSTM that writes like a sea captain's diary."""
import numpy as np
import torch
from torch import nn

text = open("diary.txt").read()
chars = sorted(set(text))
char2int = {c: i for i, c in enumerate(chars)}
encoded = np.array([char2int[c] for c in text])
net = nn.LSTM(len(chars), 256, num_layers=2)
optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
n_epochs = 20
batch_size = 48
for epoch in range(n_epochs):
    optimizer.step()
