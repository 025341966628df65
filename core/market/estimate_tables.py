#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""core/market/data/*.tsv → estimate_tables.c:  estimate_tables.py DATA OUTPUT

Whole numbers only: logarithms are taken by the steps of scale_log2() (core/market/scale.c), so the tables are the same everywhere.
A row that is not understood ends the build."""
import csv
import os
import re
import sys
from fractions import Fraction

CLASSES = ["train", "train_fp32", "generate", "prompt", "diffusion", "loader"]
STATUS = {"measured": "ROW_MEASURED", "vendor-claim": "ROW_COARSE", "published-approx": "ROW_COARSE",
          "seed-claim": "ROW_SEED"}
# Compute capability → architecture; two with the same number are one family.
GENERATIONS = {"6.0": 1, "6.1": 1, "7.0": 2, "7.5": 3, "8.0": 4, "8.6": 5, "8.9": 6, "9.0": 7, "10.0": 8, "12.0": 9,
               "": 10}
GPUS_MAX = 79
REFERENCE = "NVIDIA GeForce RTX 3090"


def rows(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def log2_q16(value):
    """floor(2^16 × log2(value)) by squaring, as scale_log2 does it."""
    whole = value.bit_length() - 1
    mantissa = value << (62 - whole)  # in [2^62, 2^63)
    result = whole
    for _ in range(16):
        mantissa = mantissa * mantissa >> 62
        result <<= 1
        if mantissa >> 63:
            mantissa >>= 1
            result |= 1
    return result


def whole(text, scale):
    value = Fraction(text) * scale
    if value <= 0:
        raise SystemExit(f"not above zero: {text!r}")
    return int(value + Fraction(1, 2))


def c_text(text):
    return "NULL" if text is None else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def gpu(row):
    capability = row["compute_capability"]
    fp32 = whole(row["fp32_tflops"], 1000)
    tensor = whole(row["fp16_tensor_fp32acc_tflops"], 1000) if row["fp16_tensor_fp32acc_tflops"] else fp32
    is_ampere_or_later = capability == "" or Fraction(capability) >= 8
    recalled = row["spec_status"] == "recalled"
    date = re.search(r"Q[1-4] 20\d\d", row["cloud_source"])
    priced = row["cloud_usd_h"] != "" and date is not None and not recalled
    major, _, minor = capability.partition(".")
    return (f'{{{c_text(row["name"])}, {str(recalled).lower()}, {GENERATIONS[capability]}, {int(row["vram_mib"])}, '
            f'{int(major or 0) * 10 + int(minor or 0)}, {log2_q16(whole(row["bandwidth_gbs"], 1000))}, '
            f'{log2_q16(tensor)}, {log2_q16(max(tensor // 2, fp32) if is_ampere_or_later else fp32)}, '
            f'{c_text(row["cloud_equivalent"] if priced else None)}, {c_text(date.group(0) if priced else None)}, '
            f'{c_text(row["cloud_source"] if priced else None)}, '
            f'{whole(row["cloud_usd_h"], 1000000) if priced else 0}}},')


def main():
    data, output = sys.argv[1:]
    gpus, tasks, benchmarks = rows(data, "gpus.tsv"), rows(data, "tasks.tsv"), rows(data, "benchmarks.tsv")
    if len(gpus) > GPUS_MAX:
        raise SystemExit(f"{len(gpus)} GPUs: raise ESTIMATE_GPUS_MAX")
    gpu_number = {row["name"]: i + 1 for i, row in enumerate(gpus)}
    lines = ["/* Made by core/market/estimate_tables.py from core/market/data; do not edit. */",
             '#include "core/market/estimate_tables.h"', "", "const struct gpu_row ESTIMATE_GPUS[] = {", "    {0},"]
    lines += ["    " + gpu(row) for row in gpus]
    lines += ["};", "const size_t ESTIMATE_GPU_COUNT = sizeof ESTIMATE_GPUS / sizeof *ESTIMATE_GPUS;",
              f"const size_t ESTIMATE_REFERENCE = {gpu_number[REFERENCE]};", ""]
    task_lines, benchmark_lines, used = ["    {0},"], [], 0
    for number, task in enumerate(tasks, 1):
        own = [row for row in benchmarks if row["task"] == task["task"]]
        units = {row["unit"] for row in own}
        if len(units) != 1:
            raise SystemExit(f'{task["task"]}: units {units}')
        numbers = ", ".join(str(int(task[c])) for c in ("epochs", "items", "resolution", "steps", "iterations",
                                                         "tokens", "model_millions"))
        task_lines.append(f'    {{{c_text(task["task"])}, {CLASSES.index(task["class"]) + 1}, {c_text(units.pop())}, '
                          f'{numbers}, {used}, {len(own)}}},')
        for row in sorted(own, key=lambda r: gpu_number[r["gpu"]]):
            us = whole(row["seconds"], 1000000)
            benchmark_lines.append(
                f'    {{{number}, {gpu_number[row["gpu"]]}, {STATUS[row["status"]]}, '
                f'{str("(v2)" in row["raw"]).lower()}, {us}, {log2_q16(us)}, {c_text(row["status"])}, '
                f'{c_text(row["source"])}}},')
        used += len(own)
    if used != len(benchmarks):
        raise SystemExit("benchmarks.tsv has a task that tasks.tsv has not")
    lines += ["const struct task_row ESTIMATE_TASKS[] = {"] + task_lines
    lines += ["};", "const size_t ESTIMATE_TASK_COUNT = sizeof ESTIMATE_TASKS / sizeof *ESTIMATE_TASKS;", ""]
    lines += ["const struct benchmark_row ESTIMATE_BENCHMARKS[] = {"] + benchmark_lines
    lines += ["};", "const size_t ESTIMATE_BENCHMARK_COUNT = sizeof ESTIMATE_BENCHMARKS / sizeof *ESTIMATE_BENCHMARKS;"]
    with open(output, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


main()
