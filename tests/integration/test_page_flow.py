#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser, against the real server, the local chain and a real worker: from a dropped file to the last unit paid back.

Chromium is driven by web/app/tests/browser/*.mjs (Playwright), in worlds of tests/support/page_stage.py. Needs a build with TALLY_PAGE=ON."""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from page_stage import PAGE, Stage  # noqa: E402


@unittest.skipUnless(os.path.exists(PAGE + "/index.html"), "the page is not built (TALLY_PAGE)")
class InChromium(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Both at once, each in its own world: one waits for the chain most of the time, the other reads pages.
        cls.flow = Stage(cls.addClassCleanup).play("tests/browser/flow.mjs", "--test-reporter=tap")
        cls.pages = Stage(cls.addClassCleanup).play("tests/browser/pages.mjs", "--test-reporter=tap")

    def see(self, stage):
        status, said = stage.finish(570)  # of the 1200 s that ctest gives both
        if status != 0:
            print(said)
            print("── tallyd's trace ──\n" + stage.world.server.trace()[-3000:])
        self.assertEqual(status, 0)
        self.assertTrue(re.search(r"^# pass [1-9]", said, re.MULTILINE), "no test ran:\n" + said)

    def test_from_a_dropped_file_to_the_last_unit(self):
        self.see(self.flow)

    def test_every_page_is_for_everybody(self):
        self.see(self.pages)


if __name__ == "__main__":
    unittest.main()
