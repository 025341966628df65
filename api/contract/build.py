# SPDX-License-Identifier: Apache-2.0
"""The contract: from the *.yaml beside this file and docs/event-catalogue.md to one OpenAPI 3.1 document, the page that shows it, and both as C.

    build.py OUT_FOLDER      # openapi.json, docs.html, contract_data.c

The sources are OpenAPI, split by resource, with these shorthands, so that strictness is what one gets without asking:

    name: "Type: What it is."     a property: Type is text, count, int, number, bool, any, a|b|c (one of these words), or a schema's name;
                                  [Type] is a list, Type? may be null
    name?: …                      a property that may be missing; all others of an object are required
    an object                     takes no other properties, unless it says additionalProperties
    scopes: [consumer, provider]  of an operation: a token with any of these; public: no token; any: whatever token
    writes: true                  of an operation: takes Idempotency-Key, answers Tally-Sequence
    body: Schema                  of an operation: its JSON request
    answers: {200: Schema}        of an operation: its JSON responses; null: an empty body
    query: {limit: Limit, …}      of an operation: its query parameters, as properties are written; `name` required, `name?` not

Every operation also answers problems. Events come from the catalogue, with the meaning of each field's name from events.yaml."""
import html
import json
import os
import re
import sys

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
METHODS = ("get", "put", "post", "delete", "patch")
SIMPLE = {
    "text": {"type": "string"},
    "count": {"type": "integer", "minimum": 0},
    "int": {"type": "integer"},
    "number": {"type": "number"},
    "bool": {"type": "boolean"},
    "any": {},
}
DROPPED = ("scopes", "writes", "body", "answers", "query")


class Bad(Exception):
    pass


def fail(where, what):
    raise Bad("%s: %s" % (where, what))


# ── shorthands ──────────────────────────────────────────────────────────────────────────────────

def type_of(text):
    if text.endswith("?"):
        inner = type_of(text[:-1])
        if "type" in inner and "enum" not in inner:
            return {**inner, "type": [inner["type"], "null"]}
        return {"anyOf": [inner, {"type": "null"}]}
    if text.startswith("[") and text.endswith("]"):
        return {"type": "array", "items": type_of(text[1:-1])}
    if text in SIMPLE:
        return dict(SIMPLE[text])
    if "|" in text:
        return {"type": "string", "enum": text.split("|")}
    return {"$ref": "#/components/schemas/" + text}


def property_of(where, value):
    if not isinstance(value, str):
        return schema_of(where, value)
    kind, colon, meaning = value.partition(": ")
    if not colon or not meaning or not re.fullmatch(r"[A-Za-z0-9_|\[\]? .-]+", kind):
        fail(where, "a property is \"Type: What it is.\", not %r" % value)
    return {**type_of(kind), "description": meaning}


def properties_of(where, properties):
    """Written properties, and the names that may not be missing."""
    made, required = {}, []
    for name, value in properties.items():
        plain = name.rstrip("?")
        made[plain] = property_of("%s.%s" % (where, plain), value)
        if plain == name:
            required.append(plain)
    return made, required


def schema_of(where, schema):
    if isinstance(schema, str):
        return type_of(schema)
    schema = dict(schema)
    if "properties" in schema:
        schema["properties"], required = properties_of(where, schema["properties"])
        schema.setdefault("type", "object")
        schema.setdefault("additionalProperties", False)
        if required:
            schema.setdefault("required", required)
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), (dict, str)):
            schema[name] = property_of("%s.%s" % (where, name), schema[name]) if isinstance(schema[name], str) and ": " in \
                schema[name] else schema_of("%s.%s" % (where, name), schema[name])
    for name in ("allOf", "anyOf", "oneOf"):
        if name in schema:
            schema[name] = [schema_of("%s.%s" % (where, name), item) for item in schema[name]]
    return schema


def parameters_of(where, query):
    made, required = properties_of(where, query)
    return [{"name": name, "in": "query", "required": name in required, "description": schema.pop("description"),
             "schema": schema} for name, schema in made.items()]


WRITE_HEADERS = {"Tally-Sequence": {"$ref": "#/components/headers/Tally-Sequence"},
                 "Idempotent-Replayed": {"$ref": "#/components/headers/Idempotent-Replayed"}}


def answers_of(where, answers, writes):
    made = {}
    for status, answer in answers.items():
        if answer is None:
            answer = {"description": "Nothing is said."}
        elif isinstance(answer, str):
            answer = {"description": "See the schema.", "content": {
                "application/json": {"schema": schema_of(where, answer)}}}
        if writes and 200 <= int(status) < 300:
            answer = {**answer, "headers": {**answer.get("headers", {}), **WRITE_HEADERS}}
        made[str(status)] = answer
    return made


