from torch.nn import *
from torch.optim import *

layer = Linear(2, 2)
