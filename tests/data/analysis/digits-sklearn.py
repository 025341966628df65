# SPDX-License-Identifier: Apache-2.0
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

EPOCHS = 30
x, y = load_digits(return_X_y=True)
model = MLPClassifier(hidden_layer_sizes=(64,), learning_rate_init=0.002)
for epoch in range(EPOCHS):
    model.partial_fit(x, y, classes=range(10))
