# SPDX-License-Identifier: Apache-2.0
"""Answers held to the server's own OpenAPI document. The harness gives every answer of tallyd to `Contract.check`: an undescribed status or media
type, a field that is missing, too many or of another form, a code that has another status: each is an AssertionError that says where.

    Contract.built().check("GET", "/v1/jobs?limit=5", answer)
"""
import gzip
import json
import os
import re

import jsonschema


def dispatch(validator, one_of, instance, schema):
    """oneOf with a discriminator: the named schema alone, so that an error says what is wrong with it."""
    if "discriminator" not in schema:
        yield from jsonschema.Draft202012Validator.VALIDATORS["oneOf"](validator, one_of, instance, schema)
        return
    name = schema["discriminator"]["propertyName"]
    ref = schema["discriminator"]["mapping"].get(instance.get(name))
    if ref is None:
        yield jsonschema.ValidationError("%r is no %s" % (instance.get(name), name))
    else:
        yield from validator.descend(instance, {"$ref": ref})


Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"oneOf": dispatch})


class Contract:
    loaded = None

    def __init__(self, document):
        self.document = document
        self.validators = {}
        self.paths = [(self.pattern_of(path), path) for path in document["paths"]]

    @classmethod
    def built(cls):
        """That of the programs under test: the build leaves it beside them, and a test compares it with what is served."""
        if cls.loaded is None:
            with open(os.environ["TALLY_BIN_DIR"] + "/../api/openapi.json", encoding="utf-8") as file:
                cls.loaded = cls(json.load(file))
        return cls.loaded

    @staticmethod
    def pattern_of(path):
        return re.compile(re.sub(r"\\\{(\w+)\\\}", lambda m: ".+" if m[1] == "tail" else "[^/]+", re.escape(path)) + "$")

    def operation(self, method, target):
        """The described operation of a request, or None."""
        path = target.partition("?")[0]
        fitting = [name for pattern, name in self.paths if pattern.match(path)]
        fitting.sort(key=lambda name: name.count("{"))
        return self.document["paths"][fitting[0]].get(method.lower()) if fitting else None

    def resolved(self, value):
        while "$ref" in value:
            at = self.document
            for part in value["$ref"][2:].split("/"):
                at = at[part]
            value = at
        return value

    def errors(self, schema, value):
        key = json.dumps(schema, sort_keys=True)
        if key not in self.validators:
            self.validators[key] = Validator({**schema, "components": self.document["components"]})
        return list(self.validators[key].iter_errors(value))

    def hold(self, what, schema, value):
        for error in self.errors(schema, value):
            while error.context:  # of anyOf: the alternative that came furthest
                error = max(error.context, key=lambda inner: len(inner.path))
            raise AssertionError("%s: /%s: %s" % (what, "/".join(map(str, error.absolute_path)), error.message[:1000]))

    def check(self, method, target, answer):
        what = "%s %s answered %d" % (method, target.partition("?")[0], answer.status)
        kind = (answer.headers.get("Content-Type") or "").partition(";")[0]
        operation = self.operation("GET" if method == "HEAD" else method, target)
        if kind == "application/problem+json":
            self.check_problem(what, answer)
            return
        if operation is None:
            return  # a file of the page
        described = operation["responses"].get(str(answer.status))
        assert described is not None, what + ", which the contract does not describe"
        content = self.resolved(described).get("content", {})
        if method == "HEAD" or answer.status in (101, 304):
            return
        assert kind in content if content else answer.body == b"", "%s with %s, described are %s" % (what, kind, list(content))
        if kind == "application/json":
            packed = answer.headers.get("Content-Encoding") == "gzip"
            self.hold(what, content[kind]["schema"], json.loads(gzip.decompress(answer.body)) if packed else answer.json)
        self.check_headers(what, self.resolved(described), answer)

    def check_message(self, message):
        """One that the feed sent."""
        self.hold("the feed sent", {"$ref": "#/components/schemas/FeedMessage"}, message)

    def check_headers(self, what, described, answer):
        for name in ("Tally-Sequence", "Idempotent-Replayed"):
            value = answer.headers.get(name)
            if value is not None:
                assert name in described.get("headers", {}), "%s with %s, which is not described" % (what, name)
                schema = self.resolved(described["headers"][name])["schema"]
                self.hold(what + ": " + name, schema, int(value) if schema.get("type") == "integer" else value)

    def check_problem(self, what, answer):
        if not answer.body:
            return  # to HEAD
        problem = answer.json
        self.hold(what, {"$ref": "#/components/schemas/Problem"}, problem)
        described = self.document["x-error-codes"][problem["code"]]["status"]
        assert answer.status == problem["status"], (what, problem)
        assert answer.status in described, "%s: %s is described with %s" % (what, problem["code"], described)
