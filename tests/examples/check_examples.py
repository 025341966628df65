#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every example as a worker would and checks what it leaves. Exit code 77: scikit-learn is not installed."""
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")
PROGRESS = re.compile(r'::tally(?: progress=(?P<done>[01]\.\d+))?(?: operation="[^"\n]{1,200}")?')


def run(name, *arguments, limit=None):
    """(exit code, stdout lines, stderr, {result file: text}) of one run in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        env = {"PATH": os.environ["PATH"], "TALLY_RESULTS": os.path.join(folder, "out")}
        if limit is not None:
            env["TALLY_LIMIT_SECONDS"] = str(limit)
        job = subprocess.run(
            [sys.executable, os.path.join(EXAMPLES, name), *arguments],
            cwd=folder, env=env, capture_output=True, text=True, timeout=120,
        )
        results = {}
        if os.path.isdir(env["TALLY_RESULTS"]):
            for file in os.listdir(env["TALLY_RESULTS"]):
                with open(os.path.join(env["TALLY_RESULTS"], file)) as text:
                    results[file] = text.read()
        return job.returncode, job.stdout.splitlines(), job.stderr, results


def check_progress(lines):
    done = [PROGRESS.fullmatch(line) for line in lines if line.startswith("::tally")]
    assert done and all(done), "every ::tally line has the documented form"
    values = [float(line["done"]) for line in done if line["done"]]
    assert values == sorted(values) and 0 <= values[0] and values[-1] <= 1, values


def hello():
    code, lines, errors, results = run("hello.py")
    assert code == 0 and errors == "", errors
    assert results["hello.txt"].startswith("hello from Python")
    check_progress(lines)


def missing_column_fails():
    code, lines, errors, results = run("missing-column.py")
    assert code == 1 and "KeyError: 'unit_price'" in errors and results == {}
    check_progress(lines)


def digits_are_read():
    code, lines, errors, results = run("digits-mlp.py", "--epochs", "12")
    assert code == 0, errors
    metrics = json.loads(results["metrics.json"])
    assert metrics["accuracy"] >= 0.95 and metrics["epochs"] == 12, metrics
    table = [line.split(",") for line in results["confusion-matrix.csv"].splitlines()]
    counts = [[int(field) for field in row[1:]] for row in table[1:]]
    assert len(counts) == 10 and sum(map(sum, counts)) == metrics["test_digits"]
    right = sum(counts[digit][digit] for digit in range(10))
    assert abs(right / metrics["test_digits"] - metrics["accuracy"]) < 1e-5, "two files, one truth"
    check_progress(lines)


def digits_end_within_the_paid_time():
    code, _, errors, results = run("digits-mlp.py", limit=1)
    assert code == 0, errors
    assert json.loads(results["metrics.json"])["epochs"] < 40


CHECKS = [hello, missing_column_fails]
NEED_SKLEARN = [digits_are_read, digits_end_within_the_paid_time]
have_sklearn = importlib.util.find_spec("sklearn") is not None
for check in CHECKS + (NEED_SKLEARN if have_sklearn else []):
    check()
    print(f"ok {check.__name__}")
if not have_sklearn:
    print("skipped: the digits need scikit-learn (apt-get install python3-sklearn)")
    sys.exit(77)
