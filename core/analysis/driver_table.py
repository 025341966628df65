#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""core/analysis/data/drivers.tsv → driver_table.c:  driver_table.py DATA OUTPUT"""
import csv
import os
import sys


def number(version, parts, base):
    """"450.80.02" → 450 × base² + 80 × base + 2, for three parts."""
    digits = [int(part) for part in version.split(".")] + [0] * parts
    total = 0
    for part in digits[:parts]:
        total = total * base + part
    return total


def main():
    data, output = sys.argv[1:]
    with open(os.path.join(data, "drivers.tsv"), encoding="utf-8") as file:
        rows = [(number(row["cuda"], 2, 10), number(row["driver"], 3, 1000)) for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    if rows != sorted(rows):
        sys.exit("drivers.tsv: versions do not ascend")
    lines = ["/* Made by core/analysis/driver_table.py from core/analysis/data; do not edit. */", '#include "core/analysis/cuda.h"', "",
             "const struct cuda_row CUDA_ROWS[] = {"]
    lines += ["    {%d, %d}," % row for row in rows]
    lines += ["};", "const size_t CUDA_ROW_COUNT = sizeof CUDA_ROWS / sizeof *CUDA_ROWS;"]
    with open(output, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


main()
