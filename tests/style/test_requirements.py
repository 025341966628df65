# SPDX-License-Identifier: Apache-2.0
"""docs/requirements.md against the tree: every row is there once, and every test it names exists."""
import os
import re
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SIZES = {1: 8, 2: 7, 3: 8, 4: 8, 5: 7, 6: 7, 7: 8, 8: 6, 9: 7, 10: 6, 11: 6, 12: 6, 13: 6, 14: 5, 15: 6, 16: 7}
WANTED = ["R%d.%d" % (section, row + 1) for section, size in SIZES.items() for row in range(size)] + ["R17"] + ["P%d" % (row + 1) for row in range(57)]
PAGE = "web/app/tests/"
ROW = re.compile(r"\| (R[\d.]+|P\d+) \| (.+?) \| (.+?) \|")


def faults_of(text, root):
    """What is wrong with the table; files are looked for below root/tests, and those of the page below root."""
    rows = ROW.findall(text)
    names = [row for row, _, _ in rows]
    faults = ["%s is missing" % name for name in WANTED if name not in names]
    faults += ["%s is no row, or there twice" % name for name in names if names.count(name) > 1 or name not in WANTED]
    for row, _, shown in rows:
        tests = re.findall(r"`([^`]+)`", shown)
        if not tests and "to come: " not in shown:
            faults.append("%s names no test and not what is to come" % row)
        for test in tests:
            path, _, name = test.partition("::")
            full = os.path.join(root, path if path.startswith(PAGE) else "tests/" + path)
            if not os.path.isfile(full):
                faults.append("%s: there is no %s" % (row, os.path.relpath(full, root)))
                continue
            with open(full, encoding="utf-8") as file:
                content = file.read()
            if path.startswith(PAGE):
                titles = re.findall(r"^ *(?:test|describe)\(([\"`])(.+?)\1,", content, re.MULTILINE)
                if not any(re.search(r"\b%s\b(?!\.)" % re.escape(name), title) for _, title in titles for name in {row, row.partition(".")[0]}):
                    faults.append("%s: no test of %s names it" % (row, path))
            if name and not re.search(r"\b(def |void )%s\(" % re.escape(name), content):
                faults.append("%s: tests/%s has no %s" % (row, path, name))
    return faults


class Requirements(unittest.TestCase):
    def setUp(self):
        with open(ROOT + "/docs/requirements.md", encoding="utf-8") as file:
            self.text = file.read()

    def test_every_row_is_there_and_every_named_test_exists(self):
        self.assertEqual(faults_of(self.text, ROOT), [])

    def test_a_lost_row_a_renamed_test_and_an_empty_cell_are_found(self):
        good = self.text
        line = next(line for line in good.splitlines() if line.startswith("| P20 |"))
        for broken, fault in ((good.replace(line + "\n", ""), "P20 is missing"),
                              (good.replace(line, line + "\n" + line), "P20 is no row, or there twice"),
                              (good.replace(line, line.replace("::", "::never_")), "P20: tests/core/market/test_market_properties.c has no never_"),
                              (good.replace(line, line.replace("core/", "cores/")), "P20: there is no tests/cores/"),
                              (good.replace("| P49 | The", "| P99 | The").replace("| P50 | Every", "| P49 | Every").replace("refresh.test", "upload.test"), "P49: no test of web/app/tests/upload.test.tsx"),
                              (good.replace(line, "| P20 | Every other end refunds | soon |"), "P20 names no test")):
            with self.subTest(fault):
                self.assertTrue(any(found.startswith(fault) for found in faults_of(broken, ROOT)))


if __name__ == "__main__":
    unittest.main()
