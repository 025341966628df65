/* One walk over the syntax tree with a cursor, so that nesting costs heap and never stack. What a node is surrounded by
 * is counted on the way down and taken back on the way up. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/python.h"

#include "core/analysis/python_bounds.h"
#include "core/analysis/python_names.h"
#include "core/analysis/titles.h"
#include "core/base/invariant.h"
#include "core/base/text.h"

#include <string.h>
#include <tree_sitter/api.h>

const TSLanguage *tree_sitter_python(void);

/* Node names of the grammar that the walk looks at: constant, name, is it named. */
#define SYMBOLS(S)                                                                                 \
    S(SYMBOL_IMPORT, "import_statement")                                                           \
    S(SYMBOL_IMPORT_FROM, "import_from_statement")                                                 \
    S(SYMBOL_DOTTED_NAME, "dotted_name")                                                           \
    S(SYMBOL_ALIASED_IMPORT, "aliased_import")                                                     \
    S(SYMBOL_WILDCARD, "wildcard_import")                                                          \
    S(SYMBOL_CALL, "call")                                                                         \
    S(SYMBOL_KEYWORD_ARGUMENT, "keyword_argument")                                                 \
    S(SYMBOL_ASSIGNMENT, "assignment")                                                             \
    S(SYMBOL_FUNCTION, "function_definition")                                                      \
    S(SYMBOL_LAMBDA, "lambda")                                                                     \
    S(SYMBOL_CLASS, "class_definition")                                                            \
    S(SYMBOL_TRY, "try_statement")                                                                 \
    S(SYMBOL_IF, "if_statement")                                                                   \
    S(SYMBOL_CONDITIONAL, "conditional_expression")                                                \
    S(SYMBOL_CASE, "case_clause")                                                                  \
    S(SYMBOL_WITH, "with_statement")                                                               \
    S(SYMBOL_STRING, "string")                                                                     \
    S(SYMBOL_STRING_START, "string_start")                                                         \
    S(SYMBOL_STRING_END, "string_end")                                                             \
    S(SYMBOL_INTERPOLATION, "interpolation")                                                       \
    S(SYMBOL_INTEGER, "integer")                                                                   \
    S(SYMBOL_FLOAT, "float")                                                                       \
    S(SYMBOL_UNARY, "unary_operator")                                                              \
    S(SYMBOL_COMMENT, "comment")                                                                   \
    S(SYMBOL_EXPRESSION, "expression_statement")                                                   \
    S(SYMBOL_DEFAULT_PARAMETER, "default_parameter")                                               \
    S(SYMBOL_TYPED_DEFAULT, "typed_default_parameter")                                             \
    S(SYMBOL_IDENTIFIER, "identifier")                                                             \
    S(SYMBOL_ATTRIBUTE, "attribute")                                                               \
    S(SYMBOL_SUBSCRIPT, "subscript")

#define SYMBOL_CONSTANT(constant, name) constant,
enum symbol { SYMBOLS(SYMBOL_CONSTANT) SYMBOL_COUNT };

struct walk {
    struct bytes source;
    struct python_piece piece;
    struct facts_writer *facts;
    TSSymbol symbols[SYMBOL_COUNT];
    TSFieldId field_name;
    uint32_t functions; /* open around the current node */
    uint32_t classes;
    uint32_t tries;
    uint32_t ifs;
    uint32_t mains; /* of them `if __name__ == "__main__":` */
    uint32_t type_checks;
    const char *function; /* the outermost open one, when it is of the module itself; else "" */
    bool signatures_are_options; /* fire or typer is imported */
};

/* ── slices of the source ──────────────────────────────────────────────────────────────────────── */

static struct bytes slice(const struct walk *walk, TSNode node)
{
    size_t start = ts_node_start_byte(node);
    size_t end = ts_node_end_byte(node);
    if (start > walk->source.size) {
        start = walk->source.size;
    }
    if (end > walk->source.size) {
        end = walk->source.size;
    }
    return bytes_of(walk->source.data + start, end > start ? end - start : 0);
}

static bool slice_is(struct bytes text, const char *word)
{
    return bytes_equal(text, bytes_of_text(word));
}

static bool is(const struct walk *walk, TSNode node, enum symbol symbol)
{
    return ts_node_symbol(node) == walk->symbols[symbol];
}

