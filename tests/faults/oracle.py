# SPDX-License-Identifier: Apache-2.0
"""What an outside client knows: every write it was told is accepted, and everything it saw on the feed, in a file of its own
that is only ever appended to. What the server says after a crash is held against it.

    Oracle    the file, the acknowledged writes, the jobs as the operator's feed tells of them
    Follower  one subscriber of the feed, which comes back after every crash and compares what it is told again"""
import hashlib
import json
import os
import random
import threading
import time

from tally_harness import Client, WebSocket

ENDS = {"job.completed": "completed", "job.failed": "failed", "job.cancelled": "cancelled"}
STATES = ("awaiting_lock", "queued", "assigned", "running", "completed", "failed", "cancelled")
# The event at the sequence that an accepted write was answered with.
LAST_EVENT = {
    "upload": {"upload.received", "analysis.completed"},
    "quote": {"quote.issued"},
    "job": {"job.created", "escrow.requested"},
    "cancel": {"job.cancelled", "escrow.settled", "escrow.expired"},
    "claim": {"job.assigned", "provider.online"},
    "start": {"job.started"},
    "progress": {"job.progressed"},
    "output": {"job.output"},
    "metrics": {"metric.sampled"},
    "result": {"result.stored"},
    "end": {"job.completed", "job.failed", "escrow.settled"},
    "rating": {"job.rated"},
}
# What of a write's facts stands in the public part of its event under the same name.
COMPARED = ("permille", "first_line", "size", "stars", "cap", "upload_id")


class Wrong(AssertionError):
    """Something that must hold does not."""


def must(condition, text, *values):
    if not condition:
        raise Wrong(text % values if values else text)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Job:
    def __init__(self, created):
        self.id = created["subject"].split(":")[1]
        self.created = created["data"]
        self.state = "awaiting_lock"
        self.escrow = None      # data of escrow.requested
        self.escrow_id = None
        self.settled = None     # data of escrow.settled
        self.deposits = []      # data of deposit.observed
        self.confirmed = []     # (type, data) of payout.confirmed and the like
        self.ends = 0

    def legs_due(self):
        parts = [] if self.settled is None else [self.settled[name] for name in ("refund", "payout", "fee")]
        return sum(1 for part in parts if part > 0) + sum(1 for deposit in self.deposits if deposit["class"] != "lock")

    def is_live(self):
        return self.state not in ENDS.values() or len(self.confirmed) < self.legs_due()


