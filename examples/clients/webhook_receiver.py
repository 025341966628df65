#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A receiver of webhooks that does what one has to do: it believes nothing without a signature, does each message once, and answers when that is done.

    webhook_receiver.py --secret-file FILE --done FILE [--port 8080]

FILE of the secret holds what POST /v1/webhooks showed (whsec_…). What is done is a line of the other file: the message's id and the event's type. It
stands for a database: whoever keeps the ids there, in the same transaction as what the events mean, does each event exactly once."""
import argparse
import base64
import hashlib
import hmac
import http.server
import json
import os
import time

TOLERANCE_S = 300  # an older message may be one that somebody recorded
BODY_MAX = 1 << 20


def signature_is_good(secret, headers, body, now):
    """Of any of the signatures: while a secret is rotated there are two."""
    if abs(now - int(headers["webhook-timestamp"])) > TOLERANCE_S:
        return False
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    key = base64.b64decode(secret.removeprefix("whsec_"))
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(wanted, one) for one in headers["webhook-signature"].split(" "))


class Done:
    """The ids of messages that were done, on disk before they are answered."""

    def __init__(self, path):
        self.file = open(path, "a+", encoding="utf-8")
        self.file.seek(0)
        self.ids = {line.split(" ")[0] for line in self.file}

    def do(self, message_id, event):
        if message_id in self.ids:
            return
        self.file.write("%s %s\n" % (message_id, event["type"]))  # here: whatever the event means to you
        self.file.flush()
        os.fsync(self.file.fileno())
        self.ids.add(message_id)


def handler(secret, done):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            try:
                body = self.rfile.read(min(int(self.headers["Content-Length"]), BODY_MAX))
                good = signature_is_good(secret, self.headers, body, time.time())
            except (KeyError, TypeError, ValueError, AttributeError):
                good = False
            if good:
                done.do(self.headers["webhook-id"], json.loads(body))
            self.send_response(204 if good else 401)
            self.end_headers()
    return Handler


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--secret-file", required=True)
    parser.add_argument("--done", required=True)
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args()
    with open(options.secret_file, encoding="utf-8") as file:
        secret = file.read().strip()
    # One thread: messages of one webhook come one after another anyway.
    server = http.server.HTTPServer(("127.0.0.1", options.port), handler(secret, Done(options.done)))
    print("webhook_receiver listening on http://127.0.0.1:%d" % server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