/* ── facts ─────────────────────────────────────────────────────────────────────────────────────── */

static struct fact_place place_of(const struct walk *walk, TSNode node)
{
    return (struct fact_place){.offset = walk->piece.offset + ts_node_start_byte(node),
                               .line = walk->piece.line + ts_node_start_point(node).row};
}

/* What surrounds the facts that come next. */
static void tell_scope(struct walk *walk)
{
    bool const in_main = walk->ifs > 0 && walk->ifs == walk->mains;
    walk->facts->scope = (walk->functions > 0 ? FACT_IN_FUNCTION : 0) |
                         (walk->tries > 0 ? FACT_IN_TRY : 0) | (walk->ifs > 0 ? FACT_IN_IF : 0) |
                         (in_main ? FACT_IN_MAIN : 0) |
                         (walk->type_checks > 0 ? FACT_TYPE_CHECKING : 0);
    walk->facts->function = walk->functions == 1 ? walk->function : "";
}

static void add_import(struct walk *walk, TSNode statement, struct bytes module, struct bytes name,
                       uint32_t more_scope)
{
    facts_import(walk->facts, place_of(walk, statement), module, name, more_scope);
}

static void add_name(struct walk *walk, TSNode node, enum fact_name_kind kind, struct bytes text,
                     struct bytes callee, int position)
{
    facts_name(walk->facts, place_of(walk, node), kind, text, callee, position);
}

/* The text between the quotes; false for an f-string with a hole in it. */
static bool string_content(const struct walk *walk, TSNode node, struct bytes *ret)
{
    uint32_t count = ts_node_child_count(node);
    if (count < 2) {
        return false;
    }
    TSTreeCursor cursor = ts_tree_cursor_new(node);
    size_t start = 0;
    size_t end = 0;
    bool plain = true;
    for (bool more = ts_tree_cursor_goto_first_child(&cursor); more && plain;
         more = ts_tree_cursor_goto_next_sibling(&cursor)) {
        TSNode child = ts_tree_cursor_current_node(&cursor);
        if (is(walk, child, SYMBOL_INTERPOLATION)) {
            plain = false;
        } else if (is(walk, child, SYMBOL_STRING_START)) {
            start = ts_node_end_byte(child);
        } else if (is(walk, child, SYMBOL_STRING_END)) {
            end = ts_node_start_byte(child);
        }
    }
    ts_tree_cursor_delete(&cursor);
    if (!plain || end < start || end > walk->source.size) {
        return false;
    }
    *ret = bytes_of(walk->source.data + start, end - start);
    return true;
}

/* A number or a plain string: its value as text. */
static bool literal_value(struct walk *walk, TSNode node, const char **ret, bool *ret_is_number)
{
    bool negative = false;
    struct bytes text = {0};
    if (is(walk, node, SYMBOL_UNARY)) {
        struct bytes whole = slice(walk, node);
        if (whole.size == 0 || whole.data[0] != '-') {
            return false;
        }
        negative = true;
        node = ts_node_child_by_field_name(node, "argument", 8);
        if (ts_node_is_null(node)) {
            return false;
        }
    }
    if (is(walk, node, SYMBOL_INTEGER) || is(walk, node, SYMBOL_FLOAT)) {
        char number[48];
        if (!python_number(slice(walk, node), negative, number)) {
            return false;
        }
        *ret = facts_keep(walk->facts, bytes_of_text(number));
        *ret_is_number = true;
        return true;
    }
    if (!negative && is(walk, node, SYMBOL_STRING) && string_content(walk, node, &text) &&
        text.size <= FACT_TEXT_MAX) {
        *ret = facts_keep(walk->facts, text);
        *ret_is_number = false;
        return true;
    }
    return false;
}

static void add_literal(struct walk *walk, TSNode at, struct bytes name, TSNode value_node,
                        enum analysis_source source)
{
    const char *value = NULL;
    bool is_number = false;
    if (walk->facts->facts.literal_count >= FACT_LITERALS_MAX) {
        walk->facts->facts.cut = true;
    } else if (literal_value(walk, value_node, &value, &is_number)) {
        facts_literal(walk->facts, place_of(walk, at), name, value, is_number, source);
    }
}

/* ── nodes ─────────────────────────────────────────────────────────────────────────────────────── */

