/* The facts read from Python source, one construct at a time. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/python.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct facts facts;

static void read_source(struct bytes source)
{
    static const struct analysis_limits limits = {.parse_memory_max = (size_t)2 << 30,
                                                  .parse_time_max_ms = 60000};
    struct err err = {0};
    arena_deinit(&arena);
    arena_init(&arena, (size_t)16 << 20);
    struct facts_writer writer;
    facts_writer_init(&writer, &arena);
    if (python_read((struct python_piece){.source = source, .line = 1}, &limits, &writer, &err) !=
        ERR_OK) {
        fail_msg("%s", err.message);
    }
    facts = writer.facts;
    facts_writer_deinit(&writer);
}

static void read_text(const char *source)
{
    read_source(bytes_of_text(source));
}

/* "module:name@line/scope ..." */
static const char *imports(void)
{
    static char text[2048];
    size_t size = 0;
    text[0] = '\0';
    for (const struct fact_import *i = facts.imports; i != NULL && size < 1900; i = i->next) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%s%s%s@%u/%u",
                                 size == 0 ? "" : " ", i->module, i->name[0] == '\0' ? "" : ":",
                                 i->name, i->line, i->scope);
    }
    return text;
}

static const char *literals(void)
{
    static char text[2048];
    size_t size = 0;
    text[0] = '\0';
    for (const struct fact_literal *i = facts.literals; i != NULL && size < 1900; i = i->next) {
        size +=
            (size_t)snprintf(text + size, sizeof(text) - size, "%s%s=%s(%s)", size == 0 ? "" : " ",
                             i->name, i->value, analysis_source_word(i->source));
    }
    return text;
}

static void import_forms_are_read(void **state)
{
    (void)state;
    read_text("import a.b as c, d\n"
              "from e.f import (g as h,\n    i)\n"
              "from . import j\n"
              "from ..k.l import m\n"
              "from n import *\n"
              "from __future__ import print_function\n"
              "x = 1; import o\n");
    assert_string_equal(imports(), "a.b@1/0 d@1/0 e.f:g@2/0 e.f:i@2/0 .:j@4/0 ..k.l:m@5/0 n:*@6/0 "
                                   "o@8/0");
}

static void surroundings_are_told(void **state)
{
    (void)state;
    read_text("def f():\n    import a\n"
              "try:\n    import b\nexcept E:\n    import c\n"
              "if x:\n    import d\nelse:\n    import e\n"
              "if typing.TYPE_CHECKING:\n    import g\n"
              "class C:\n    import h\n    def m(self):\n        if x:\n            import i\n"
              "import j\n");
    assert_string_equal(imports(), "a@2/1 b@4/2 c@6/2 d@8/4 e@10/4 g@12/12 h@14/0 i@17/5 j@18/0");
}

static void dynamic_imports_need_a_literal(void **state)
{
    (void)state;
    read_text("importlib.import_module('a.b')\n__import__(\"c\")\nimportlib.import_module(name)\n"
              "importlib.import_module(f'x{y}')\n");
    assert_string_equal(imports(), "a.b@1/16 c@2/16");
}

static void comments_and_strings_hold_no_import(void **state)
{
    (void)state;
    read_text(
        "# import a\n'''\nimport b\n'''\nx = 'import c'\nprint(\"\"\"\nfrom d import e\n\"\"\")\n");
    assert_string_equal(imports(), "");
}

static void options_and_constants_are_literals(void **state)
{
    (void)state;
    read_text("p.add_argument('-b', '--batch-size', default=64, help='x')\n"
              "p.add_argument('--lr', default=None)\n"
              "p.add_argument('--name', default=\"v\")\n"
              "flags.DEFINE_integer('steps', 100, 'help')\n"
              "@click.option('--epochs', default=3)\ndef main(epochs): pass\n"
              "EPOCHS = 5\nrate: float = -1.5e-3\n"
              "def f():\n    local = 7\n    config.size = 9\n    self.size = 10\n"
              "g(h=11, i='j', k=None, l=[1])\n");
    assert_string_equal(literals(), "--batch-size=64(argparse) --name=v(argparse) steps=100(flag) "
                                    "--epochs=3(click) EPOCHS=5(assign) rate=-1.5e-3(assign) "
                                    "local=7(local) size=9(assign) h=11(kwarg) i=j(kwarg)");
}

static void callees_are_dotted_tails(void **state)
{
    (void)state;
    read_text("a.b.c(1)\nbuild(3).fit(x)\nd[0](2)\n");
    const char *want[] = {"a.b.c", ".fit", "build"};
    size_t i = 0;
    assert_int_equal(facts.name_count, 3);
    for (const struct fact_name *n = facts.names; n != NULL && i < 3; n = n->next) {
        assert_string_equal(n->text, want[i++]);
    }
}