def is_view(where, operation):
    """Read as JSON, and therefore tagged."""
    answer = operation.get("answers", {}).get(200)
    return where.startswith("get ") and (isinstance(answer, str) or "schema" in (answer or {}))


def operation_of(where, operation):
    made = {name: value for name, value in operation.items() if name not in DROPPED}
    for name in ("tags", "summary", "scopes"):
        if name not in operation:
            fail(where, "has no " + name)
    scopes = operation["scopes"]
    made["security"] = [] if scopes == "public" else [{"token": []}] if scopes == "any" else [
        {"token": [scope]} for scope in scopes]
    parameters = list(operation.get("parameters", [])) + parameters_of(where, operation.get("query", {}))
    if operation.get("writes"):
        parameters.append({"$ref": "#/components/parameters/Idempotency-Key"})
    if parameters:
        made["parameters"] = parameters
    if "body" in operation:
        made["requestBody"] = {"required": True, "content": {
            "application/json": {"schema": schema_of(where, operation["body"])}}}
    made["responses"] = {**answers_of(where, operation.get("answers", {}), operation.get("writes")),
                         **operation.get("responses", {}),
                         **({"304": {"$ref": "#/components/responses/Unchanged"}} if is_view(where, operation) else {}),
                         "default": {"$ref": "#/components/responses/Problem"}}
    return made


# ── events ──────────────────────────────────────────────────────────────────────────────────────

FIELD = re.compile(r"( +)\d+ (\w+) (\w+) (public|private)(.*)")
EVENT_TYPES = {"id": "Id", "time": "Time", "amount": "Amount", "hash": "Hash", "identity": "Identity", "txid": "TransactionId",
               "u64": "count", "text": "text", "bool": "bool", "bytes": "Hex"}
NEVER_LEFT_OUT = ("u64", "amount", "bool", "list", "text", "bytes")


def field_of(name, kind, visibility, words, meanings):
    if name not in meanings:
        fail("events.yaml", "says not what the field %s means" % name)
    meaning = meanings[name] + (" Private: only for those it concerns." if visibility == "private" else "")
    if kind == "enum":
        schema = {"type": "string", "enum": [word.partition("=")[2] for word in words.split()]}
    elif kind == "list":
        schema = {"type": "array", "items": {"type": "object", "additionalProperties": False, "properties": {}, "required": []}}
    else:
        schema = type_of(EVENT_TYPES[kind])
    return {**schema, "description": meaning}, kind in NEVER_LEFT_OUT and visibility == "public"


def events_of(catalogue, meanings):
    """Schema name → schema of each event type, and type → schema name. A type with several versions is one of theirs."""
    schemas, mapping, versions, data, item = {}, {}, {}, None, None
    for line in catalogue.split("```")[1].strip().splitlines():
        head = re.fullmatch(r"\d+ v(\d+) ([\w.]+) stream=(\w+)", line)
        if head:
            version, name, stream = head.groups()
            if name not in meanings["types"]:
                fail("events.yaml", "says not what the event %s means" % name)
            data = {"type": "object", "additionalProperties": False, "properties": {}, "required": []}
            versions.setdefault(name, []).append(
                event_schema(name, int(version), stream, meanings["types"][name], data, meanings["envelope"]))
            continue
        depth, name, kind, visibility, words = FIELD.fullmatch(line).groups()
        into = data if len(depth) == 3 else item
        into["properties"][name], required = field_of(name, kind, visibility, words, meanings["fields"])
        if required:
            into["required"].append(name)
        if kind == "list":
            item = into["properties"][name]["items"]
    for name, made in versions.items():
        schema = "Event_" + name.replace(".", "_")
        mapping[name] = "#/components/schemas/" + schema
        schemas[schema] = made[0]
        if len(made) > 1:
            each = {"%s_v%d" % (schema, one["properties"]["typeversion"]["const"]): one for one in made}
            schemas.update(each)
            schemas[schema] = {"type": "object", "description": meanings["types"][name] + " `typeversion` says which.",
                               "properties": {"type": made[0]["properties"]["type"]}, "required": ["type"],
                               "additionalProperties": True,  # each version is closed
                               "oneOf": [{"$ref": "#/components/schemas/" + one} for one in each]}
    return schemas, mapping


