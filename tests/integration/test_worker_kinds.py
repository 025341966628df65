#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""R11: what a worker runs besides a Python script: bundles and notebooks; and that each failure has its reason, its lines and advice."""
import io
import json
import os
import sys
import tarfile
import unittest
import zipfile

sys.path.insert(0, os.environ["TALLY_SOURCE_DIR"] + "/tests/support")
from worker_fixture import WorkerFixture  # noqa: E402


def tar(files, mode="w:gz"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            data = content.encode() if isinstance(content, str) else content
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def wheel(name, source):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name + ".py", source)
        archive.writestr("%s-1.5.dist-info/METADATA" % name, "Metadata-Version: 2.1\nName: %s\nVersion: 1.5\n" % name)
    return out.getvalue()


def notebook(*cells):
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
        {"cell_type": "code", "id": "c%d" % i, "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for i, source in enumerate(cells)]})


class Kinds(WorkerFixture):
    def test_a_bundle_runs_with_its_data_its_wheels_and_its_entry(self):
        job = self.add(tar({
            "proj/src/train.py": "import json, numpy, os, sys, sayer\n"
                                 "rows = [int(line) for line in open('data/rows.csv')]\n"
                                 "print(sayer.say(), sum(rows), sys.argv[1:-1], flush=True)\n"
                                 "os.makedirs('results', exist_ok=True)\n"
                                 "json.dump({'sum': sum(rows)}, open('results/sum.json', 'w'))\n",
            "proj/data/rows.csv": "1\n2\n39\n",
            "proj/wheels/sayer-1.5-py3-none-any.whl": wheel("sayer", "def say():\n    return 'wheel'\n"),
            "proj/requirements.txt": "numpy>=1.0  # the machine's\nsayer==1.5\npywin32; sys_platform == 'win32'\n",
        }), name="proj.tar.gz", entry="src/train.py", arguments=["--fast"])
        self.run_worker()
        self.assertEqual(self.ended(job)["ending"], "completed", job.end)
        self.assertEqual(job.text("stdout"), "wheel 42 ['--fast']\n")
        self.assertEqual(json.loads(job.results["sum.json"]), {"sum": 42})
        self.assertIn("bundle", self.server.kinds)
        self.assert_clean()

    def test_results_are_collected_from_a_folder_of_the_jobs_choice_and_through_no_link(self):
        """R4.4."""
        write = "import os\nprint(os.environ['TALLY_RESULTS'], sorted(os.listdir(%r)))\nopen(%r + '/made', 'w').write('yes')\n"
        link = "import os\nopen('out/model/made', 'w').write('no')\nos.rename(%r, 'moved')\nos.symlink(%r, %r)\n"
        script = self.add(write % (("out/model",) * 2) + "open('out/beside', 'w').close()\n", results="out/model")
        named = self.add(write % (("train.py",) * 2), name="train.py", results="train.py")  # as the program is: that one gives way
        bundle = self.add(tar({"proj/main.py": write % (("out",) * 2)}), name="a.tar.gz", results="out")
        brought = self.add(tar({"proj/main.py": write % (("out/a",) * 2), "proj/out/a/there": "before"}), name="b.tar.gz", results="out/a")
        gone = self.add("import os\nos.rmdir('out')\n", results="out")
        links = [self.add(link % (part, to, part), results="out/model") for part, to in
                 (("out", "moved"), ("out", "/etc"), ("out/model", "/etc"), ("out/model", "/job/moved"))]
        refused = [self.add("print(1)", results=path) for path in ("../x", "/etc", "", "a//b", 7)]
        self.run_worker()
        for job, said, stored in ((script, "/job/out/model []", {"made": b"yes"}), (named, "/job/train.py []", {"made": b"yes"}),
                                  (bundle, "/job/out []", {"made": b"yes"}),
                                  (brought, "/job/out/a ['there']", {"made": b"yes", "there": b"before"}),
                                  *((job, "", {}) for job in (gone, *links))):
            self.assertEqual(self.ended(job, 60)["ending"], "completed", job.end)
            self.assertEqual(job.text("stdout").strip(), said)
            self.assertEqual({name: body for name, body in job.results.items() if name != "output.log"}, stored)
        for job in refused:
            end = self.ended(job, 60)
            self.assertEqual(end["ending"], "host_fault", end)
            self.assertIn("results are a relative path", end["detail"])
        self.assert_clean()

    def test_bundles_that_cannot_be_run_say_why(self):
        jobs = {
            "module_missing": (tar({"main.py": "print(1)", "requirements.txt": "no-such-package>=2\n"}), "no-such-package>=2"),
            "entry_missing": (tar({"a.py": "", "b.py": ""}), "a.py, b.py could each be it"),
            "exited_nonzero": (tar({"../escape.py": "print('out')"}), "leads out of the bundle"),
        }
        added = {reason: self.add(content, name="x.tar.gz") for reason, (content, _) in jobs.items()}
        self.run_worker()
        for reason, job in added.items():
            end = self.ended(job)
            self.assertEqual((end["ending"], end["reason"]), ("program_failed", reason), end)
            self.assertIn(jobs[reason][1], end["detail"])
        self.assertIn("settings.entry", added["entry_missing"].end["detail"])
        self.assert_clean()

    def test_a_notebook_runs_and_comes_back_executed(self):
        good = self.add(notebook("print('from a cell')\nimport os\n_ = open(os.environ['TALLY_RESULTS'] + '/x', 'w').write('y')", "6 * 7"),
                        name="study.ipynb")
        bad = self.add(notebook("a = 1", "import no_such_module"), name="bad.ipynb")
        broken = self.add("{", name="broken.ipynb")
        self.run_worker()
        self.assertEqual(self.ended(good)["ending"], "completed", good.end)
        self.assertIn("from a cell\n42\n", good.text("stdout"))
        self.assertEqual(good.results["x"], b"y")
        cells = json.loads(good.results["study.ipynb"])["cells"]
        self.assertEqual(cells[1]["outputs"][0]["data"]["text/plain"], ["42"])
        self.assertIn((500, "cell 2 of 2"), [(p["permille"], p["operation"]) for p in good.progress])
        end = self.ended(bad)
        self.assertEqual((end["ending"], end["reason"]), ("program_failed", "module_missing"), end)
        self.assertIn("no_such_module", end["detail"])
        self.assertIn("notebook: it cannot be read", self.ended(broken)["detail"])
        self.assert_clean()

    def test_a_kind_that_no_worker_runs_is_not_claimed_and_if_it_comes_it_is_the_hosts_fault(self):
        job = self.add("FROM scratch", name="Dockerfile", kind="dockerfile")
        self.run_worker()
        self.assertEqual(self.ended(self.add("print('next')"))["ending"], "completed")
        self.assertEqual(job.claims, 0)
        self.assertEqual(self.server.kinds[:2], ["python", "bundle"])
        self.server.forces_kinds = True
        end = self.ended(job)
        self.assertEqual((end["ending"], end["reason"], job.claims), ("host_fault", "kind_not_runnable", 1))

    def test_a_failure_says_its_reason_its_lines_and_what_to_do(self):
        sources = {
            "module_missing": ("import torchvizion\n", "No module named 'torchvizion'", "pure Python wheel"),
            "gpu_out_of_memory": ("raise RuntimeError('CUDA out of memory. Tried to allocate 20.00 GiB')\n", "20.00 GiB", "smaller batch"),
            "out_of_memory": ("raise MemoryError\n", "MemoryError", "with more memory"),
            "process_limit": ("import threading\nraise RuntimeError(\"can't start new thread\")\n", "new thread", "fewer processes"),
            "disk_limit": ("open('/tmp/x', 'wb').write(bytes(1 << 20))\nraise OSError(28, 'No space left on device')\n", "No space", "write less"),
        }
        added = {reason: self.add(source) for reason, (source, _, _) in sources.items()}
        with open(os.environ["TALLY_SOURCE_DIR"] + "/examples/stable-diffusion.py") as file:
            pictures = self.add(file.read(), arguments=["--prompt", "a lighthouse", "--prompt"])  # the fixture's mark is the second
        self.run_worker()
        end = self.ended(pictures)
        self.assertEqual(end["ending"], "program_failed")
        self.assertRegex(end["detail"], "No module named '(torch|diffusers)'|GPU missing")  # what this machine has not
        for reason, job in added.items():
            end = self.ended(job)
            self.assertEqual((end["ending"], end["reason"]), ("program_failed", reason), end)
            for text in sources[reason][1:]:
                self.assertIn(text, end["detail"])

    def test_secrets_are_masked_and_bars_are_understood(self):
        job = self.add(
            "import os, sys, time\n"
            "key = os.environ['API_KEY']\n"
            "os.write(1, b'key: ' + key[:5].encode()); time.sleep(0.3); os.write(1, key[5:].encode() + b' end\\n')\n"
            "os.write(2, b' 45%|####      | 45/100 [00:05<00:06,  8.91it/s]\\r'); time.sleep(1.5)\n"
            "raise SystemExit('cannot log in with ' + key)\n", environment={"API_KEY": "hunter2-hunter2", "EPOCHS": "10000"})
        quiet = self.add("import time\ntime.sleep(2)\n", limit_ms=8000)
        self.run_worker()
        end = self.ended(job)
        self.assertEqual(job.text("stdout"), "key: *** end\n")
        self.assertIn("cannot log in with ***", end["detail"])
        self.assertNotIn(b"hunter2-hunter2", job.results["output.log"])
        self.assertIn((450, "45 of 100"), [(p["permille"], p["operation"]) for p in job.progress])
        self.assertEqual(self.ended(quiet)["ending"], "completed")
        by_time = [p for p in quiet.progress if p["operation"] == "by the paid time"]
        self.assertTrue(any(50 <= p["permille"] <= 400 for p in by_time), quiet.progress)


if __name__ == "__main__":
    unittest.main(verbosity=2)
