# café, written in Latin-1
import torch

print(torch.ones(2))
