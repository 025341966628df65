#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/show/run: the film's steps find what they click, from a machine that joins to a log that is checked; and a film never lands among the sources."""
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from page_stage import PAGE  # noqa: E402
from tally_harness import SOURCE  # noqa: E402


def show(*arguments):
    return subprocess.run([SOURCE + "/tools/show/run", "--no-build", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=880)


class Show(unittest.TestCase):
    @unittest.skipUnless(os.path.exists(PAGE + "/index.html"), "the page is not built (TALLY_PAGE)")
    def test_every_step_of_the_film_is_still_possible(self):
        done = show("--rehearse")
        self.assertEqual((done.returncode, done.stdout.strip()), (0, "# pass 1"), done.stdout)

    def test_a_film_goes_outside_of_the_checkout(self):
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(SOURCE + "/docs", folder + "/docs")
            for path, says in ((SOURCE + "/docs/x.mp4", "inside the checkout"), (folder + "/docs/x.mp4", "inside the checkout"),
                               (folder + "/x.avi", "ends with .mp4"), (folder + "/none/x.mp4", "no folder")):
                done = show("--film", path)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn(says, done.stdout)


if __name__ == "__main__":
    unittest.main()
