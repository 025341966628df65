# SPDX-License-Identifier: Apache-2.0
"""The API's contract as a document: strict everywhere, every field and parameter described, good JSON Schema, and every error code of the sources in it.

That it is the router's is tests/api/test_contract.c, that answers are as it says tests/support/contract.py."""
import glob
import importlib.util
import os
import re
import unittest

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# A refusal's word and its error, as the sources write them: call_problem(…, 404, "no_such_job", …), refuse(d, ERR_CONFLICT, "quote_used", …),
# err_set(err, ERR_FULL, "disk_full: …").
WITH_STATUS = re.compile(r'\b([45]\d\d),\s*"([a-z]+(?:_[a-z]+)+)"')
WITH_ERROR = re.compile(r'\bERR_([A-Z_]+),\s*"([a-z]+(?:_[a-z]+)*)(?:",|": |: )')
IN_OTHER_WAYS = re.compile(r'(?:\.too_large = |"code", |http_problem_append\(&body, status, |refuse\(server, stream, )"([a-z_]+)"')
# What no client meets under this name: an internal error is answered as `internal`,
OURS = {"INTERNAL", "IO", "CORRUPT", "NOMEM"}
# these files decide what only the ledger and settlement command,
NOT_COMMANDED = ("core/market/decide_escrow.c", "core/settlement/")
# and these words belong to such commands in files that have others too, or are checked before by the route.
NOT_MET = {
    "account_exists", "analysis_invalid", "anchor_invalid", "anchor_old", "already_open", "found_differs", "generation_used", "job_exists", "key_id_used",
    "key_in_use", "key_newest", "key_retired", "no_job", "no_such_escrow", "no_such_key", "not_open", "not_reread", "not_settlement", "nothing_due", "nothing_new", "observing",
    "paid_before", "quote_exists", "reread_invalid", "reread_too_large", "restore_invalid", "terms_invalid", "token_invalid", "upload_exists",
}


def load_contract():
    spec = importlib.util.spec_from_file_location("build", ROOT + "/api/contract/build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    return build.document()


def codes_of_sources():
    codes = {}
    for folder in ("api", "core/net", "core/market", "core/ledger", "core/settlement", "projections"):
        for path in glob.glob("%s/%s/**/*.c" % (ROOT, folder), recursive=True):
            name = os.path.relpath(path, ROOT)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            found = {code for _, code in WITH_STATUS.findall(text)} | set(IN_OTHER_WAYS.findall(text))
            if not name.startswith(NOT_COMMANDED):
                found |= {code for error, code in WITH_ERROR.findall(text) if error not in OURS}
            for code in found - NOT_MET:
                codes.setdefault(code, set()).add(name)
    return codes


def walk(value, where=""):
    """Every object schema of the document, with where it is."""
    if isinstance(value, dict):
        if "properties" in value and value.get("type", "object") == "object":
            yield where, value
        for name, inner in value.items():
            yield from walk(inner, "%s/%s" % (where, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, "%s/%d" % (where, index))


class Contract(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = load_contract()

    def test_every_code_of_the_sources_is_listed(self):
        missing = {code: sorted(files) for code, files in codes_of_sources().items() if code not in self.document["x-error-codes"]}
        self.assertEqual(missing, {}, "add them to api/contract/errors.yaml")

    def test_every_listed_code_is_in_the_sources(self):
        texts = []
        for folder in ("api", "core"):
            for path in glob.glob("%s/%s/**/*.[ch]" % (ROOT, folder), recursive=True):
                with open(path, encoding="utf-8") as file:
                    texts.append(file.read())
        text = "\n".join(texts)
        self.assertEqual([code for code in self.document["x-error-codes"] if not re.search(r'"%s(: |")' % code, text)], [])

    def test_every_object_is_closed_and_every_field_described(self):
        seen = 0
        for where, schema in walk(self.document["components"]["schemas"]):
            seen += 1
            self.assertIn("additionalProperties", schema, where)
            self.assertLessEqual(set(schema.get("required", [])), set(schema["properties"]), where)
            for name, value in schema["properties"].items():
                self.assertTrue(value.get("description"), "%s.%s is not described" % (where, name))
        self.assertGreater(seen, 150)

    def test_every_operation_and_parameter_is_described_and_named_once(self):
        names = []
        for path, item in self.document["paths"].items():
            templated = set(re.findall(r"\{(\w+)\}", path))
            self.assertEqual({value["name"] for value in item.get("parameters", [])}, templated, path)
            for method, operation in item.items():
                if method == "parameters":
                    continue
                names.append(operation["operationId"])
                self.assertTrue(operation["summary"], path)
                for value in operation.get("parameters", []):
                    self.assertTrue("$ref" in value or value["description"], (path, value))
                if method in ("post", "put") and "Idempotency-Key" not in str(operation.get("parameters")):
                    self.assertIn(operation["operationId"], (
                        "createChallenge", "openSession", "broadcast", "faucet", "estimate", "enrol", "join", "issueToken", "moveWebhook",
                        "resendEvent", "testWebhook", "declareResult"), "writes: true?")
        self.assertEqual(len(names), len(set(names)))

    def test_every_reference_leads_somewhere_and_every_schema_is_used(self):
        refs = set(re.findall(r"#/components/(\w+)/([\w.-]+)", str(self.document)))
        for kind, name in refs:
            self.assertIn(name, self.document["components"][kind])
        unused = {name for name in self.document["components"]["schemas"] if ("schemas", name) not in refs}
        self.assertEqual(unused, set())

    def test_schemas_are_good_json_schema(self):
        for name, schema in self.document["components"]["schemas"].items():
            with self.subTest(name):
                jsonschema.Draft202012Validator.check_schema(schema)

    def test_a_dropped_and_a_renamed_field_are_seen(self):
        schema = {"$ref": "#/components/schemas/Quote", "components": self.document["components"]}
        good = {name: 1 for name in self.document["components"]["schemas"]["Quote"]["properties"]}
        good.update({name: "0192f3a0-5d2c-7c41-9a3e-1b2c3d4e5f60" for name in good if name.endswith("id")}, expires_at="2026-11-24T02:55:46Z", sealing_key=None, settings=[])
        validator = jsonschema.Draft202012Validator(schema)
        self.assertTrue(validator.is_valid(good))
        for name in good:
            left = {other: value for other, value in good.items() if other != name}
            self.assertFalse(validator.is_valid(left), name)
            self.assertFalse(validator.is_valid({**left, name + "x": good[name]}), name)


if __name__ == "__main__":
    unittest.main()
