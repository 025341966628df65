#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A worker on a machine with GPUs: NVIDIA's library is the test's (tests/worker/nvml_library.c), the device nodes are files. R11.3, R11.6."""
import json
import os
import stat
import sys
import unittest

sys.path.insert(0, os.environ["TALLY_SOURCE_DIR"] + "/tests/support")
from worker_fixture import WorkerFixture, enrol, programs  # noqa: E402

LIBRARY = os.environ["TALLY_BIN_DIR"] + "/../lib/libtally_test_nvml.so"
UUIDS = ["GPU-%08d-aaaa-bbbb-cccc-000000000000" % i for i in range(3)]
LOOK = """import json, os, time
seen = {name: open('/dev/' + name).read() for name in os.listdir('/dev') if name.startswith('nvidia')}
print(json.dumps([seen, os.environ['CUDA_VISIBLE_DEVICES']]), flush=True)
time.sleep(%s)
"""
UNTIL_TOLD = "while not os.path.exists('/job/go'): time.sleep(0.05)"


class Gpus(WorkerFixture):
    def prepare(self):
        os.environ["TALLY_TEST_NVML"] = self.folder + "/gpus"
        os.chmod(self.folder, 0o755)
        nodes = self.folder + "/dev"
        os.mkdir(nodes)
        for name in ("nvidia0", "nvidia1", "nvidia2", "nvidiactl", "nvidia-uvm"):
            with open(nodes + "/" + name, "w") as file:
                file.write("node of " + name)
        self.gpus = {0: {}, 1: {}}
        self.write_table()
        self.flags = ["--nvml", LIBRARY, "--device-folder", nodes]

    def write_table(self):
        with open(self.folder + "/gpus.new", "w") as file:
            for i, change in self.gpus.items():
                gpu = {"state": "ok", "used": 100 + i, "xid": 0, **change}
                file.write("%s %d 89 16384 2520 %s 42 %d 24564 61 250500 40 2400 4 %d NVIDIA GeForce RTX 4090\n"
                           % (UUIDS[i], i, gpu["state"], gpu["used"], gpu["xid"]))
        os.rename(self.folder + "/gpus.new", self.folder + "/gpus")

    def change(self, gpu, **change):
        self.gpus[gpu] = change
        self.write_table()

    def slot_of(self, job):
        """Which GPU's slot has the job: the folder whose token claimed it."""
        for folder in (self.state, self.state + "/slot-1"):
            with open(folder + "/worker.json") as file:
                identity = json.load(file)
            if identity["token"] == job.host:
                return UUIDS.index(identity["gpu"])
        return None

    def go(self, job):
        (path,) = [path for path in self.scratch() if path.endswith(job.id)]
        with open(path + "/job/go", "w"):
            pass

    def test_each_gpu_is_an_offer_and_a_job_sees_its_own_alone(self):
        jobs = [self.add(LOOK.replace("time.sleep(%s)", UNTIL_TOLD)) for _ in range(2)]
        self.run_worker()
        for job in jobs:
            self.started_writing(job)
        for gpu in (0, 1):  # the program's own fault, of which a GPU does not die
            self.change(gpu, xid=31)
        self.assertTrue(self.server.wait(lambda: all(any(sample["xid"] for sample in job.samples[:-1]) for job in jobs), 60))
        for job in jobs:
            self.go(job)
            self.assertEqual(self.ended(job)["ending"], "completed", job.end)
        self.assertEqual({self.slot_of(job) for job in jobs}, {0, 1})
        self.assertLess(jobs[1].started_at, jobs[0].ended_at)  # at the same time
        for job in jobs:
            slot = self.slot_of(job)
            seen, visible = json.loads(job.text("stdout"))
            self.assertEqual(set(seen), {"nvidia%d" % slot, "nvidiactl", "nvidia-uvm"})
            self.assertEqual(seen["nvidia%d" % slot], "node of nvidia%d" % slot)
            self.assertEqual(visible, "0")
            sample = job.samples[-1]
            self.assertEqual([sample[name] for name in ("gpu_permille", "vram_mib", "vram_total_mib", "temperature_c", "power_mw")],
                             [420, 100 + slot, 24564, 61, 250500])
            self.assertEqual({name: sample[name] for name in ("fan_percent", "sm_clock_mhz", "memory_clock_mhz", "throttle_reasons")},
                             {"fan_percent": 40, "sm_clock_mhz": 2400, "memory_clock_mhz": 12000, "throttle_reasons": 4})
            self.assertEqual(sorted(sample["xid"] for sample in job.samples)[-2:], [0, 31])  # told once
        offers = list(self.server.offers.values())
        self.assertEqual(len(offers), 2)
        self.assertEqual(len({offer["host_id"] for offer in offers}), 2)
        for offer in offers:
            self.assertEqual([offer[name] for name in ("device", "model", "gpus", "vram_mib", "tflops_milli", "compute_capability", "driver")],
                             ["gpu", "NVIDIA GeForce RTX 4090", 1, 24564, 82575, 89, "550.54.14"])
        self.assert_clean()

    def test_a_gpu_that_falls_off_the_bus_ends_its_job_as_the_hosts_fault_and_takes_its_offer_away(self):
        jobs = [self.add(LOOK % 60), self.add(LOOK % 7)]
        worker = self.run_worker()
        for job in jobs:
            self.started_writing(job)
        jobs.sort(key=self.slot_of)
        lost, good = jobs if "sleep(60)" in jobs[0].content.decode() else jobs[::-1]
        slot = self.slot_of(lost)
        self.change(slot, state="lost")
        end = self.ended(lost)
        self.assertEqual((end["ending"], end["reason"]), ("host_fault", "gpu_lost"), end)
        self.assertIn(UUIDS[slot], end["detail"])
        self.assertEqual(self.ended(good)["ending"], "completed", good.end)  # the other slot goes on
        self.assertTrue(self.server.wait(lambda: len(self.server.offers) == 1), self.server.offers)
        again = self.add("print(1)")
        self.assertEqual(self.ended(again)["ending"], "completed")
        self.assertEqual(self.slot_of(again), self.slot_of(good))
        # a new start leaves it out, and takes it in again when it is back
        worker.terminate()
        self.assertEqual(worker.wait(60), 1)
        with open(self.folder + "/gpus", "w") as file:
            file.write("")
        self.assertIn("knows of no GPU", self.command("run").stderr)
        self.gpus = {0: {}, 1: {}}
        self.write_table()
        last = self.add("print(2)")
        self.run_worker("--once-jobs", "1")
        self.assertEqual(self.ended(last)["ending"], "completed")
        self.assertEqual(len(self.server.offers), 2)
        self.assert_clean()

    def test_a_program_that_dies_with_its_gpu_is_not_blamed(self):
        job = self.add("import sys, time\nprint('up', flush=True)\nwhile not __import__('os').path.exists('/job/go'): time.sleep(0.05)\n"
                       "sys.exit('CUDA error: unspecified launch failure')\n")
        self.run_worker()
        self.started_writing(job)
        slot = self.slot_of(job)
        self.change(slot, xid=79)
        self.go(job)
        end = self.ended(job, 20)
        self.assertEqual((end["ending"], end["reason"]), ("host_fault", "gpu_lost"), end)
        self.assertIn("Xid 79", end["detail"])

    def test_a_job_that_is_cancelled_while_its_gpu_is_looked_at_is_not_told_of_it(self):
        self.gpus = {0: {}}
        self.write_table()
        job = self.add("import os, sys, time\nprint('up', flush=True)\n%s\nsys.exit(1)\n" % UNTIL_TOLD)
        worker = self.run_worker()
        self.started_writing(job)
        os.mkfifo(self.folder + "/slow")  # whoever reads it waits for a writer
        os.symlink("slow", self.folder + "/gpus.slow")
        os.rename(self.folder + "/gpus.slow", self.folder + "/gpus")
        self.go(job)
        self.assertTrue(self.server.wait(lambda: not programs()))
        self.server.end(job)
        self.traced("job.cleaned")
        fd = os.open(self.folder + "/slow", os.O_WRONLY)
        self.write_table()
        os.close(fd)
        again = self.add("print(1)")
        self.assertEqual(self.ended(again, 60)["ending"], "completed")
        self.assertIsNone(worker.poll())

    def test_a_driver_that_never_answers_does_not_hold_the_worker(self):
        self.gpus = {0: {}}
        self.write_table()
        job = self.add("import time\nprint('up', flush=True)\ntime.sleep(600)\n")
        worker = self.run_worker()
        self.started_writing(job)
        os.mkfifo(self.folder + "/stuck")
        os.symlink("stuck", self.folder + "/gpus.stuck")
        os.rename(self.folder + "/gpus.stuck", self.folder + "/gpus")
        held = []

        def is_read():
            try:
                held.append(os.open(self.folder + "/stuck", os.O_WRONLY | os.O_NONBLOCK))
            except OSError:  # nobody reads it yet
                return False
            return True
        try:
            self.assertTrue(self.server.wait(is_read, 60))
            worker.terminate()
            self.assertEqual(worker.wait(60), 0)
        finally:
            for fd in held:
                os.close(fd)
        self.assertEqual((job.end["ending"], job.end["reason"]), ("host_fault", "worker_stopped"))
        self.assert_clean()

    def test_a_gpu_that_came_later_is_enrolled_beside_the_others(self):
        before = self.server.hosts.copy()
        again = enrol(self.server.url, self.state, *self.flags)
        self.assertNotEqual(again.returncode, 0)
        self.assertIn(b"with each of its GPUs", again.stderr)
        self.gpus[2] = {}
        self.write_table()
        done = enrol(self.server.url, self.state, *self.flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"NVIDIA GeForce RTX 4090, 24564 MiB, compute capability 8.9, 82.5 TFLOPS", done.stdout)
        self.assertEqual(len(self.server.hosts), len(before) + 1)
        self.assertEqual(stat.S_IMODE(os.stat(self.state + "/slot-2/worker.json").st_mode), 0o600)
        status = self.command("status").stdout
        self.assertEqual(status.count("NVIDIA GeForce RTX 4090"), 3)
        self.assertIn("does not run", status)
        self.assertIn("answers", status)


if __name__ == "__main__":
    unittest.main(verbosity=2)
