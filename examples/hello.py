# SPDX-License-Identifier: Apache-2.0
"""The smallest job: says hello for two seconds and leaves one result."""
import os
import platform
import time

results = os.environ.get("TALLY_RESULTS", "results")
os.makedirs(results, exist_ok=True)

for step in range(4):
    print(f'::tally progress={step / 4:.2f} operation="step {step + 1} of 4"', flush=True)
    time.sleep(0.5)

with open(os.path.join(results, "hello.txt"), "w") as out:
    out.write(f"hello from Python {platform.python_version()}\n")
print('::tally progress=1.00 operation="done"', flush=True)
print("hello", flush=True)