/* `import a.b, c as d` and `from m import x, y as z`: one fact for each name. */
static void visit_import(struct walk *walk, TSNode statement, bool from)
{
    struct bytes module = {0};
    if (from) {
        TSNode module_node = ts_node_child_by_field_name(statement, "module_name", 11);
        if (ts_node_is_null(module_node)) {
            return;
        }
        module = slice(walk, module_node);
    }
    TSTreeCursor cursor = ts_tree_cursor_new(statement);
    for (bool more = ts_tree_cursor_goto_first_child(&cursor); more;
         more = ts_tree_cursor_goto_next_sibling(&cursor)) {
        TSNode child = ts_tree_cursor_current_node(&cursor);
        if (is(walk, child, SYMBOL_WILDCARD)) {
            add_import(walk, statement, module, bytes_of_text("*"), 0);
            continue;
        }
        if (ts_tree_cursor_current_field_id(&cursor) != walk->field_name) {
            continue;
        }
        if (is(walk, child, SYMBOL_ALIASED_IMPORT)) {
            child = ts_node_child_by_field_id(child, walk->field_name);
        }
        if (ts_node_is_null(child) || ts_node_is_missing(child)) {
            continue;
        }
        if (from) {
            add_import(walk, statement, module, slice(walk, child), 0);
        } else {
            struct bytes const whole = slice(walk, child);
            add_import(walk, statement, whole, bytes_of_text(""), 0);
            walk->signatures_are_options =
                walk->signatures_are_options || slice_is(whole, "fire") || slice_is(whole, "typer");
        }
    }
    ts_tree_cursor_delete(&cursor);
}

struct call {
    TSNode node;
    struct bytes callee;
    enum analysis_source source; /* KWARG when the call defines no option */
    struct bytes option;         /* the longest name of the option */
    int positional;              /* arguments seen so far */
};

/* A model that is loaded by the name that `value` is, or that a variable of this name has: `args.model` → model. */
static void add_model(struct walk *walk, const struct call *call, TSNode value)
{
    struct bytes text = {0};
    bool const is_name = is(walk, value, SYMBOL_STRING) && string_content(walk, value, &text);
    if (is(walk, value, SYMBOL_IDENTIFIER) || is(walk, value, SYMBOL_ATTRIBUTE)) {
        text = python_last_part(slice(walk, value));
    }
    if (text.size > 0 && text.size <= FACT_TEXT_MAX) {
        add_name(walk, value, FACT_MODEL, text, call->callee, is_name ? 0 : 1);
    }
}

static void visit_positional(struct walk *walk, struct call *call, TSNode node)
{
    struct bytes text = {0};
    int index = call->positional++;
    if (python_loads_model(call->callee, index, text)) {
        add_model(walk, call, node);
    }
    bool is_string = is(walk, node, SYMBOL_STRING) && string_content(walk, node, &text);
    if (call->source != ANALYSIS_SOURCE_KWARG) {
        if (is_string && text.size > call->option.size &&
            (call->source != ANALYSIS_SOURCE_FLAG || index == 0)) {
            call->option = text;
        } else if (call->source == ANALYSIS_SOURCE_FLAG && index == 1) {
            add_literal(walk, node, call->option, node, call->source);
        }
        return;
    }
    if (!is_string || text.size > FACT_TEXT_MAX) {
        return;
    }
    add_name(walk, node, FACT_ARGUMENT, text, call->callee, index);
    struct bytes last = python_last_part(call->callee);
    if (index == 0 && (slice_is(last, "import_module") || slice_is(last, "__import__"))) {
        add_import(walk, call->node, text, bytes_of_text(""), FACT_DYNAMIC);
    }
}

/* A short string that a name is set to, or has by default: "gpt2-xl", "data/mnist.npz". */
static void add_value(struct walk *walk, TSNode value)
{
    struct bytes text = {0};
    if (!ts_node_is_null(value) && is(walk, value, SYMBOL_STRING) &&
        string_content(walk, value, &text) && text.size > 0 && text.size <= FACT_TEXT_MAX) {
        add_name(walk, value, FACT_ARGUMENT, text, bytes_of_text("="), -1);
    }
}