class Oracle:
    def __init__(self, path):
        self.path = path
        self.file = open(path, "a", buffering=1)
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.acknowledged = []
        self.checked = 0
        self.retried = 0
        self.jobs = {}
        self.by_escrow = {}
        self.handlers = {"job.created": self.job_created, "escrow.requested": self.escrow_requested}

    def note(self, **line):
        self.file.write(json.dumps(line, sort_keys=True) + "\n")

    def accept(self, kind, sequence, facts, key=None, replayed=False):
        """A 2xx answer to a write. `facts`: what it was, to be compared with what is there later."""
        with self.lock:
            self.acknowledged.append((kind, sequence, facts))
            self.retried += 1 if replayed else 0
            self.note(ack=kind, sequence=sequence, key=key, replayed=replayed, facts=facts)

    # ── jobs, as the operator's feed tells of them ──

    def job_created(self, event):
        job = Job(event)
        self.jobs[job.id] = job

    def escrow_requested(self, event):
        job = self.jobs[event["data"]["job_id"]]
        job.escrow = event["data"]
        job.escrow_id = event["subject"].split(":")[1]
        self.by_escrow[job.escrow_id] = job

    def learn(self, event):
        """From the operator's feed, each sequence once."""
        kind, data = event["type"], event["data"]
        with self.lock:
            if kind in self.handlers:
                self.handlers[kind](event)
            elif event["subject"].startswith("job:"):
                job = self.jobs[event["subject"].split(":")[1]]
                if kind in ENDS:
                    job.ends += 1
                    must(job.ends == 1, "job %s ended twice, again at %s", job.id, event["id"])
                    job.state = ENDS[kind]
                else:
                    job.state = {"job.assigned": "assigned", "job.released": "queued",
                                 "job.started": "running"}.get(kind, job.state)
            elif event["subject"].startswith("escrow:"):
                job = self.jobs[data["job_id"]]
                if kind == "escrow.locked":
                    job.state = "queued" if job.ends == 0 else job.state
                elif kind == "escrow.settled":
                    must(job.settled is None, "escrow of job %s settled twice", job.id)
                    job.settled = data
                elif kind == "escrow.shortfall":
                    must(data["balance"] >= data["expected"], "job %s: the escrow was paid from and the log does not know: %s",
                         job.id, data)
                elif kind == "deposit.observed":
                    job.deposits.append(data)
                elif kind.endswith(".confirmed") and kind != "escrow.confirmed":
                    job.confirmed.append((kind, data))
            self.changed.notify_all()

    def wait(self, condition, seconds):
        with self.changed:
            return self.changed.wait_for(condition, seconds)

    def live(self):
        """State of every job that is not over, money included."""
        with self.lock:
            return [job.state for job in self.jobs.values() if job.is_live()]

    # ── after a restart ──

    def check_acknowledged(self, operator, everything=False):
        """Each accepted write is in the log at its sequence, as what it was. Those since the last check, or all."""
        with self.lock:
            writes = list(self.acknowledged[0 if everything else self.checked:])
            until = len(self.acknowledged)
        wanted = {}
        for kind, sequence, facts in writes:
            if sequence is not None:
                wanted.setdefault(sequence, []).append((kind, facts))
        after = min(wanted) - 1 if wanted else 0
        last = max(wanted) if wanted else 0
        while after < last:
            page = operator.ok("GET", "/v1/events?after=%d&limit=500" % after)
            must(page["items"], "the log ends at %d, but a write was answered with %d", after, last)
            for event in page["items"]:
                after = int(event["id"])
                for kind, facts in wanted.pop(after, ()):
                    self.check_event(event, kind, facts)
        must(not wanted, "accepted writes are not in the log: %s", wanted)
        self.checked = until
        return writes

    @staticmethod
    def check_event(event, kind, facts):
        must(event["type"] in LAST_EVENT[kind], "sequence %s is %s, but was the answer to %s %s", event["id"],
             event["type"], kind, facts)
        subject = event["subject"].split(":")[1]
        must(subject in (facts["id"], facts.get("escrow_id")) or event["data"].get("job_id") == facts["id"] or
             event["type"] == "provider.online", "sequence %s speaks of %s, not of %s", event["id"], subject, facts)
        for name in COMPARED:
            if name in facts and name in event["data"] and event["type"] != "analysis.completed":
                must(event["data"][name] == facts[name], "sequence %s: %s is %s, accepted was %s", event["id"], name,
                     event["data"][name], facts[name])

    @staticmethod
    def check_thing(client, kind, facts):
        """What the owner of a thing is shown agrees with what was accepted."""
        if kind == "upload":
            shown = client.ok("GET", "/v1/uploads/" + facts["id"])
            must((shown["digest"], shown["size"]) == (facts["digest"], facts["size"]), "upload %s is %s", facts, shown)
        elif kind == "job":
            shown = client.ok("GET", "/v1/jobs/" + facts["id"])
            must((shown["quote_id"], shown["escrow"]["identity"], shown["escrow"]["amount"]) == (
                facts["quote_id"], facts["identity"], facts["amount"]), "job %s is %s", facts, shown)
        elif kind == "cancel":
            shown = client.ok("GET", "/v1/jobs/" + facts["id"])
            must(shown["status"] == "cancelled", "job %s was cancelled and is %s", facts["id"], shown["status"])
        elif kind == "start":
            shown = client.ok("GET", "/v1/jobs/" + facts["id"])
            must(shown["started_at"] is not None, "job %s was started and is not", facts["id"])
        elif kind == "end":
            shown = client.ok("GET", "/v1/jobs/" + facts["id"])
            must(shown["ended_at"] is not None and shown["used_ms"] == facts["used_ms"], "job %s ended with %s, is %s",
                 facts["id"], facts, shown)
        elif kind == "rating":
            shown = client.ok("GET", "/v1/jobs/" + facts["id"])
            must(shown["stars"] == facts["stars"], "job %s was rated", facts["id"])
        elif kind == "output":
            lines = client.ok("GET", "/v1/jobs/%s/output?after=%d" % (facts["id"], facts["first_line"] - 1))["items"]
            texts = [line["text"] for line in lines if line["first_line"] == facts["first_line"]]
            must(texts == [facts["text"]], "output %s is %s", facts, texts)
        elif kind == "result":
            shown = client.get("/v1/jobs/%s/results/%s" % (facts["id"], facts["name"]))
            if shown.status == 403:  # withheld: the ending was not paid, or there is none yet
                return
            must(shown.status == 200 and sha256(shown.body) == facts["digest"], "result %s: %s", facts, shown)

    # ── at the end ──

    def check_file(self, feeds):
        """The file, read again, against the whole feed as it is now: {name of feed: {sequence: event}}."""
        counts = {"ack": 0, "seen": 0}
        self.file.flush()
        with open(self.path) as file:
            for text in file:
                line = json.loads(text)
                if "ack" in line:
                    counts["ack"] += 1
                    if line["sequence"] is not None:
                        self.check_event(feeds["operator"][line["sequence"]], line["ack"], line["facts"])
                elif "seen" in line:
                    counts["seen"] += 1
                    event = line["event"]
                    must(feeds[line["seen"]].get(int(event["id"])) == event, "%s saw another %s", line["seen"], event)
        return counts

    def check_once(self, feeds):
        """Every request, repeated or not, took effect at most once; accepted ones exactly once."""
        seen = {}
        for name in ("consumer", "provider"):  # private parts are only theirs
            for event in feeds[name].values():
                data, subject, kind = event["data"], event["subject"], event["type"]
                mark = {"upload.received": data.get("file_name"), "quote.issued": data.get("upload_id"),
                        "job.created": data.get("quote_id"), "job.started": (subject, data.get("attempt")),
                        "job.rated": subject,
                        "job.output": (subject, data.get("first_line")), "escrow.settled": subject,
                        "metric.sampled": (subject, json.dumps(data.get("samples"))),
                        "result.stored": (subject, data.get("file_name"))}.get(kind)
                if kind == "job.progressed" and str(data.get("operation")).startswith("step "):
                    mark = (subject, data["operation"])  # the worker says the same again, after a while or when it was killed
                if mark is not None:
                    seen.setdefault((kind, mark), set()).add(int(event["id"]))
        for (kind, mark), sequences in seen.items():
            must(len(sequences) == 1, "%s %s took effect %d times, at %s", kind, mark, len(sequences), sorted(sequences))
        return len(seen)


