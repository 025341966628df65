#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""core/analysis/data/vram.tsv → vram_table.c:  vram_table.py DATA OUTPUT

Rows that were computed from recalled parameter counts are left out: the formulas of vram.c say the same."""
import csv
import os
import sys
from fractions import Fraction


def c_text(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main():
    data, output = sys.argv[1:]
    with open(os.path.join(data, "vram.tsv"), encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row["status"] != "computed"]
    lines = ["/* Made by core/analysis/vram_table.py from core/analysis/data; do not edit. */", '#include "core/analysis/vram.h"', "",
             "const struct vram_row VRAM_ROWS[] = {"]
    for row in rows:
        mib = int(Fraction(row["vram_gb"]) * 1024 + Fraction(1, 2))
        texts = ", ".join(c_text(row[column]) for column in ("model", "use", "setting", "status", "source"))
        lines.append(f"    {{{texts}, {mib}}},")
    lines += ["};", "const size_t VRAM_ROW_COUNT = sizeof VRAM_ROWS / sizeof *VRAM_ROWS;"]
    with open(output, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


main()
