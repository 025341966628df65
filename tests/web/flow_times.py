#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/web/flow_times.py [--times N] [--script NAME]: the complete flow in the browser, N times in a row (10), each in a world of its own, until one fails.

Of build/release, or of TALLY_BIN_DIR; a build with TALLY_PAGE=ON. The first failure ends it, and what the browser and the server said is printed. One run is
in every ctest (integration.page_flow); this is for what fails one time in ten."""
import argparse
import os
import re
import signal
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("TALLY_SOURCE_DIR", ROOT)
os.environ.setdefault("TALLY_BIN_DIR", ROOT + "/build/release/bin")
sys.path.insert(0, ROOT + "/tests/support")
from page_stage import PAGE, Stage  # noqa: E402

PATIENCE_S = 900


def play(script):
    """Its exit status, and everything that was said."""
    undo = []
    try:
        stage = Stage(lambda act, *given: undo.append(lambda: act(*given))).play("tests/browser/" + script, "--test-reporter=tap")
        status, said = stage.finish(PATIENCE_S)
        return status, said + ("" if status == 0 else "── tallyd's trace ──\n" + stage.world.server.trace()[-5000:])
    finally:
        for act in reversed(undo):
            act()


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split(":", 1)[0], description=__doc__)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--script", default="flow.mjs", choices=["flow.mjs", "pages.mjs", "others.mjs"])
    given = parser.parse_args()
    if not os.path.exists(PAGE + "/index.html"):
        sys.exit("flow_times.py: there is no page in %s; build with -DTALLY_WALLET=ON -DTALLY_PAGE=ON" % PAGE)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and the world goes with it
    for number in range(1, given.times + 1):
        begun = time.monotonic()
        status, said = play(given.script)
        passed = re.search(r"^# pass ([0-9]+)$", said, re.MULTILINE)
        print("%s, run %d of %d: %s in %.0f s" % (given.script, number, given.times, "%s tests passed" % passed.group(1) if status == 0 and passed else "failed", time.monotonic() - begun), flush=True)
        if status != 0 or passed is None or passed.group(1) == "0":
            sys.exit(said)


if __name__ == "__main__":
    main()
