# SPDX-License-Identifier: Apache-2.0
"""What others' readers make of us: Prometheus' parser of /metrics, and an EventSource that is cut off and comes back by itself (R16.5). curl and another WebSocket
library are in test_tls.py, an OpenAPI validator is in web/app/tests/openapi.test.ts."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import unittest

from prometheus_client.parser import text_string_to_metric_families

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from tally_harness import LOCAL, World  # noqa: E402

FOLLOW = """
const EventSource = require("/usr/share/nodejs/eventsource");
const source = new EventSource(process.argv[1]);
let opened = 0;
source.onopen = () => console.log(JSON.stringify({ opened: ++opened }));
source.onmessage = (message) => console.log(JSON.stringify({ id: message.lastEventId, data: JSON.parse(message.data) }));
"""


def free_port():
    with socket.socket() as probe:
        probe.bind((LOCAL, 0))
        return probe.getsockname()[1]


class ThirdParties(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(port=free_port())
        cls.addClassCleanup(cls.world.close)
        cls.alice = cls.world.person("alice")

    def happen(self, count):
        for _ in range(count):
            self.alice.ok("POST", "/v1/auth/tokens", {"scopes": ["consumer"]})

    def test_prometheus_parser_reads_every_metric_with_its_type_and_what_it_is(self):
        text = self.world.client().get("/metrics").body.decode()
        families = list(text_string_to_metric_families(text))
        self.assertGreater(len(families), 30)
        samples = [sample for family in families for sample in family.samples]
        self.assertEqual(len(samples), sum(1 for line in text.splitlines() if not line.startswith("#")))
        for family in families:
            with self.subTest(family.name):
                self.assertTrue(family.name.startswith("tally_"))
                self.assertIn(family.type, ("counter", "gauge", "histogram"))
                self.assertGreater(len(family.documentation), 10)
                for sample in family.samples:
                    self.assertEqual(family.type == "counter", sample.name.endswith("_total"), sample)
        heads = [sample.value for sample in samples if sample.name == "tally_log_records"]
        self.assertEqual(heads, [float(self.world.head())])

    def test_an_event_source_that_is_cut_off_comes_back_and_misses_nothing(self):
        self.happen(5)
        address = "http://%s:%d/v1/feed?topics=all&after=0&token=%s" % (LOCAL, self.world.server.port, self.alice.token)
        child = subprocess.Popen([shutil.which("node"), "-e", FOLLOW, address], stdout=subprocess.PIPE, text=True)
        try:
            seen, live, opened = [], [], 0
            wanted = [int(event["id"]) for event in self.alice.ok("GET", "/v1/events?limit=500")["items"]]
            while len(live) < 1:
                opened += self.take(child, seen, live)
            self.assertEqual((seen, opened), (wanted, 1))
            self.world.server.stop(signal.SIGKILL)
            self.world.start()
            self.happen(3)
            wanted = [int(event["id"]) for event in self.alice.ok("GET", "/v1/events?limit=500")["items"]]
            while len(live) < 2 or len(seen) < len(wanted):
                opened += self.take(child, seen, live)
            self.assertEqual((seen, opened), (wanted, 2))
        finally:
            child.kill()
            child.wait()
            child.stdout.close()

    @staticmethod
    def take(child, seen, live):
        """1 for a connection."""
        message = json.loads(child.stdout.readline())
        if "opened" in message:
            return 1
        data = message["data"]
        if "event" in data:
            assert message["id"] == data["event"]["id"], message
            seen.append(int(message["id"]))
        elif "live" in data:
            live.append(data["live"])
        return 0


if __name__ == "__main__":
    unittest.main()
