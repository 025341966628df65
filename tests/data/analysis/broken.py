# SPDX-License-Identifier: Apache-2.0
import torch

def half(:
    return (

class Later(torch.nn.Module):
    pass

import sklearn.svm