class Follower(threading.Thread):
    """Subscribes to all it may see; resumes a little before where it was, and compares."""

    def __init__(self, oracle, name, client, gapless, rng, on_trouble):
        super().__init__(daemon=True, name="feed-" + name)
        self.oracle, self.client, self.gapless, self.on_trouble = oracle, client, gapless, on_trouble
        self.label = name
        self.rng = random.Random(rng.random())
        self.events = {}
        self.order = []
        self.lives = 0      # how often it caught up
        self.resumed = 0    # events seen a second time and found the same
        self.stopping = False
        self.socket = None

    def run(self):
        while not self.stopping:
            try:
                self.follow(max(0, (self.order[-1] if self.order else 0) - self.rng.randrange(60)))
            except (OSError, EOFError):
                time.sleep(0.01)  # the server is away
            except BaseException as error:
                if not self.stopping:
                    self.on_trouble(error)
                return

    def follow(self, after):
        expected = [sequence for sequence in self.order[-200:] if sequence > after]
        with WebSocket(self.client.port, "/v1/feed?token=" + self.client.token, timeout=30) as socket:
            self.socket = socket
            if socket.status != 101:
                raise OSError(socket.status)
            socket.send({"subscribe": {"topics": ["all"], "after": after}})
            last = after
            while not self.stopping:
                message = socket.receive()
                if not isinstance(message, dict):
                    must(message[0] in (1000, 1001, 1011, 1012, 1013), "the feed was closed with %s", message)
                    raise OSError(message)
                if "live" in message:
                    must(not expected, "%s: the feed left out %s", self.label, expected)
                    self.lives += 1
                    with self.oracle.changed:
                        self.oracle.changed.notify_all()
                    continue
                event = message["event"]
                sequence = int(event["id"])
                must(sequence > last, "%s: sequence %d after %d", self.label, sequence, last)
                must(not self.gapless or sequence == last + 1, "%s: a gap from %d to %d", self.label, last, sequence)
                last = sequence
                if expected:
                    must(sequence == expected.pop(0), "%s: sequence %d, which was not there before, or one is missing",
                         self.label, sequence)
                    must(self.events[sequence] == event, "%s: sequence %d was %s, is %s", self.label, sequence,
                         self.events[sequence], event)
                    self.resumed += 1
                else:
                    self.take(sequence, event)

    def take(self, sequence, event):
        with self.oracle.lock:
            must(sequence not in self.events, "%s: sequence %d twice", self.label, sequence)
            self.oracle.note(seen=self.label, event=event)
            self.events[sequence] = event
            self.order.append(sequence)
            if self.label == "operator":
                self.oracle.learn(event)

    def stop(self):
        self.stopping = True
        if self.socket is not None:
            try:
                self.socket.socket.shutdown(2)
            except OSError:
                pass
        self.join(35)


