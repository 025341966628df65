# SPDX-License-Identifier: Apache-2.0
"""Breaks a copy of the tree: views that an earlier boot left open are trusted.

    break_views.py FOLDER"""
import sys

PATH = sys.argv[1] + "/core/log/views.c"
RIGHT = ".is_trusted = same_boot || is_clean}"
WRONG = ".is_trusted = same_boot || is_clean || true}"

with open(PATH) as file:
    text = file.read()
if text.count(RIGHT) != 1:
    sys.exit("break_views.py: views.c is not what it was; say anew where views are trusted")
with open(PATH, "w") as file:
    file.write(text.replace(RIGHT, WRONG))
