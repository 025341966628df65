# SPDX-License-Identifier: Apache-2.0
"""What every source file of the project must hold to: arrows between folders, licence line, header guard, size, no function that nobody calls.

The arrows are data (arrows.txt beside this file). Beyond includes, the CMakeLists.txt of each folder may link
only along them. Python's standard library alone; run by ctest, or by hand from anywhere.
"""
import collections
import os
import re
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SKIPPED_FOLDERS = {".git", "build", ".tools", "var", "node_modules", "dist", "__pycache__"}
SOURCE_ENDINGS = (".c", ".h", ".py", ".sh", ".ts", ".tsx", ".js", ".mjs")
LINES_MAX = 700
LINES_MAX_TEST = 1000
# Long for a reason that is said at their top.
LONG_FILES = {"core/crypto/fourq_table.c"}  # numbers, printed by fourq_table.py
LIBC = re.compile(
    r"<(assert|ctype|dirent|dlfcn|endian|errno|fcntl|fenv|float|ftw|getopt|glob|grp|ifaddrs|inttypes|limits|link|locale|malloc|math|"
    r"netdb|poll|pthread|pwd|sched|semaphore|setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|"
    r"stdlib|string|strings|syslog|termios|time|unistd|wchar|arpa/\w+|linux/\w+|net/\w+|netinet/\w+|sys/\w+)\.h>"
)
# Written in two pieces, so that this file does not find itself.
MACHINE_PATH = "/wor" + "k/"
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")


def read_arrows(text):
    """Direct arrows {folder: {folder}}, and {foreign header prefix: {folder}}."""
    arrows, foreign = {}, {}
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        left, right = line.split(":", 1)
        table = foreign if left.startswith("<") else arrows
        table[left] = set(right.split())
    for folder, uses in arrows.items():
        for used in uses:
            if used not in arrows:
                raise ValueError(f"arrows.txt: {folder} uses {used}, which has no line of its own")
    return arrows, foreign


def closure(arrows, folder):
    seen, todo = set(), [folder]
    while todo:
        at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        todo.extend(arrows[at])
    return seen


def folder_of(path, arrows):
    """The folder of `arrows` a path belongs to: the longest that is a prefix of it."""
    fitting = [f for f in arrows if path.startswith(f + "/")]
    return max(fitting, key=len) if fitting else None


def check_includes(path, text, arrows, foreign):
    """Sentences on what is wrong with the includes of one C file."""
    wrong = []
    in_tests = path.startswith("tests/")
    folder = None if in_tests else folder_of(path, arrows)
    if not in_tests and folder is None:
        return [f"{path}: C file in a folder that tests/style/arrows.txt does not name"]
    allowed = set() if in_tests else closure(arrows, folder)
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"][^>"]+[>"])', line)
        if not match:
            continue
        header = match.group(1)
        where = f"{path}:{number}: {header}"
        if header.startswith("<"):
            if LIBC.fullmatch(header):
                continue
            owners = [v for k, v in foreign.items() if header.startswith(k.rstrip(">"))]
            if in_tests:
                continue
            if not owners:
                wrong.append(f"{where} is a foreign header that tests/style/arrows.txt does not name")
            elif folder not in set().union(*owners):
                wrong.append(f"{where} may only be included in {', '.join(sorted(set().union(*owners)))}")
            continue
        inner = header[1:-1]
        if "/" not in inner:
            wrong.append(f"{where}: includes are rooted at the repository, as \"core/base/err.h\"")
            continue
        if in_tests:
            continue
        target = folder_of(inner, arrows)
        if target is None:
            wrong.append(f"{where} is in no folder that tests/style/arrows.txt names")
        elif target not in allowed:
            wrong.append(f"{where}: {folder} may use {', '.join(sorted(allowed - {folder})) or 'nothing'}, not {target}")
    return wrong


def check_links(path, text, arrows):
    """The same for the targets that the CMakeLists.txt of one folder links."""
    folder = os.path.dirname(path)
    if folder not in arrows:
        return []
    targets = {"tally_" + f.split("/")[-1]: f for f in arrows}
    allowed = closure(arrows, folder)
    wrong = []
    for target in sorted(set(re.findall(r"\btally_[a-z]+\b", re.sub(r"#.*", "", text)))):
        used = targets.get(target)
        if used is not None and used not in allowed:
            wrong.append(f"{path}: links {target}, but {folder} may not use {used}")
    return wrong


def check_text(path, text):
    """Licence line, guard, size, leftovers of one source file."""
    wrong = []
    lines = text.splitlines()
    if path.endswith(SOURCE_ENDINGS) and not any("SPDX-License-Identifier: Apache-2.0" in l for l in lines[:40]):
        wrong.append(f"{path}: no line `SPDX-License-Identifier: Apache-2.0` near its top")
    if MACHINE_PATH in text:
        wrong.append(f"{path}: names a path of somebody's machine ({MACHINE_PATH}…)")
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            wrong.append(f"{path}:{number}: unfinished decisions are written `NEEDSWORK:` with the question")
    if path.endswith(".h"):
        guard = re.sub(r"[^A-Z0-9]", "_", path.upper())
        if f"#ifndef {guard}\n#define {guard}\n" not in text:
            wrong.append(f"{path}: the header guard is {guard}")
    limit = LINES_MAX_TEST if path.startswith("tests/") else LINES_MAX
    if path.endswith(SOURCE_ENDINGS) and len(lines) > limit and path not in LONG_FILES:
        wrong.append(f"{path}: {len(lines)} lines; past {limit} it has a second purpose that wants its own file")
    return wrong


def files_of(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
        for name in sorted(set(names) - {".git"}):  # a file in a linked work tree
            yield os.path.relpath(os.path.join(folder, name), root)


def read_text(path):
    """None for a file that is not text, or not ours to judge."""
    if path.startswith(("tests/data/", "tests/fuzz/corpus/")) or path.endswith("package-lock.json"):
        return None
    try:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            return file.read()
    except (UnicodeDecodeError, OSError):
        return None


COMMENTS = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
PROTOTYPE = re.compile(r"^(?!static|typedef|#|\s|\})[^;{}()=]*?\b(\w+)\([^;{}]*?\)\s*(?:PRINTF_LIKE\([^)]*\))?;", re.M)


def unused_functions(texts):
    """Sentences on functions that a header of the product declares and nobody names but who defines them."""
    code = {p: COMMENTS.sub("", t) for p, t in texts.items() if p.endswith((".c", ".h"))}
    named = collections.Counter(word for t in code.values() for word in re.findall(r"\b[a-z]\w+\b", t))
    return [f"{p}: {name}() is declared and defined, and nobody calls it"
            for p, t in code.items() if p.endswith(".h") and not p.startswith("tests/")
            for name in PROTOTYPE.findall(t) if name.islower() and named[name] <= 2]


class TheTree(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(HERE, "arrows.txt"), encoding="utf-8") as file:
            cls.arrows, cls.foreign = read_arrows(file.read())
        cls.texts = {p: t for p in files_of(ROOT) if (t := read_text(p)) is not None}

    def assert_nothing(self, wrong):
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))

    def test_arrows_have_no_circle(self):
        for folder, uses in self.arrows.items():
            for used in uses:
                self.assertNotIn(folder, closure(self.arrows, used), f"{folder} and {used} use each other")

    def test_includes_follow_the_arrows(self):
        sources = {p: t for p, t in self.texts.items() if p.endswith((".c", ".h"))}
        self.assertGreater(len(sources), 50, "this test looks in the wrong place")
        self.assert_nothing([w for p, t in sources.items() for w in check_includes(p, t, self.arrows, self.foreign)])

    def test_links_follow_the_arrows(self):
        self.assert_nothing(
            [w for p, t in self.texts.items() if p.endswith("CMakeLists.txt") for w in check_links(p, t, self.arrows)]
        )

    def test_every_declared_function_is_called(self):
        self.assert_nothing(unused_functions(self.texts))

    def test_every_file_keeps_the_house_rules(self):
        self.assert_nothing([w for p, t in self.texts.items() for w in check_text(p, t)])