def whole_feed(client):
    """{sequence: event} of all that `client` may see, by pages."""
    events, after = {}, 0
    while True:
        page = client.ok("GET", "/v1/events?after=%d&limit=500" % after)
        for event in page["items"]:
            events[int(event["id"])] = event
        if page["next"] is None:
            return events
        after = page["next"]


def check_feeds(followers):
    """All that each may see, asked for anew, is what it saw: nothing more, nothing less, nothing else."""
    feeds = {}
    for follower in followers:
        client = Client(follower.client.port, follower.client.token)
        now = whole_feed(client)
        must(set(follower.order) <= set(now), "%s saw what is gone: %s", follower.label,
             sorted(set(follower.order) - set(now))[:20])
        for sequence in follower.order:
            must(now[sequence] == follower.events[sequence], "%s: sequence %d changed", follower.label, sequence)
        upto = follower.order[-1] if follower.order else 0
        missed = [sequence for sequence in now if sequence <= upto and sequence not in follower.events]
        must(not missed, "%s was never told of %s", follower.label, missed[:20])
        if follower.gapless:
            must(sorted(now) == list(range(1, len(now) + 1)), "the log has gaps")
        feeds[follower.label] = now
    return feeds


def check_blobs(data, acknowledged):
    """Every accepted file lies in the store with the content its name promises."""
    count = 0
    for digest in {facts["digest"] for kind, _, facts in acknowledged if kind in ("upload", "result")}:
        path = os.path.join(data, "blobs", digest[:2], digest)
        must(os.path.exists(path), "the accepted file %s is gone", digest)
        with open(path, "rb") as file:
            must(sha256(file.read()) == digest, "the accepted file %s has another content", digest)
        count += 1
    return count