static void visit_call(struct walk *walk, TSNode node)
{
    TSNode function = ts_node_child_by_field_name(node, "function", 8);
    TSNode arguments = ts_node_child_by_field_name(node, "arguments", 9);
    if (ts_node_is_null(function) || ts_node_is_null(arguments)) {
        return;
    }
    struct call call = {.node = node, .callee = python_name_tail(slice(walk, function))};
    if (call.callee.size > 0) {
        add_name(walk, node, FACT_CALL, call.callee, bytes_of_text(""), -1);
    }
    call.source = python_option_source(call.callee);
    if (python_installs(call.callee, slice(walk, arguments))) {
        add_name(walk, node, FACT_COMMAND, bytes_of_text("pip"), bytes_of_text("-r"), 0);
    }

    TSTreeCursor cursor = ts_tree_cursor_new(arguments);
    for (bool more = ts_tree_cursor_goto_first_child(&cursor); more;
         more = ts_tree_cursor_goto_next_sibling(&cursor)) {
        TSNode argument = ts_tree_cursor_current_node(&cursor);
        if (!ts_node_is_named(argument) || ts_node_is_extra(argument)) {
            continue; /* brackets, commas, comments */
        }
        if (!is(walk, argument, SYMBOL_KEYWORD_ARGUMENT)) {
            visit_positional(walk, &call, argument);
            continue;
        }
        TSNode key = ts_node_child_by_field_id(argument, walk->field_name);
        TSNode value = ts_node_child_by_field_name(argument, "value", 5);
        struct bytes text = {0};
        if (ts_node_is_null(key) || ts_node_is_null(value)) {
            continue;
        }
        if (python_loads_model(call.callee, -1, slice(walk, key))) {
            add_model(walk, &call, value);
        }
        if (call.source == ANALYSIS_SOURCE_KWARG) {
            add_literal(walk, argument, slice(walk, key), value, call.source);
            if (is(walk, value, SYMBOL_STRING) && string_content(walk, value, &text) &&
                text.size <= FACT_TEXT_MAX) {
                add_name(walk, argument, FACT_ARGUMENT, text, call.callee, -1);
            }
        } else if (slice_is(slice(walk, key), "default") && call.option.size > 0) {
            add_literal(walk, node, call.option, value, call.source);
            add_value(walk, value);
        }
    }
    if (call.option.size > 0) {
        add_name(walk, node, FACT_OPTION, call.option, call.callee, 0);
    }
    ts_tree_cursor_delete(&cursor);
}

/* `digits = keras.datasets.mnist`, to be called by another name: as if it were called here. */
static void add_renamed(struct walk *walk, TSNode right)
{
    struct bytes text = slice(walk, right);
    size_t dots = 0;
    for (size_t i = 0; i < text.size && text.size <= FACT_TEXT_MAX; i++) {
        dots += text.data[i] == '.' ? 1 : 0;
    }
    if (dots >= 2 && is(walk, right, SYMBOL_ATTRIBUTE) && !bytes_starts_with(text, "self.") &&
        python_name_tail(text).size == text.size) {
        add_name(walk, right, FACT_CALL, text, bytes_of_text(""), -1);
    }
}

#define FIELD_ARGUMENTS_MAX 16

/* `epochs: int = field(default=3)` of a data class, and pydantic's Field, set what they have as default. */
static TSNode default_of_field(const struct walk *walk, TSNode right)
{
    TSNode found = right;
    if (!is(walk, right, SYMBOL_CALL)) {
        return right;
    }
    TSNode const function = ts_node_child_by_field_name(right, "function", 8);
    TSNode const arguments = ts_node_child_by_field_name(right, "arguments", 9);
    struct bytes const callee =
        ts_node_is_null(function) ? bytes_of("", 0) : python_last_part(slice(walk, function));
    if (ts_node_is_null(arguments) || !(slice_is(callee, "field") || slice_is(callee, "Field"))) {
        return right;
    }
    uint32_t const count = ts_node_named_child_count(arguments);
    for (uint32_t i = 0; i < count && i < FIELD_ARGUMENTS_MAX; i++) {
        TSNode const argument = ts_node_named_child(arguments, i);
        TSNode const key = is(walk, argument, SYMBOL_KEYWORD_ARGUMENT)
                               ? ts_node_child_by_field_id(argument, walk->field_name)
                               : right;
        if (is(walk, argument, SYMBOL_KEYWORD_ARGUMENT) && !ts_node_is_null(key) &&
            slice_is(slice(walk, key), "default")) {
            found = ts_node_child_by_field_name(argument, "value", 5);
        }
    }
    return ts_node_is_null(found) ? right : found;
}