static void python_2_is_read(void **state)
{
    (void)state;
    read_text("print \"x\"\nexec \"y\"\nimport a\nprint >>f, `a`\nraise E, 'm'\n"
              "def g():\n    print 'z', 1\n    import b\n");
    assert_string_equal(imports(), "a@3/0 b@8/1");
}

static void numbers_become_json_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want; /* NULL: no number */
    } cases[] = {
        {"10", "10"},
        {"1_000", "1000"},
        {".5", "0.5"},
        {"5.", "5.0"},
        {"1e-3", "1e-3"},
        {"5.e3", "5.0e3"},
        {"0x10", "16"},
        {"0b101", "5"},
        {"0o17", "15"},
        {"017", "15"},
        {"10L", "10"},
        {"007.5", "7.5"},
        {"0", "0"},
        {"00", "0"},
        {"0.0", "0.0"},
        {"9223372036854775807", "9223372036854775807"},
        {"1e999", NULL},
        {"1j", NULL},
        {"", NULL},
        {"9223372036854775808", NULL},
        {"018", NULL},
        {"x", NULL},
        {"nan", NULL},
        {"0x", NULL},
        {"1"
         "0000000000"
         "0000000000"
         "0000000000"
         "0000000000",
         NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char got[48] = "";
        bool is_number = python_number(bytes_of_text(cases[i].text), false, got);
        if (is_number != (cases[i].want != NULL) ||
            (is_number && strcmp(got, cases[i].want) != 0)) {
            fail_msg("'%s' gave '%s'", cases[i].text, is_number ? got : "none");
        }
    }
}

/* Goal: an attacker's nesting may cost time and heap, never the stack. Method: a million levels of several kinds. */
static void nesting_does_not_recurse(void **state)
{
    (void)state;
    static const char *const units[] = {"(", "[", "f(", "not ", "-", "lambda:", "{1:", "a.b(c)."};
    size_t size = (size_t)1 << 19;
    char *text = malloc(size + 32);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t unit = strlen(units[i]);
        size_t at = (size_t)snprintf(text, 32, "import torch\nx = ");
        while (at + unit < size) {
            memcpy(text + at, units[i], unit);
            at += unit;
        }
        read_source(bytes_of(text, at));
        assert_string_equal(imports(), "torch@1/0");
    }
    free(text);
}

/* Blocks inside blocks, and a file full of facts. */
static void lists_end_at_their_limits(void **state)
{
    (void)state;
    size_t size = (size_t)3 << 20;
    char *text = malloc(size);
    size_t at = 0;
    for (int i = 0; at + 64 < size; i++) {
        at += (size_t)snprintf(text + at, 64, "import m%d\nf('s%d', k=%d)\n", i, i, i);
    }
    read_source(bytes_of(text, at));
    assert_true(facts.cut);
    assert_int_equal(facts.import_count, FACT_IMPORTS_MAX);
    assert_int_equal(facts.name_count, FACT_NAMES_MAX);
    assert_int_equal(facts.literal_count, FACT_LITERALS_MAX);
    free(text);
}

static int end(void **state)
{
    (void)state;
    arena_deinit(&arena);
    return 0;
}

/* A byte that is no UTF-8 becomes three, and the limit holds for what comes out. */
static void texts_end_at_their_limit_whatever_the_bytes(void **state)
{
    char source[512] = "import thea";
    (void)state;
    size_t size = strlen(source);
    memset(source + size, 0xCC, 110); /* the parser takes it for a letter */
    (void)snprintf(source + size + 110, 64, "no.tensor as T\n");
    read_text(source);
    assert_non_null(facts.imports);
    assert_in_range(strlen(facts.imports->module), FACT_TEXT_MAX - 2, FACT_TEXT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(import_forms_are_read),
        cmocka_unit_test(surroundings_are_told),
        cmocka_unit_test(dynamic_imports_need_a_literal),
        cmocka_unit_test(comments_and_strings_hold_no_import),
        cmocka_unit_test(options_and_constants_are_literals),
        cmocka_unit_test(callees_are_dotted_tails),
        cmocka_unit_test(python_2_is_read),
        cmocka_unit_test(numbers_become_json_numbers),
        cmocka_unit_test(nesting_does_not_recurse),
        cmocka_unit_test(lists_end_at_their_limits),
        cmocka_unit_test(texts_end_at_their_limit_whatever_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
