// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/facts.h"

#include "core/base/text.h"

void facts_writer_init(struct facts_writer *writer, struct arena *arena)
{
    *writer = (struct facts_writer){.arena = arena, .function = ""};
    writer->import_tail = &writer->facts.imports;
    writer->name_tail = &writer->facts.names;
    writer->literal_tail = &writer->facts.literals;
    buf_init(&writer->scratch, (size_t)4 * FACT_TEXT_MAX);
}

void facts_writer_deinit(struct facts_writer *writer)
{
    buf_deinit(&writer->scratch);
}

static struct bytes cut(struct bytes text)
{
    if (text.size > FACT_TEXT_MAX) {
        text.size = FACT_TEXT_MAX;
        while (text.size > 0 && (text.data[text.size] & 0xC0) == 0x80) {
            text.size--; /* not in the middle of a character */
        }
    }
    return text;
}

/* Cut twice, because each byte that is no UTF-8 becomes three. */
const char *facts_keep(struct facts_writer *writer, struct bytes text)
{
    buf_clear(&writer->scratch);
    utf8_append_lossy(&writer->scratch, cut(text));
    const char *kept = arena_text(writer->arena, cut(buf_bytes(&writer->scratch)));
    if (kept == NULL || writer->scratch.failed) {
        writer->out_of_memory = true;
        return "";
    }
    return kept;
}

void facts_import(struct facts_writer *writer, struct fact_place at, struct bytes module,
                  struct bytes name, uint32_t scope)
{
    struct facts *facts = &writer->facts;
    if (facts->import_count >= FACT_IMPORTS_MAX) {
        facts->cut = true;
        return;
    }
    struct fact_import *import = arena_alloc(writer->arena, sizeof(*import));
    if (import == NULL) {
        writer->out_of_memory = true;
        return;
    }
    import->module = facts_keep(writer, module);
    import->name = facts_keep(writer, name);
    import->scope = writer->scope | scope;
    import->function = writer->function;
    import->offset = writer->base.offset + at.offset;
    import->line = writer->base.line + at.line;
    *writer->import_tail = import;
    writer->import_tail = &import->next;
    facts->import_count++;
}

void facts_name(struct facts_writer *writer, struct fact_place at, enum fact_name_kind kind,
                struct bytes text, struct bytes callee, int position)
{
    struct facts *facts = &writer->facts;
    if (facts->name_count >= FACT_NAMES_MAX) {
        facts->cut = true;
        return;
    }
    struct fact_name *name = arena_alloc(writer->arena, sizeof(*name));
    if (name == NULL) {
        writer->out_of_memory = true;
        return;
    }
    name->kind = kind;
    name->text = facts_keep(writer, text);
    name->callee = facts_keep(writer, callee);
    name->position = position;
    name->scope = writer->scope;
    name->function = writer->function;
    name->offset = writer->base.offset + at.offset;
    name->line = writer->base.line + at.line;
    *writer->name_tail = name;
    writer->name_tail = &name->next;
    facts->name_count++;
}

void facts_literal(struct facts_writer *writer, struct fact_place at, struct bytes name,
                   const char *value, bool is_number, enum analysis_source source)
{
    struct facts *facts = &writer->facts;
    if (facts->literal_count >= FACT_LITERALS_MAX) {
        facts->cut = true;
        return;
    }
    struct fact_literal *literal = arena_alloc(writer->arena, sizeof(*literal));
    if (literal == NULL) {
        writer->out_of_memory = true;
        return;
    }
    literal->name = facts_keep(writer, name);
    literal->value = value;
    literal->is_number = is_number;
    literal->source = source;
    literal->scope = writer->scope;
    literal->offset = writer->base.offset + at.offset;
    literal->line = writer->base.line + at.line;
    *writer->literal_tail = literal;
    writer->literal_tail = &literal->next;
    facts->literal_count++;
}
