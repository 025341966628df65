#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""R17: the page in Firefox (WebDriver BiDi) and in WebKit (its own driver, under Xvfb): web/app/tests/browser/others.mjs, both at once in one world."""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from page_stage import PAGE, Stage  # noqa: E402


@unittest.skipUnless(os.path.exists(PAGE + "/index.html"), "the page is not built (TALLY_PAGE)")
class InOtherBrowsers(unittest.TestCase):
    def test_a_sign_in_a_paid_job_and_every_page(self):
        stage = Stage(self.addCleanup).play("tests/browser/others.mjs", "--test-reporter=tap")
        status, said = stage.finish(880)
        if status != 0:
            print("── tallyd's trace ──\n" + stage.world.server.trace()[-3000:])
        self.assertEqual(status, 0, said)
        self.assertTrue(re.search(r"^# pass 2$", said, re.MULTILINE), "not both ran:\n" + said)


if __name__ == "__main__":
    unittest.main()