/* Constants of the module and of classes, locals, and settings of an object (`config.batch_size = 128`) anywhere. */
static void visit_assignment(struct walk *walk, TSNode node)
{
    TSNode left = ts_node_child_by_field_name(node, "left", 4);
    TSNode right = ts_node_child_by_field_name(node, "right", 5);
    if (ts_node_is_null(left) || ts_node_is_null(right)) {
        return;
    }
    struct bytes target = python_name_tail(slice(walk, left));
    if (is(walk, left, SYMBOL_IDENTIFIER)) {
        right = default_of_field(walk, right);
        add_literal(walk, node, target, right,
                    walk->functions == 0 ? ANALYSIS_SOURCE_ASSIGN : ANALYSIS_SOURCE_LOCAL);
        add_value(walk, right);
        add_renamed(walk, right);
    } else if (is(walk, left, SYMBOL_ATTRIBUTE) && !bytes_starts_with(target, "self.")) {
        add_literal(walk, node, python_last_part(target), right, ANALYSIS_SOURCE_ASSIGN);
        add_value(walk, right);
    }
}

#define WITH_LOOKED_AT_MAX 96 /* bytes of a `with` statement: what it is with */
#define HEAD_NODES_MAX 48
#define HEAD_COMMENT_LINES_MAX 2

/* What a file says about itself before it begins: its docstring, or the comment above the code when that is no licence. */
static void visit_head(struct walk *walk, TSNode root)
{
    TSTreeCursor cursor = ts_tree_cursor_new(root);
    int nodes = 0;
    int comment_lines = 0;
    int said = 0;
    bool licence = false;
    for (bool more = ts_tree_cursor_goto_first_child(&cursor); more && nodes < HEAD_NODES_MAX;
         more = ts_tree_cursor_goto_next_sibling(&cursor), nodes++) {
        TSNode node = ts_tree_cursor_current_node(&cursor);
        struct bytes text = {0};
        if (is(walk, node, SYMBOL_COMMENT)) {
            licence = licence || titles_say_licence(slice(walk, node));
            if (!licence && comment_lines++ < HEAD_COMMENT_LINES_MAX && nodes < 4) {
                titles_add(walk->facts, slice(walk, node), place_of(walk, node), &said);
            }
            continue;
        }
        if (is(walk, node, SYMBOL_EXPRESSION) && ts_node_child_count(node) > 0) {
            TSNode string = ts_node_child(node, 0);
            if (is(walk, string, SYMBOL_STRING) && string_content(walk, string, &text)) {
                said = 0;
                struct fact_place at = place_of(walk, string);
                at.offset += (uint32_t)(text.data - slice(walk, string).data);
                titles_add(walk->facts, text, at, &said);
                break;
            }
        }
    }
    ts_tree_cursor_delete(&cursor);
}

static bool is_type_check(const struct walk *walk, TSNode node)
{
    TSNode condition = ts_node_child_by_field_name(node, "condition", 9);
    if (ts_node_is_null(condition)) {
        return false;
    }
    return slice_is(python_last_part(python_name_tail(slice(walk, condition))), "TYPE_CHECKING");
}

/* `if __name__ == "__main__":` */
static bool is_start(const struct walk *walk, TSNode node)
{
    TSNode condition = ts_node_child_by_field_name(node, "condition", 9);
    if (ts_node_is_null(condition)) {
        return false;
    }
    struct bytes text = slice(walk, condition);
    return text.size < FACT_TEXT_MAX && memmem(text.data, text.size, "__name__", 8) != NULL &&
           memmem(text.data, text.size, "__main__", 8) != NULL;
}

/* A parameter of a function with its default. With Fire and Typer the signatures are the command line. */
static void visit_default(struct walk *walk, TSNode node)
{
    TSNode const name = ts_node_child_by_field_id(node, walk->field_name);
    TSNode const value = ts_node_child_by_field_name(node, "value", 5);
    add_value(walk, value);
    if (walk->signatures_are_options && !ts_node_is_null(name) && !ts_node_is_null(value)) {
        add_literal(walk, node, slice(walk, name), value, ANALYSIS_SOURCE_CLICK);
        add_name(walk, node, FACT_OPTION, slice(walk, name), bytes_of_text("fire"), 0);
    }
}

