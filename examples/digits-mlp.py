# SPDX-License-Identifier: Apache-2.0
"""Train a small neural network on real handwritten digits and report how well it reads digits it has not seen.

The data are the 1,797 scanned digits (8 × 8 pixels) that come with scikit-learn, so no network is needed. A quarter is
held out for the test. Each epoch shows the network every training digit several times, slightly shifted and noisy,
which is what lifts a net this small above 95 %.
"""
import argparse
import csv
import json
import os
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier


def progress(done, operation):
    print(f'::tally progress={done:.3f} operation="{operation}"', flush=True)


def varied(images, rng):
    """Each image moved by at most one pixel, with a little noise: (n, 64) from (n, 8, 8)."""
    moved = np.empty_like(images)
    for i, (down, right) in enumerate(rng.integers(-1, 2, size=(len(images), 2))):
        moved[i] = np.roll(images[i], (down, right), axis=(0, 1))
    return (moved + rng.normal(0, 0.03, images.shape)).reshape(len(images), -1)


def main():
    parser = argparse.ArgumentParser(description="digit classification with a multi-layer perceptron")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--variants", type=int, default=4, help="times each digit is shown in an epoch")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    if args.epochs < 1:
        parser.error("--epochs must be at least 1")

    started = time.monotonic()
    results = os.environ.get("TALLY_RESULTS", "results")
    limit = float(os.environ.get("TALLY_LIMIT_SECONDS", "inf"))
    os.makedirs(results, exist_ok=True)
    rng = np.random.default_rng(args.seed)

    progress(0, "loading the digits")
    digits = load_digits()
    train_x, test_x, train_y, test_y = train_test_split(
        digits.images / 16.0, digits.target, test_size=0.25, stratify=digits.target, random_state=args.seed
    )
    flat_test = test_x.reshape(len(test_x), -1)
    model = MLPClassifier(
        hidden_layer_sizes=(256, 128),
        batch_size=args.batch_size,
        learning_rate_init=args.learning_rate,
        random_state=args.seed,
    )
    print(f"{len(train_x)} digits to learn from, {len(test_x)} to be tested on", flush=True)

    epochs = 0
    for epoch in range(args.epochs):
        progress(epoch / args.epochs, f"epoch {epoch + 1} of {args.epochs}")
        for _ in range(args.variants):
            order = rng.permutation(len(train_x))
            model.partial_fit(varied(train_x[order], rng), train_y[order], classes=np.arange(10))
        epochs = epoch + 1
        spent = time.monotonic() - started
        print(
            f"epoch {epochs:3d}  loss {model.loss_:.4f}  test accuracy {model.score(flat_test, test_y):.4f}  {spent:.1f} s",
            flush=True,
        )
        if spent * (1 + 2 / epochs) > limit:  # the next epoch would not fit: end with what is learnt
            print("the paid time is nearly over: stopping here", flush=True)
            break

    progress(0.99, "writing the results")
    predicted = model.predict(flat_test)
    with open(os.path.join(results, "confusion-matrix.csv"), "w", newline="") as out:
        table = csv.writer(out)
        table.writerow(["digit"] + [f"read as {digit}" for digit in range(10)])
        for digit, row in enumerate(confusion_matrix(test_y, predicted, labels=range(10))):
            table.writerow([digit] + row.tolist())
    metrics = {
        "accuracy": round(float((predicted == test_y).mean()), 6),
        "test_loss": round(float(log_loss(test_y, model.predict_proba(flat_test), labels=range(10))), 6),
        "epochs": epochs,
        "train_digits": len(train_x),
        "test_digits": len(test_x),
        "seconds": round(time.monotonic() - started, 3),
    }
    with open(os.path.join(results, "metrics.json"), "w") as out:
        json.dump(metrics, out, indent=2)
        out.write("\n")
    progress(1, "done")
    print(f"accuracy {metrics['accuracy']:.4f}", flush=True)


if __name__ == "__main__":
    main()
