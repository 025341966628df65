# SPDX-License-Identifier: Apache-2.0
# -*- coding: latin-1 -*-
import theano
import theano.tensor as T
EPOCHS = 010
BATCH_SIZE = 1000L
try:
    print "café", `EPOCHS`
except IOError, e:
    raise ValueError, "x"
exec "y = 1"