def event_schema(name, version, stream, meaning, data, envelope):
    properties, required = properties_of("envelope", envelope)
    properties["type"] = {"const": name, "description": properties["type"]["description"]}
    properties["typeversion"] = {"const": version, "description": properties["typeversion"]["description"]}
    properties["subject"] = {**properties["subject"], "pattern": "^%s:" % stream}
    properties["data"] = {**data, "description": "Its fields."}
    return {"type": "object", "description": meaning, "properties": properties, "required": required + ["data"],
            "additionalProperties": False}


# ── the document ────────────────────────────────────────────────────────────────────────────────

def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return yaml.safe_load(file)


def document():
    made = read("document.yaml")
    schemas = {}
    codes = read("errors.yaml")
    for name in sorted(os.listdir(HERE)):
        if not name.endswith(".yaml") or name in ("document.yaml", "errors.yaml", "events.yaml"):
            continue
        part = read(name)
        for path, item in part.get("paths", {}).items():
            shared = item.pop("parameters", [])
            into = made["paths"].setdefault(path, {"parameters": shared} if shared else {})
            for method, operation in item.items():
                into[method] = operation_of("%s %s" % (method, path), operation)
        for schema, value in part.get("schemas", {}).items():
            if schema in schemas:
                fail(name, "%s is there twice" % schema)
            schemas[schema] = schema_of(schema, value)
    meanings = read("events.yaml")
    with open(os.path.join(ROOT, "docs/event-catalogue.md"), encoding="utf-8") as file:
        events, mapping = events_of(file.read(), meanings)
    schemas["Event"] = {"description": meanings["description"],
                        "oneOf": [{"$ref": ref} for ref in mapping.values()],
                        "discriminator": {"propertyName": "type", "mapping": mapping}}
    schemas.update(events)
    schemas.update({name: schema_of(name, value) for name, value in made["components"]["schemas"].items()})
    schemas["Problem"]["properties"]["code"] = {"type": "string", "enum": sorted(codes),
                                                "description": schemas["Problem"]["properties"]["code"]["description"]}
    made["components"]["schemas"] = dict(sorted(schemas.items()))
    made["paths"] = dict(sorted(made["paths"].items()))
    made["x-error-codes"] = {code: {"status": codes[code][0] if isinstance(codes[code][0], list) else [codes[code][0]],
                                    "meaning": codes[code][1]} for code in sorted(codes)}
    return made


# ── the page ────────────────────────────────────────────────────────────────────────────────────

