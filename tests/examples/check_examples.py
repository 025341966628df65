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
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "TALLY_RESULTS": os.path.join(folder, "out")}
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


FAKES = {
    "torch.py": """
float16 = "float16"
class cuda:
    is_available = staticmethod(lambda: %s)
class Generator:
    def __init__(self, device): assert device == "cuda"
    def manual_seed(self, seed): self.seed = seed; return self
""",
    "diffusers.py": """
import os, types
class Picture:
    def save(self, path): open(path, "w").write("picture")
class DiffusionPipeline:
    @classmethod
    def from_pretrained(cls, model, torch_dtype, local_files_only):
        assert local_files_only and torch_dtype == "float16"
        if not os.path.isfile(model + "/model_index.json"): raise OSError("no such model: " + model)
        return cls()
    def to(self, device): assert device == "cuda"; return self
    def set_progress_bar_config(self, disable): pass
    def __call__(self, prompt, num_inference_steps, guidance_scale, height, width, generator, callback_on_step_end=None):
        for step in range(num_inference_steps):
            assert callback_on_step_end(self, step, 0, {"step": step}) == {"step": step}
        return types.SimpleNamespace(images=[Picture()])
""",
}


def pictures(gpu, model, *arguments):
    """stable-diffusion.py beside libraries that only remember how they are called."""
    with tempfile.TemporaryDirectory() as folder:
        for name, source in FAKES.items():
            with open(os.path.join(folder, name), "w") as file:
                file.write(source % gpu if "%s" in source else source)
        if model:
            with open(os.path.join(folder, "model_index.json"), "w") as file:
                file.write("{}")
        os.environ["PYTHONPATH"] = folder
        try:
            return run("stable-diffusion.py", "--model", folder, *arguments)
        finally:
            del os.environ["PYTHONPATH"]


def pictures_are_made_or_what_is_missing_is_named():
    code, lines, errors, results = pictures(True, True, "--prompt", "a", "--prompt", "b", "--steps", "4")
    assert code == 0, errors
    told = json.loads(results["pictures.json"])
    assert set(results) == {"pictures.json", "picture-000.png", "picture-001.png"}, results
    assert [(picture["prompt"], picture["seed"]) for picture in told["pictures"]] == [("a", 1), ("b", 2)], told
    check_progress(lines)
    for gpu, model, says in ((False, True, "GPU missing"), (True, False, "no such model: ")):
        code, _, errors, results = pictures(gpu, model, "--prompt", "a")
        assert code == 1 and says in errors and results == {}, errors


CHECKS = [hello, missing_column_fails, pictures_are_made_or_what_is_missing_is_named]
NEED_SKLEARN = [digits_are_read, digits_end_within_the_paid_time]
have_sklearn = importlib.util.find_spec("sklearn") is not None
for check in CHECKS + (NEED_SKLEARN if have_sklearn else []):
    check()
    print(f"ok {check.__name__}")
if not have_sklearn:
    print("skipped: the digits need scikit-learn (apt-get install python3-sklearn)")
    sys.exit(77)
