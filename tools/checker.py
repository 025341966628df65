#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""checker.py: checks a Tallystick event log without Tallystick.

Written from docs/record-format.md alone, sharing nothing with the C program. It opens <data>/log read-only, as one snapshot, and
checks sequences, headers, msgpack in its one spelling, private digests, command ids, every leaf hash, the full tiles, the
frontier, the root, that `private.erased` names each missing private part, anchored roots, and the checkpoint (origin, key id,
Ed25519 signature, root at its size). It does not know the event catalogue (no field's kind is checked), and asks no chain.

LMDB pages have no checksums, so reading a damaged file may kill the reader: a child process does the work and leaves
the sequence it is at in shared memory. Needs Debian's python3-lmdb."""
import argparse, base64, functools, hashlib, importlib.util, json, mmap, os, re, struct, sys, uuid  # noqa: E401

HEADER, RECORD_SIZE_MIN, RECORD_SIZE_MAX, SALT_SIZE = struct.Struct(">BBHHBBqQ16s16s16s32s"), 105, 65535, 16
TABLES = {"records": True, "private": True, "tiles": False, "meta": False}  # name: keys are integers
TYPE_OPENED, TYPE_RESTORED, TYPE_ANCHORED, TYPE_ERASED, OPERATOR = 1, 3, 80, 82, 5
OPENED = ((1, bytes), (6, bytes), (8, str))  # fields of ledger.opened that the origin and the checkpoint need
NOTE = re.compile(rb"(?P<text>(?P<origin>[^\n]+)\n(?P<size>[1-9][0-9]{0,18})\n(?P<root>[^\n]+)\n)\n"
                  rb"\xe2\x80\x94 (?P<signer>[^\n]+) (?P<signed>[A-Za-z0-9+/]{90}[AEIMQUYcgkosw048]=)\n")

class Bad(Exception):
    """Arguments: what is wrong, as a sentence; the sequence to name, or None for the record being read."""

def need(condition, sentence, sequence=None):
    if not condition:
        raise Bad(sentence, sequence)

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

# tag: kind, bytes of the number that follows, the smallest number (of the negative: the largest) that needs them.
TAGS = {0xC4: ("bin", 1, 0), 0xC5: ("bin", 2, 1 << 8), 0xC6: ("bin", 4, 1 << 16),
        0xCC: ("int", 1, 1 << 7), 0xCD: ("int", 2, 1 << 8), 0xCE: ("int", 4, 1 << 16), 0xCF: ("int", 8, 1 << 32),
        0xD0: ("int", 1, -0x21), 0xD1: ("int", 2, -0x81), 0xD2: ("int", 4, -0x8001), 0xD3: ("int", 8, -0x80000001),
        0xD9: ("str", 1, 32), 0xDA: ("str", 2, 1 << 8), 0xDB: ("str", 4, 1 << 16), 0xDC: ("array", 2, 16),
        0xDD: ("array", 4, 1 << 16), 0xDE: ("map", 2, 16), 0xDF: ("map", 4, 1 << 16)}

class Fields:
    """Reads one map from field number to value; anything but the one spelling is Bad."""
    def __init__(self, data, what, number_min):
        self.data, self.what, self.at = data, what, 0
        self.fields = self.map("whole", number_min)
        self.need(self.at == len(data), "bytes follow the last field")

    def need(self, condition, sentence):
        need(condition, f"{self.what}, byte {self.at}: {sentence}")

    def take(self, size):
        self.need(size <= len(self.data) - self.at, "ends in the middle of a value")
        self.at += size
        return self.data[self.at - size:self.at]

    def head(self):
        tag = self.take(1)[0]
        if tag < 0x80 or tag >= 0xE0:
            return "int", tag if tag < 0x80 else tag - 256
        if tag < 0xC0:
            return ("map", tag & 15) if tag < 0x90 else ("array", tag & 15) if tag < 0xA0 else ("str", tag & 31)
        if tag == 0xC3:
            return "true", True
        self.need(tag in TAGS, f"msgpack tag 0x{tag:02x} is none that a field may have")
        kind, size, limit = TAGS[tag]
        number = int.from_bytes(self.take(size), "big", signed=limit < 0)
        self.need(number <= limit if limit < 0 else number >= limit, f"{kind} is not in its shortest form")
        return kind, number

    def map(self, place, number_min):
        kind, count = self.head()
        self.need(kind == "map", f"the {place} is not a map")
        fields, last = {}, number_min - 1
        for _ in range(count):
            kind, number = self.head()
            self.need(kind == "int" and number >= number_min, f"a field number is an integer from {number_min}")
            self.need(number > last, f"field {number} comes after field {last}")
            fields[number], last = self.value(number), number
        return fields

    def value(self, number):
        kind, n = self.head()
        self.need(kind != "map", f"field {number} is a map, which only the items of a list are")
        self.need(n != 0, f"field {number} is zero or empty: it has to be absent")
        if kind in ("int", "true"):
            return n
        if kind == "array":
            return [self.map("list item", 1) for _ in range(n)]
        return self.take(n) if kind == "bin" else self.take(n).decode()

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

def point_add(p, q):
    mixed = D * p[0] * q[0] * p[1] * q[1] % P
    return ((p[0] * q[1] + q[0] * p[1]) * pow(1 + mixed, -1, P) % P,
            (p[1] * q[1] + p[0] * q[0]) * pow(1 - mixed, -1, P) % P)

def point_multiply(scalar, point):
    result = (0, 1)
    for bit in bin(scalar)[2:]:
        result = functools.reduce(point_add, (result, result, point) if bit == "1" else (result, result))
    return result

def point_decode(data):
    """The point, or None where the bytes are not a point's only encoding."""
    y, odd = int.from_bytes(data, "little") & (1 << 255) - 1, data[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    return None if y >= P or x * x % P != square or (x == 0 and odd) else (x if x & 1 == odd else P - x, y)

def point_encode(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")

BASE = point_decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))

def ed25519_verify(key, message, signature):
    point, s = point_decode(key), int.from_bytes(signature[32:], "little")
    if point is None or len(signature) != 64 or s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    return point_encode(point_add(point_multiply(s, BASE), point_multiply(k, (P - point[0], point[1])))) == signature[:32]

class Tree:
    """Grows by leaf hashes; hands each full tile to `on_tile(level, index, hashes)`."""
    def __init__(self, on_tile):
        self.size, self.on_tile = 0, on_tile
        self.peaks, self.tiles = [], {}  # roots of the perfect subtrees, largest first; level: the tile not yet full

    def append(self, node):
        height, self.size = 0, self.size + 1
        while True:
            if height % 8 == 0:
                self.add_to_tile(height // 8, node)
            if self.size >> height & 1:
                break
            height, node = height + 1, sha256(b"\x01", self.peaks.pop(), node)
        self.peaks.append(node)

    def add_to_tile(self, level, node):
        tile = self.tiles[level] = self.tiles.get(level, b"") + node
        if len(tile) == 256 * 32:
            self.on_tile(level, (self.size >> 8 * (level + 1)) - 1, self.tiles.pop(level))

    def root(self):
        return functools.reduce(lambda right, left: sha256(b"\x01", left, right), reversed(self.peaks))

class Log:
    def __init__(self, txn, tables, progress):
        self.txn, self.tables, self.progress, self.tree = txn, tables, progress, Tree(self.check_tile)
        self.time = self.command = self.opened = None
        self.counts = {"private": 0, "tiles": 0, "anchors": 0}
        self.commands, self.generations, self.roots = set(), [(0, 0)], {}  # generations: (sequence it begins at, number)
        self.missing, self.erased = [], set()  # sequences: without their private part, and named by private.erased

    def check_record(self, sequence, key, record):
        need(struct.unpack("=Q", key)[0] == sequence, f"the next record is at {struct.unpack('=Q', key)[0]}, not here")
        need(RECORD_SIZE_MIN <= len(record) <= RECORD_SIZE_MAX, f"the record has {len(record)} bytes")
        form, flags, kind, _, stream, actor_kind, time, cause, _, actor, command, digest = HEADER.unpack_from(record)
        need((form, flags) == (1, 0), f"format {form} and flags {flags} are not 1 and 0")
        need(1 <= stream <= 9 and 1 <= actor_kind <= 5, f"stream kind {stream} or actor kind {actor_kind} is none")
        need(actor_kind == OPERATOR or any(actor) == (actor_kind in (2, 3)), f"actor id {actor.hex()} for actor kind {actor_kind}")
        need(self.time is None or time >= self.time, f"time {time} is before the previous record's, {self.time}")
        need(cause < sequence, f"causation {cause} is not an earlier sequence")
        need(command == self.command or command not in self.commands,
             f"command id {command.hex()} was used before, with another command's record between")
        self.time, self.command = time, command
        self.commands.add(command)
        fields = Fields(record[HEADER.size:], "public fields", 1).fields
        self.check_private(sequence, digest, self.txn.get(key, db=self.tables["private"]))
        if kind == TYPE_ERASED:
            self.erased.update(item.get(1) for item in fields.get(1, []))
        if kind == TYPE_ANCHORED:  # of records before this one: others have no root yet
            need(self.roots.get(fields[1]) == fields.get(2, 0), f"the anchored root of {fields[1]} records is not theirs")
            self.counts["anchors"] += 1
        need((kind == TYPE_OPENED) == (sequence == 1), f"type {kind}: ledger.opened is record 1 and no other")
        if sequence == 1:
            lengths = [len(fields[number]) for number, form in OPENED if type(fields.get(number)) is form]
            need(lengths[:2] == [16, 32] and len(lengths) == 3 and fields.get(4) == 1,
                 "ledger.opened lacks a log id of 16 bytes, record format 1, a checkpoint key of 32 or a name")
            need(not re.search(r"[\s+]", fields[8]), "the log's name has a space or a plus, which no origin has")
            self.opened = fields
        if kind in (TYPE_OPENED, TYPE_RESTORED):
            generation, parent = fields.get(2 if sequence == 1 else 1), (fields.get(2), fields.get(3))
            need(type(generation) is int and generation > self.generations[-1][1], "the generation is not an integer above the last")
            need(sequence == 1 or parent == (sequence - 1, self.tree.root()), "parent size or root is not the log's")
            self.generations.append((sequence, generation))
        self.tree.append(sha256(b"\x00", record))

    def check_private(self, sequence, digest, value):
        if not any(digest):
            need(value is None, "there is a private part, but the record's private digest is zero")
        elif value is None:
            self.missing.append(sequence)
        else:
            self.counts["private"] += 1
            need(sha256(value) == digest, "the private part does not give the record's private digest")
            mark = Fields(value[SALT_SIZE:], "private part", 0).fields.get(0, bytes(32))
            need(type(mark) is bytes and len(mark) == 32, "field 0 of the private part is not a bin of 32 bytes")

    def check_tile(self, level, index, hashes):
        stored = self.txn.get(struct.pack(">BQ", level, index), b"", self.tables["tiles"])
        need(len(stored) == 8192, f"tile {index} of level {level} is missing or not of 8192 bytes")
        self.counts["tiles"] += 1
        for at in range(256):
            need(stored[at * 32:at * 32 + 32] == hashes[at * 32:at * 32 + 32],
                 f"entry {at} of tile {index} of level {level} is wrong", (index * 256 + at << 8 * level) + 1)

    def check_rest(self, size):
        """What belongs to no single record: rows beyond the records, and the frontier."""
        need(size > 0, "the log has no record 1")
        for sequence in self.missing:
            need(sequence in self.erased, "the private part is gone, and no private.erased names it", sequence)
        for key in self.txn.cursor(db=self.tables["private"]).iternext(values=False):
            need(1 <= (n := struct.unpack("=Q", key)[0]) <= size, f"there is a private part, but the log ends at {size}", n)
        for key in self.txn.cursor(db=self.tables["tiles"]).iternext(values=False):
            level, index = struct.unpack(">BQ", key) if len(key) == 9 else (0, size)
            need(index < size >> 8 * (level + 1), f"the tile with key {key.hex()} is none of {size} records", size)
        frontier = struct.pack(">Q", size) + b"".join(reversed(self.tree.peaks))
        need(self.txn.get(b"frontier", db=self.tables["meta"]) == frontier, f"meta/frontier is not that of {size} records", size)

    def origin(self, size):
        """Of a checkpoint over `size` records: its generation is the newest among them."""
        generation = [number for begins, number in self.generations if begins <= size][-1]
        return f"{self.opened[8]}/{uuid.UUID(bytes=self.opened[1])}/{generation}"

    def check_checkpoint(self, note):
        need(note, "meta/checkpoint is not origin, size, root, an empty line and one signature", self.tree.size)
        size, key, root = int(note["size"]), self.opened[6], self.roots.get(int(note["size"]))
        need(root is not None, f"meta/checkpoint is over {size} records, more than the log has", self.tree.size)
        origin, signed = self.origin(size), base64.b64decode(note["signed"])
        need(note["origin"] == note["signer"] == origin.encode(), f"the checkpoint's origin is not {origin}", size)
        need(note["root"] == base64.b64encode(root), f"the checkpoint's root is not the log's, {root.hex()}", size)
        need(signed[:4] == sha256(note["origin"], b"\n\x01", key)[:4], "the checkpoint's key id is another key's", size)
        need(ed25519_verify(key, note["text"], signed[4:]), "the checkpoint's signature is not checkpoint_key's", size)
        return {"size": size, "root": root.hex(), "origin": origin}

    def anchored_sizes(self):
        for key, record in self.txn.cursor(db=self.tables["records"]):
            if record[2:4] == TYPE_ANCHORED.to_bytes(2, "big"):
                struct.pack_into("=Q", self.progress, 0, *struct.unpack("=Q", key))
                size = Fields(record[HEADER.size:], "public fields", 1).fields.get(1)
                need(type(size) is int, "checkpoint.anchored has no size")
                yield size

    def check(self):
        stored = self.txn.get(b"checkpoint", db=self.tables["meta"])
        note = NOTE.fullmatch(stored or b"")
        wanted = {int(note["size"]) if note else 0, *self.anchored_sizes()}  # read ahead, for the tree has each size once
        for sequence, (key, record) in enumerate(self.txn.cursor(db=self.tables["records"]), 1):
            struct.pack_into("=Q", self.progress, 0, sequence)
            self.check_record(sequence, key, record)
            if sequence in wanted:
                self.roots[sequence] = self.tree.root()
        size = self.tree.size
        self.check_rest(size)
        return {"ok": True, "size": size, "root": self.tree.root().hex(), "origin": self.origin(size),
                "checkpoint": None if stored is None else self.check_checkpoint(note),
                "counts": {"records": size, "commands": len(self.commands), **self.counts, "erased": len(self.missing)}}

def bad(progress, sentence, sequence=None):
    return {"ok": False, "sequence": struct.unpack("=Q", progress[:8])[0] if sequence is None else sequence, "error": sentence}

def check_log(path, progress):
    import lmdb
    lock = os.path.exists(os.path.join(path, "lock.mdb"))  # there: a server may be writing. Never made by us.
    try:
        with lmdb.open(path, readonly=True, create=False, lock=lock, max_dbs=8, map_size=0) as env, env.begin() as txn:
            tables = {name: env.open_db(name.encode(), txn, create=False) for name in TABLES}
            for name, integer_keys in TABLES.items():
                need(tables[name].flags(txn)["integerkey"] == integer_keys, f"{name} has another kind of key")
            return Log(txn, tables, progress).check()
    except (Bad, lmdb.Error, struct.error, UnicodeDecodeError, RecursionError) as error:
        return bad(progress, *error.args if isinstance(error, Bad) else [f"cannot be read: {error}"])

def show(result, as_json):
    if as_json:
        print(json.dumps(result), flush=True)
    elif not result["ok"]:
        print(f"sequence {result['sequence']}: {result['error']}", file=sys.stderr)
    else:
        print(*(f"{name:12}{result[name]}" for name in ("size", "root", "origin")), sep="\n")
        print("checkpoint ", *(result["checkpoint"] or {"": "none"}).values())
        print("counts      " + ", ".join(f"{n} {name}" for name, n in result["counts"].items()), flush=True)
    return 0 if result["ok"] else 1

def main():
    parser = argparse.ArgumentParser(description="Check a Tallystick event log against its documented format.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("data_dir", metavar="DATA_DIR", help="the folder that has log/ in it")
    options = parser.parse_args()
    path, progress = os.path.join(options.data_dir, "log"), mmap.mmap(-1, 8)
    if not os.path.isfile(os.path.join(path, "data.mdb")):
        parser.error(f"{path} has no data.mdb: give tallyd's data folder or a copy of it")
    importlib.util.find_spec("lmdb") or parser.error("the package python3-lmdb is missing")
    if os.fork() == 0:
        os._exit(show(check_log(path, progress), options.json))
    code = os.waitstatus_to_exitcode(os.wait()[1])
    return code if code >= 0 else show(bad(progress, f"signal {-code} while reading: data.mdb is damaged"), options.json)

if __name__ == "__main__":
    sys.exit(main())