def words_of(schema):
    """A schema's type in a few words, with links."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return '<a href="#schema-%s">%s</a>' % (name, name)
    if "anyOf" in schema:
        return " or ".join(words_of(item) for item in schema["anyOf"])
    if "enum" in schema:
        return " | ".join("<code>%s</code>" % html.escape(str(word)) for word in schema["enum"])
    if "const" in schema:
        return "<code>%s</code>" % html.escape(str(schema["const"]))
    kind = schema.get("type", "anything")
    if kind == "array":
        return "list of " + words_of(schema.get("items", {}))
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    limits = ["%s %s" % (name, schema[key]) for key, name in (("minimum", "from"), ("maximum", "to"), ("minLength", "from"),
              ("maxLength", "to"), ("minItems", "from"), ("maxItems", "to"), ("pattern", "matching")) if key in schema]
    return html.escape(" ".join([kind] + limits))


def rows_of(schema, indent=0):
    made = []
    for name, value in schema.get("properties", {}).items():
        missing = "" if name in schema.get("required", []) else ' <span class="may">may be missing</span>'
        made.append('<tr><td class="in%d"><code>%s</code>%s</td><td>%s</td><td>%s</td></tr>' % (
            min(indent, 3), html.escape(name), missing, words_of(value), html.escape(value.get("description", ""))))
        made += rows_of(value.get("items", {}) if value.get("type") == "array" else value, indent + 1)
    return made


def shape_of(schema):
    if "anyOf" in schema and "properties" in schema["anyOf"][0]:
        return "<p>or</p>".join(shape_of(item) for item in schema["anyOf"])
    rows = rows_of(schema)
    return "<table>%s</table>" % "".join(rows) if rows else "<p>%s</p>" % words_of(schema)


def content_of(content):
    return "".join("<p><code>%s</code>: %s</p>%s" % (html.escape(kind), words_of(value.get("schema", {})),
                   "<table>%s</table>" % "".join(rows_of(value["schema"])) if value.get("schema", {}).get("properties") else "")
                   for kind, value in content.items())


def resolve(made, value):
    if "$ref" in value:
        at = made
        for part in value["$ref"][2:].split("/"):
            at = at[part]
        return at
    return value


def operation_page(made, path, method, shared, operation):
    who = [list(item.values())[0] for item in operation["security"]]
    needs = "no token" if not who else "any token" if who == [[]] else "a token of a " + " or ".join(name[0] for name in who)
    parts = ['<section id="%s"><h3><b>%s</b> <code>%s</code></h3><p>%s</p>' % (
        operation["operationId"], method.upper(), html.escape(path), html.escape(operation["summary"]))]
    if "description" in operation:
        parts.append("<p>%s</p>" % html.escape(operation["description"]))
    parts.append("<p class=\"who\">Needs %s.</p>" % needs)
    parameters = [resolve(made, value) for value in shared + operation.get("parameters", [])]
    if parameters:
        parts.append("<h4>Parameters</h4><table>%s</table>" % "".join(
            "<tr><td><code>%s</code> in %s%s</td><td>%s</td><td>%s</td></tr>" % (
                html.escape(value["name"]), value["in"], "" if value["required"] else ' <span class="may">may be missing</span>',
                words_of(value["schema"]), html.escape(value["description"])) for value in parameters))
    for name, schema in operation.get("x-messages", {}).items():
        parts.append("<h4>Messages that are %s</h4><p>%s</p>" % (name, words_of(schema)))
    if "requestBody" in operation:
        parts.append("<h4>Request</h4>" + content_of(operation["requestBody"]["content"]))
    for status, answer in operation["responses"].items():
        answer = resolve(made, answer)
        parts.append("<h4>%s</h4><p>%s</p>%s" % (
            "Anything else" if status == "default" else status, html.escape(answer["description"]),
            content_of(answer.get("content", {}))))
    return "".join(parts) + "</section>"


def page(made):
    contents, body = [], []
    for tag in made["tags"]:
        contents.append('<li><a href="#tag-%s">%s</a></li>' % (tag["name"], html.escape(tag["name"])))
        body.append('<h2 id="tag-%s">%s</h2><p>%s</p>' % (tag["name"], html.escape(tag["name"]), html.escape(tag["description"])))
        for path, item in made["paths"].items():
            body += [operation_page(made, path, method, item.get("parameters", []), item[method])
                     for method in METHODS if method in item and tag["name"] in item[method]["tags"]]
    codes = "".join('<tr id="code-%s"><td><code>%s</code></td><td>%s</td><td>%s</td></tr>' % (
        code, code, ", ".join(map(str, row["status"])), html.escape(row["meaning"])) for code, row in made["x-error-codes"].items())
    schemas = "".join('<section id="schema-%s"><h3>%s</h3><p>%s</p>%s</section>' % (
        name, name, html.escape(schema.get("description", "")), shape_of(schema))
        for name, schema in made["components"]["schemas"].items())
    about = "".join("<p>%s</p>" % html.escape(text) for text in made["info"]["description"].strip().split("\n\n"))
    return ('<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            '<title>%s</title><link rel="stylesheet" href="/docs/style.css"></head><body><nav><ul>%s<li><a href="#codes">Errors</a></li>'
            '<li><a href="#schemas">Schemas</a></li><li><a href="/openapi.json">openapi.json</a></li></ul></nav>'
            '<main><h1>%s</h1>%s%s<h2 id="codes">Errors</h2><table>%s</table><h2 id="schemas">Schemas</h2>%s</main></body></html>\n' % (
                html.escape(made["info"]["title"]), "".join(contents), html.escape(made["info"]["title"]), about, "".join(body),
                codes, schemas))


def c_array(name, data):
    rows = [", ".join(map(str, data[i:i + 32])) for i in range(0, len(data), 32)]
    return "static const uint8_t %s_bytes[] = {\n%s};\nconst struct bytes %s = {%s_bytes, sizeof %s_bytes};\n" % (
        name, ",\n".join(rows), name, name, name)


def main(folder):
    os.makedirs(folder, exist_ok=True)
    try:
        made = document()
    except Bad as error:
        sys.exit("contract: %s" % error)
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()
    shown = page(made).encode()
    with open(os.path.join(HERE, "style.css"), "rb") as file:
        style = file.read()
    for name, data in (("openapi.json", text), ("docs.html", shown)):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
    with open(os.path.join(folder, "contract_data.c"), "w", encoding="ascii") as file:
        file.write('/* Made by api/contract/build.py. */\n#include "api/contract.h"\n\n' + c_array("contract_openapi", text) +
                   c_array("contract_docs", shown) + c_array("contract_style", style))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: build.py OUT_FOLDER")
    main(sys.argv[1])