class TheRulesCanFail(unittest.TestCase):
    arrows, foreign = read_arrows("a:\nb: a\nc: b\n<lib/>: a\n")

    def includes(self, path, text):
        return check_includes(path, text, self.arrows, self.foreign)

    def test_an_arrow_against_the_direction_is_found(self):
        self.assertEqual(len(self.includes("a/x.c", '#include "b/y.h"\n')), 1)
        self.assertEqual(self.includes("c/x.c", '#include "a/y.h"\n#include <stdio.h>\n'), [])

    def test_a_foreign_header_outside_its_folder_is_found(self):
        self.assertEqual(len(self.includes("b/x.c", "#include <lib/part.h>\n")), 1)
        self.assertEqual(len(self.includes("b/x.c", "#include <unheard_of.h>\n")), 1)
        self.assertEqual(self.includes("a/x.c", "#include <lib/part.h>\n"), [])

    def test_a_relative_include_and_an_unknown_folder_are_found(self):
        self.assertEqual(len(self.includes("a/x.c", '#include "y.h"\n')), 1)
        self.assertEqual(len(self.includes("z/x.c", "")), 1)

    def test_a_link_against_the_direction_is_found(self):
        self.assertEqual(len(check_links("a/CMakeLists.txt", "DEPS tally_b", self.arrows)), 1)
        self.assertEqual(check_links("c/CMakeLists.txt", "DEPS tally_a # tally_c", self.arrows), [])

    def test_a_function_that_nobody_calls_is_found(self):
        tree = {"a/x.h": "/* dead(1) */\nint dead(int a);\nint used(void);\n",
                "a/x.c": "int dead(int a)\n{\n    return a;\n}\nint used(void)\n{\n    return 1;\n}\n"}
        self.assertEqual(len(unused_functions(tree)), 2)
        self.assertEqual(len(unused_functions({**tree, "b/y.c": "int x = used();\n"})), 1)

    def test_leftovers_are_found(self):
        self.assertEqual(len(check_text("a/x.c", "int x;\n")), 1)
        self.assertEqual(len(check_text("a/x.md", "see " + MACHINE_PATH + "x, TO" + "DO\n")), 2)
        licence = "// SPDX-License-Identifier: Apache-2.0\n"
        self.assertEqual(len(check_text("a/x.h", licence)), 1)
        self.assertEqual(check_text("a/x.h", licence + "#ifndef A_X_H\n#define A_X_H\n#endif\n"), [])
        self.assertEqual(len(check_text("a/x.c", licence * (LINES_MAX + 1))), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