/* os.environ["HF_TOKEN"], unless it is set or taken away. */
static void visit_subscript(struct walk *walk, TSNode node)
{
    TSNode const of = ts_node_child_by_field_name(node, "value", 5);
    TSNode const key = ts_node_child_by_field_name(node, "subscript", 9);
    struct bytes text = {0};
    if (ts_node_is_null(of) || ts_node_is_null(key) || !is(walk, key, SYMBOL_STRING) ||
        !slice_is(python_last_part(slice(walk, of)), "environ") ||
        !string_content(walk, key, &text) || text.size > FACT_TEXT_MAX) {
        return;
    }
    TSNode const parent = ts_node_parent(node);
    if (!ts_node_is_null(parent) && strcmp(ts_node_type(parent), "delete_statement") == 0) {
        return;
    }
    TSNode const left =
        ts_node_is_null(parent) ? parent : ts_node_child_by_field_name(parent, "left", 4);
    if (ts_node_is_null(left) || !ts_node_eq(left, node)) {
        add_name(walk, node, FACT_ARGUMENT, text, bytes_of_text("os.environ[]"), 0);
    }
}

/* contextlib's `with suppress(ImportError):` */
static bool is_suppressed(const struct walk *walk, TSNode node)
{
    struct bytes text = slice(walk, node);
    text.size = text.size < WITH_LOOKED_AT_MAX ? text.size : WITH_LOOKED_AT_MAX;
    return memmem(text.data, text.size, "suppress(", 9) != NULL;
}

/* `one` more open around what comes next, of the kinds that decide whether it is executed. */
static void count_around(struct walk *walk, TSNode node, uint32_t one)
{
    if (is(walk, node, SYMBOL_FUNCTION) || is(walk, node, SYMBOL_LAMBDA)) {
        walk->functions += one;
    } else if (is(walk, node, SYMBOL_CLASS)) {
        walk->classes += one;
    } else if (is(walk, node, SYMBOL_TRY) ||
               (is(walk, node, SYMBOL_WITH) && is_suppressed(walk, node))) {
        walk->tries += one;
    } else if (is(walk, node, SYMBOL_IF)) {
        walk->ifs += one;
        walk->mains += is_start(walk, node) ? one : 0;
        walk->type_checks += is_type_check(walk, node) ? one : 0;
    } else if (is(walk, node, SYMBOL_CONDITIONAL) || is(walk, node, SYMBOL_CASE)) {
        walk->ifs += one;
    } else {
        return;
    }
    tell_scope(walk);
}

static void open_definition(struct walk *walk, TSNode node, TSNode name)
{
    if (is(walk, node, SYMBOL_FUNCTION) && walk->functions == 0) {
        bool const of_module = walk->classes == 0 && !ts_node_is_null(name);
        walk->function = of_module ? facts_keep(walk->facts, slice(walk, name)) : "";
    }
    count_around(walk, node, 1);
}

static void enter(struct walk *walk, TSNode node)
{
    if (is(walk, node, SYMBOL_IMPORT)) {
        visit_import(walk, node, false);
    } else if (is(walk, node, SYMBOL_IMPORT_FROM)) {
        visit_import(walk, node, true);
    } else if (is(walk, node, SYMBOL_CALL)) {
        visit_call(walk, node);
    } else if (is(walk, node, SYMBOL_ASSIGNMENT)) {
        visit_assignment(walk, node);
    } else if (is(walk, node, SYMBOL_SUBSCRIPT)) {
        visit_subscript(walk, node);
    } else if (is(walk, node, SYMBOL_FUNCTION) || is(walk, node, SYMBOL_CLASS)) {
        TSNode name = ts_node_child_by_field_id(node, walk->field_name);
        if (!ts_node_is_null(name)) {
            add_name(walk, node, FACT_DEFINITION, slice(walk, name), bytes_of_text(""), -1);
        }
        open_definition(walk, node, name);
    } else if (is(walk, node, SYMBOL_DEFAULT_PARAMETER) || is(walk, node, SYMBOL_TYPED_DEFAULT)) {
        visit_default(walk, node);
    } else if (is(walk, node, SYMBOL_LAMBDA)) {
        walk->function = walk->functions == 0 ? "" : walk->function;
        count_around(walk, node, 1);
    } else if (is(walk, node, SYMBOL_IF)) {
        walk->facts->facts.starts = walk->facts->facts.starts || is_start(walk, node);
        count_around(walk, node, 1);
    } else {
        count_around(walk, node, 1);
    }
}

