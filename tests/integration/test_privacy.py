# SPDX-License-Identifier: Apache-2.0
"""Who is answered what: every route of the contract, asked by everybody, about a finished job of alice's on maria's machine.

    alice, bob     consumers: whose it is, and a stranger          rig, wreck      maria's machine, which ran it, and otto's
    maria, otto    providers: whose machine it was, and a stranger

A status with * is an answer that holds a private part of the job (the word zebra stands in all of them), one with + says at least its id; refusals are
looked at too. A route that is not in the table fails the test: whoever adds one says here who may see it. (R16, the API's default deny.)"""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["TALLY_SOURCE_DIR"], "tests/support"))
from contract import Contract  # noqa: E402
from tally_harness import EventStream, WebSocket, World  # noqa: E402

ROLES = "none alice bob maria otto rig wreck auditor operator".split()
TABLE = """
GET    /docs                                          200  200  200  200  200  200  200  200  200
GET    /docs/style.css                                200  200  200  200  200  200  200  200  200
GET    /healthz                                       200  200  200  200  200  200  200  200  200
GET    /metrics                                       200  200  200  200  200  200  200  200  200
GET    /openapi.json                                  200  200  200  200  200  200  200  200  200
GET    /readyz                                        200  200  200  200  200  200  200  200  200
GET    /v1/accounts/{id}                              401  200  404  404  404  403  403  200  200
GET    /v1/accounts/{id}/statement                    401  200+ 404  404  404  403  403  200+ 200+
GET    /v1/analyses/{id}                              401  200* 404  403  403  403  403  403  403
POST   /v1/analyses/{id}/override                     401  422  404  403  403  403  403  403  403
POST   /v1/auth/challenge                             200  200  200  200  200  200  200  200  200
POST   /v1/auth/session                               422  422  422  422  422  422  422  422  422
GET    /v1/auth/tokens                                401  200  200  200  200  403  403  403  200
POST   /v1/auth/tokens                                401  422  422  422  422  403  403  403  422
POST   /v1/auth/tokens/{id}/revoke                    401  409  404  404  404  403  403  403  404
GET    /v1/auth/whoami                                401  200  200  200  200  200  200  200  200
GET    /v1/balances/{name}                            401  200  200  200  200  200  200  200  200
POST   /v1/broadcast                                  401  422  422  422  422  403  403  403  403
GET    /v1/earnings                                   401  403  403  200  200  403  403  403  403
GET    /v1/estimates                                  404  200  404  404  404  404  404  404  404
POST   /v1/estimates                                  404  200  404  404  404  404  404  404  404
GET    /v1/estimates/calibration                      200  200  200  200  200  200  200  200  200
GET    /v1/estimates/gpus                             200  200  200  200  200  200  200  200  200
GET    /v1/estimates/reference-prices                 200  200  200  200  200  200  200  200  200
GET    /v1/events                                     401  200* 200  200* 200  200* 200  200+ 200+
POST   /v1/faucet                                     401  422  422  422  422  403  403  403  403
GET    /v1/feed                                       401  426  426  426  426  426  426  426  426
GET    /v1/jobs                                       401  200  200  200* 200  403  403  200  200
POST   /v1/jobs                                       401  409  404  403  403  403  403  403  403
GET    /v1/jobs/{id}                                  401  200* 404  200* 404  403  403  200+ 200+
POST   /v1/jobs/{id}/cancel                           401  409  404  403  403  403  403  403  403
DELETE /v1/jobs/{id}/data                             401  409  404  403  403  403  403  403  409
GET    /v1/jobs/{id}/escrow                           401  200+ 404  200+ 404  403  403  200+ 200+
GET    /v1/jobs/{id}/events                           401  200* 404  200* 404  403  403  403  403
GET    /v1/jobs/{id}/metrics                          401  200  404  200  404  403  403  200  200
GET    /v1/jobs/{id}/output                           401  200* 404  200* 404  403  403  403  403
POST   /v1/jobs/{id}/rating                           401  409  404  403  403  403  403  403  403
GET    /v1/jobs/{id}/receipt                          401  200+ 404  200+ 404  403  403  200+ 200+
GET    /v1/jobs/{id}/results                          401  200* 404  200* 404  403  403  403  403
GET    /v1/jobs/{id}/results/{tail}                   401  200* 404  200* 404  403  403  403  403
GET    /v1/jobs/{id}/timeline                         401  200  404  200  404  403  403  200  200
GET    /v1/log/checkpoint                             200  200  200  200  200  200  200  200  200
GET    /v1/log/proof/consistency                      200  200  200  200  200  200  200  200  200
GET    /v1/log/proof/inclusion                        200  200  200  200  200  200  200  200  200
GET    /v1/log/tile/{tail}                            200  200  200  200  200  200  200  200  200
GET    /v1/matches                                    401  200  404  403  403  403  403  403  403
POST   /v1/matches                                    401  201  404  403  403  403  403  403  403
GET    /v1/offers                                     200  200  200  200  200  200  200  200  200
GET    /v1/offers/standing                            401  403  403  200  200  403  403  403  403
POST   /v1/offers                                     401  403  403  422  422  422  422  403  403
POST   /v1/offers/{id}/withdraw                       401  403  403  409  404  409  404  403  403
GET    /v1/providers/{id}                             401  200  200  200  200  200  200  200  200
POST   /v1/quotes                                     401  201  404  403  403  403  403  403  403
GET    /v1/quotes/{id}                                401  200+ 404  403  403  403  403  403  403
POST   /v1/reconciliations                            401  403  403  403  403  403  403  422  422
GET    /v1/settlement                                 401  403  403  403  403  403  403  200  200
POST   /v1/settlement/resume                          401  403  403  403  403  403  403  403  422
GET    /v1/terms                                      200  200  200  200  200  200  200  200  200
GET    /v1/transactions                               401  200+ 200  200+ 200  403  403  200+ 200+
GET    /v1/uploads                                    401  200* 200  403  403  403  403  403  403
POST   /v1/uploads                                    401  415  415  403  403  403  403  403  403
POST   /v1/uploads/resumable                          401  422  422  403  403  403  403  403  403
DELETE /v1/uploads/resumable/{id}                     401  404  404  403  403  403  403  403  403
GET    /v1/uploads/resumable/{id}                     401  200* 404  403  403  403  403  403  403
PATCH  /v1/uploads/resumable/{id}                     401  404  404  403  403  403  403  403  403
POST   /v1/uploads/resumable/{id}/complete            401  201* 404  403  403  403  403  403  403
GET    /v1/uploads/{id}                               401  200* 404  403  403  403  403  403  403
DELETE /v1/uploads/{id}                               401  409  404  403  403  403  403  403  409
GET    /v1/webhooks                                   401  200* 200  200  200  403  403  403  200
POST   /v1/webhooks                                   401  422  422  422  422  403  403  403  422
GET    /v1/webhooks/{id}                              401  200* 404  404  404  403  403  403  404
DELETE /v1/webhooks/{id}                              401  404  404  404  404  403  403  403  404
GET    /v1/webhooks/{id}/attempts                     401  200  404  404  404  403  403  403  404
POST   /v1/webhooks/{id}/cursor                       401  422  404  404  404  403  403  403  404
POST   /v1/webhooks/{id}/resend                       401  404  404  404  404  403  403  403  404
POST   /v1/webhooks/{id}/resume                       401  409  404  404  404  403  403  403  404
POST   /v1/webhooks/{id}/rotate                       401  200  404  404  404  403  403  403  404
POST   /v1/webhooks/{id}/test                         401  200  404  404  404  403  403  403  404
GET    /v1/workers                                    401  403  403  200  200  403  403  403  403
POST   /v1/workers/benchmark                          401  403  403  403  403  200  200  403  403
POST   /v1/workers/claim                              401  403  403  403  403  204  204  403  403
POST   /v1/workers/codes                              401  403  403  422  422  403  403  403  403
POST   /v1/workers/enrol                              401  403  403  422  422  403  403  403  403
POST   /v1/workers/join                               422  422  422  422  422  422  422  422  422
POST   /v1/workers/jobs/{id}/end                      401  403  403  403  403  409  404  403  403
GET    /v1/workers/jobs/{id}/input                    401  403  403  403  403  409  404  403  403
POST   /v1/workers/jobs/{id}/metrics                  401  403  403  403  403  409  404  403  403
POST   /v1/workers/jobs/{id}/output                   401  403  403  403  403  409  404  403  403
POST   /v1/workers/jobs/{id}/reports                  401  403  403  403  403  409  404  403  403
POST   /v1/workers/jobs/{id}/progress                 401  403  403  403  403  409  404  403  403
PATCH  /v1/workers/jobs/{id}/results/{tail}           401  403  403  403  403  409  404  403  403
POST   /v1/workers/jobs/{id}/results/{tail}           401  403  403  403  403  409  404  403  403
PUT    /v1/workers/jobs/{id}/results/{tail}           401  403  403  403  403  409  404  403  403
POST   /v1/workers/jobs/{id}/start                    401  403  403  403  403  409  404  403  403
"""