static void leave(struct walk *walk, TSNode node)
{
    count_around(walk, node, UINT32_MAX); /* one less */
}

static void walk_tree(struct walk *walk, TSNode root)
{
    TSTreeCursor cursor = ts_tree_cursor_new(root);
    bool done = false;
    while (!done && !walk->facts->out_of_memory) {
        enter(walk, ts_tree_cursor_current_node(&cursor));
        if (ts_tree_cursor_goto_first_child(&cursor)) {
            continue;
        }
        leave(walk, ts_tree_cursor_current_node(&cursor));
        while (!ts_tree_cursor_goto_next_sibling(&cursor)) {
            if (!ts_tree_cursor_goto_parent(&cursor)) {
                done = true;
                break;
            }
            leave(walk, ts_tree_cursor_current_node(&cursor));
        }
    }
    ts_tree_cursor_delete(&cursor);
}

#define READ_PIECE 4096u

/* The source piece by piece; past the time its end, which also ends a token. */
static const char *read_cb(void *user, uint32_t offset, TSPoint position, uint32_t *ret_size)
{
    const struct bytes *source = user;
    const struct python_bounds *bounds = python_bounds();
    (void)position;
    python_bounds_look();
    size_t left = offset < source->size && !bounds->late ? source->size - offset : 0;
    *ret_size = left < READ_PIECE ? (uint32_t)left : READ_PIECE;
    return left == 0 ? "" : (const char *)source->data + offset;
}

static void find_symbols(struct walk *walk, const TSLanguage *language)
{
#define SYMBOL_FIND(constant, name)                                                                \
    walk->symbols[constant] =                                                                      \
        ts_language_symbol_for_name(language, name, (uint32_t)strlen(name), true);
    SYMBOLS(SYMBOL_FIND)
    walk->field_name = ts_language_field_id_for_name(language, "name", 4);
}

enum err_code python_read(struct python_piece piece, const struct analysis_limits *limits,
                          struct facts_writer *writer, struct err *err)
{
    struct walk walk = {.source = piece.source, .piece = piece, .facts = writer, .function = ""};
    enum err_code code = ERR_OK;
    TSTree *tree = NULL;
    const TSLanguage *language = tree_sitter_python();

    struct python_bounds *bounds =
        python_bounds_begin(limits->parse_memory_max, limits->parse_time_max_ms);
    TSParser *parser = ts_parser_new();

    if (parser == NULL || !ts_parser_set_language(parser, language)) {
        code = err_set(err, ERR_INTERNAL, "the Python grammar does not fit this tree-sitter");
        goto out;
    }
    find_symbols(&walk, language);
    ts_parser_set_cancellation_flag(parser, &bounds->give_up);
    TSInput input = {.payload = &piece.source, .read = read_cb, .encoding = TSInputEncodingUTF8};
    tree = ts_parser_parse(parser, NULL, input);
    if (bounds->late || (tree == NULL && bounds->give_up == 0)) {
        code = err_set(err, ERR_TIMEOUT, "reading the Python source takes longer than %u ms",
                       limits->parse_time_max_ms);
        goto out;
    }
    if (tree == NULL) {
        code = err_set(err, ERR_TOO_LARGE, "reading the Python source takes more than %zu MiB",
                       limits->parse_memory_max >> 20);
        goto out;
    }
    TSNode root = ts_tree_root_node(tree);
    writer->facts.syntax_errors = writer->facts.syntax_errors || ts_node_has_error(root);
    if (piece.is_file) {
        visit_head(&walk, root);
    }
    walk_tree(&walk, root);
    writer->scope = 0; /* also where the walk ended early */
    writer->function = "";
    if (writer->out_of_memory) {
        code = err_set(err, ERR_NOMEM, "no memory left for what the Python source says");
    }
out:
    ts_tree_delete(tree);
    ts_parser_delete(parser);
    INVARIANT(bounds->live == 0);
    return code;
}