def table():
    rows = {}
    for line in TABLE.strip().splitlines():
        method, path, *answers = line.split()
        rows[method + " " + path] = answers
    return rows


class Privacy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = world = World()
        cls.alice = world.person("alice", money=10**10, scopes=["consumer"])
        cls.bob = world.person("bob", scopes=["consumer"])
        cls.maria = world.person("maria", scopes=["provider"])
        cls.otto = world.person("otto", scopes=["provider"])
        cls.rig, cls.wreck = world.host(cls.maria, "rig"), world.host(cls.otto, "wreck")
        operator = world.operator()
        auditor = world.client(operator.ok("POST", "/v1/auth/tokens", {"scopes": ["auditor"]})["token"])
        cls.who = {"none": world.client(), "alice": cls.alice, "bob": cls.bob, "maria": cls.maria, "otto": cls.otto, "rig": cls.rig,
                   "wreck": cls.wreck, "auditor": auditor, "operator": operator}
        cls.job = cls.run_job()
        cls.pieces = cls.alice.ok("POST", "/v1/uploads/resumable", {"file_name": "zebra.py", "size": 9})["id"]
        cls.alice.ok("PATCH", "/v1/uploads/resumable/" + cls.pieces, b"print(23)", headers={"Upload-Offset": "0", "Content-Type": "application/octet-stream"})
        cls.alice.ok("POST", "/v1/uploads/resumable/%s/complete" % cls.pieces, {})
        cls.spare = cls.alice.ok("POST", "/v1/auth/tokens", {"scopes": ["consumer"]})["token_id"]
        cls.alice.ok("POST", "/v1/auth/tokens/%s/revoke" % cls.spare, {})
        withdrawn = cls.maria.ok("POST", "/v1/offers", {"host_id": cls.rig.host_id, **cls.rig.OFFER})["id"]
        cls.maria.ok("POST", "/v1/offers/%s/withdraw" % withdrawn, {})
        cls.waiting = cls.alice.job(cls.rig.offer["id"])
        hooks = [cls.alice.ok("POST", "/v1/webhooks", {"url": "http://127.0.0.1:1/zebra", "label": "zebra"})["webhook"]["id"] for _ in range(2)]
        cls.alice.ok("DELETE", "/v1/webhooks/" + hooks[1])
        cls.requests = cls.make_requests(withdrawn, hooks)

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    @classmethod
    def run_job(cls):
        job = cls.alice.queued_job(cls.rig, name="zebra.py", settings={"arguments": ["zebra"]})
        cls.rig.claim_and_start(job)
        cls.rig.ok("POST", cls.rig.path(job, "progress"), {"permille": 500, "used_ms": 1, "operation": "zebra"})
        cls.rig.output(job, 1, "zebra\n")
        cls.rig.ok("POST", cls.rig.path(job, "metrics"), {"samples": [{"at_ms": 1, "cpu_permille": 10}]})
        cls.rig.result(job, "zebra.txt", b"zebra")
        cls.rig.ok("POST", cls.rig.path(job, "end"), {"ending": "completed", "reason": "exited_zero", "worker_ms": 1, "detail": "zebra"})
        cls.alice.ok("POST", "/v1/jobs/%s/rating" % job["id"], {"stars": 5, "comment": "zebra"})
        return cls.alice.wait_for(job, lambda now: now["settled"])

    @classmethod
    def make_requests(cls, withdrawn, hooks):
        """Operation → address and body. What would change something is asked so that even its owner is refused, or may be asked again."""
        job, upload = cls.job["id"], cls.job["upload_id"]
        report = {"progress": {"permille": 1, "used_ms": 1}, "output": {"source": "stdout", "first_line": 2, "text": "x\n"},
                  "metrics": {"samples": [{"at_ms": 2}]}, "start": {},
                  "reports": {"reports": [{"output": {"source": "stdout", "first_line": 2, "text": "x\n"}}]},
                  "end": {"ending": "completed", "reason": "exited_zero", "worker_ms": 1}}
        special = {
            "GET /v1/providers/{id}": (cls.maria.account_id, None), "GET /v1/quotes/{id}": (cls.job["quote_id"], None),
            "GET /v1/accounts/{id}": (cls.alice.account_id, None), "GET /v1/accounts/{id}/statement": (cls.alice.account_id, None),
            "DELETE /v1/uploads/{id}": (cls.waiting["upload_id"], None), "DELETE /v1/jobs/{id}/data": (cls.waiting["id"], None),
            "GET /v1/analyses/{id}": (upload, None), "GET /v1/uploads/{id}": (upload, None),
            "POST /v1/analyses/{id}/override": (upload, {"dance": 1}),
            "POST /v1/offers/{id}/withdraw": (withdrawn, {}),
            "POST /v1/auth/tokens/{id}/revoke": (cls.spare, {}),
            "POST /v1/jobs/{id}/rating": (job, {"stars": 4}),
            "POST /v1/jobs": (None, {"quote_id": cls.job["quote_id"]}),
            "POST /v1/quotes": (None, {"upload_id": upload, "offer_id": cls.rig.offer["id"]}),
            "POST /v1/matches": (None, {"upload_id": upload}),
            "POST /v1/estimates": (None, {"upload_id": upload}),
            "POST /v1/workers/codes": (None, {"valid_s": 1}),
            "POST /v1/workers/claim": (None, {"wait_s": 0}),
            "POST /v1/workers/benchmark": (None, {"benchmark_version": 1, "speed_permille": 1000}),
            "POST /v1/uploads": (None, b""), "POST /v1/uploads/resumable": (None, {}),
            "GET /v1/uploads/resumable/{id}": (cls.pieces, None), "PATCH /v1/uploads/resumable/{id}": (cls.pieces, b"x"),
            "DELETE /v1/uploads/resumable/{id}": (cls.pieces, None), "POST /v1/uploads/resumable/{id}/complete": (cls.pieces, {}),
            "PUT /v1/workers/jobs/{id}/results/{tail}": (job, b"x"), "PATCH /v1/workers/jobs/{id}/results/{tail}": (job, b"x"),
            "POST /v1/workers/jobs/{id}/results/{tail}": (job, {"size": 1, "digest": "00" * 32}),
            **{"%s /v1/webhooks/{id}%s" % tuple((name + " ").split(" ")[:2]): (hooks[0], body) for name, body in {
                "GET": None, "GET /attempts": None, "POST /cursor": {"after": 10**9}, "POST /resend": {"sequence": 10**9}, "POST /resume": {},
                "POST /rotate": {}, "POST /test": {}}.items()},
            "DELETE /v1/webhooks/{id}": (hooks[1], None),
            "POST /v1/webhooks": (None, {"url": "nowhere"}),
            **{"POST /v1/workers/jobs/{id}/" + name: (job, body) for name, body in report.items()},
        }
        query = {"GET /v1/matches": "?upload_id=" + upload, "GET /v1/estimates": "?upload_id=" + upload,
                 "GET /v1/log/proof/inclusion": "?sequence=1&size=2", "GET /v1/log/proof/consistency": "?from=1&to=2",
                 "POST /v1/uploads": "?name=zebra.py", "GET /v1/events": "?limit=500",
                 "GET /v1/jobs": "?role=provider"}
        tails = {"/v1/log/tile/{tail}": "0/000.p/1"}
        made = {}
        for path, item in Contract.built().document["paths"].items():
            for method in item:
                if method == "parameters":
                    continue
                name = method.upper() + " " + path
                of, body = special.get(name, (job, {} if method == "post" else None))
                target = path.replace("{id}", of or "").replace("{tail}", tails.get(path, "zebra.txt")).replace("{name}", cls.alice.identity)
                made[name] = (method.upper(), target + query.get(name, ""), body)
        return made

    def ask(self, role, request):
        method, target, body = request
        answer = self.who[role].request(method, target, body)
        mark = "*" if b"zebra" in answer.body else "+" if self.job["id"].encode() in answer.body else ""
        return "%d%s" % (answer.status, mark)

    def events_seen(self, role, after, topics):
        """Of what follows a sequence, by every way that there is: [event of the REST list, event of the WebSocket, event of the event stream] by sequence."""
        token, head = self.who[role].token, self.world.head()
        listed = self.who[role].ok("GET", "/v1/events?limit=500&after=%d" % after)["items"]
        ways = [{int(event["id"]): event for event in listed}]
        with WebSocket(self.world.server.port, "/v1/feed?token=" + token) as socket:
            socket.send({"subscribe": {"topics": topics, "after": after}})
            ways.append(self.until_live(socket))
        with EventStream(self.world.server.port, "/v1/feed?topics=%s&after=%d&token=%s" % (",".join(topics), after, token)) as stream:
            ways.append(self.until_live(stream))
        return [{sequence: event for sequence, event in way.items() if sequence <= head} for way in ways]

    @staticmethod
    def until_live(follower):
        seen = {}
        while True:
            message = follower.receive()
            if "live" in message:
                return seen
            seen[int(message["event"]["id"])] = message["event"]

    def test_what_a_quote_is_to_be_started_with_reaches_its_provider_only_with_a_job(self):
        after = self.world.head()
        quote = self.alice.ok("POST", "/v1/quotes", {"upload_id": self.job["upload_id"], "offer_id": self.rig.offer["id"],
                                                     "settings": {"arguments": ["--epochs", "7"], "environment": {"EPOCHS": "7"}}})
        sequence = after + 1
        for role in ROLES[1:]:
            topics = ["all"] if role != "otto" else ["all", "provider:" + self.maria.account_id]
            for way in self.events_seen(role, after, topics):
                with self.subTest(role=role):
                    self.assertEqual(sequence in way, role in ("alice", "maria", "auditor", "operator"))
                    if sequence in way:
                        self.assertEqual(way[sequence]["subject"], "quote:" + quote["id"])
                        self.assertEqual("settings" in way[sequence]["data"], role == "alice", way[sequence])
        for role in ROLES[1:]:
            answer = self.who[role].get("/v1/events?stream=quote:" + quote["id"])
            self.assertEqual(b"EPOCHS" in answer.body, role == "alice", (role, answer))
        job = self.alice.ok("POST", "/v1/jobs", {"quote_id": quote["id"], "settings": {"arguments": ["zebra"]}})
        for role, is_shown in (("alice", True), ("maria", True), ("otto", False), ("auditor", False), ("operator", False)):
            answer = self.who[role].get("/v1/events?after=%d" % sequence)
            self.assertEqual(b"zebra" in answer.body, is_shown, (role, answer))
        self.alice.ok("POST", "/v1/jobs/%s/cancel" % job["id"], {})

    def test_everybody_is_answered_what_the_table_says_and_every_route_is_in_it(self):
        rows = table()
        self.assertEqual(set(self.requests) - set(rows), set(), "say in the table who may see it")
        self.assertEqual(set(rows) - set(self.requests), set(), "these are no routes")
        for name, expected in rows.items():
            for role, wanted in zip(ROLES, expected, strict=True):
                with self.subTest(name, role=role):
                    self.assertEqual(self.ask(role, self.requests[name]), wanted)


if __name__ == "__main__":
    unittest.main()
