// SPDX-License-Identifier: Apache-2.0
#include "worker/mask.h"

#include "core/base/invariant.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct mask {
    struct buf *values;
    size_t count;
    size_t longest;
    bool begins[256];              /* some value begins with this byte */
    struct buf held[MASK_STREAMS]; /* the beginning of a value, perhaps */
};

static bool is_secret(const struct sandbox_variable *variable)
{
    static const char *const words[] = {"KEY",        "TOKEN", "SECRET", "PASS",
                                        "CREDENTIAL", "AUTH",  "PRIVATE"};
    if (variable->is_secret) {
        return true;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasestr(variable->name, words[i]) != NULL) {
            return true;
        }
    }
    const char *address = strstr(variable->value, "://");
    return address != NULL && strchr(address, '@') != NULL;
}

static bool add(struct mask *mask, struct bytes value)
{
    struct buf *copy = &mask->values[mask->count];
    if (value.size < MASK_VALUE_MIN) {
        return true;
    }
    buf_init(copy, value.size);
    buf_append_bytes(copy, value);
    mask->count++;
    mask->begins[value.data[0]] = true;
    mask->longest = value.size > mask->longest ? value.size : mask->longest;
    return !copy->failed;
}

enum err_code mask_create(const struct sandbox_variable *variables, size_t count,
                          struct mask **ret_mask, struct err *err)
{
    struct mask *mask = calloc(1, sizeof *mask);
    bool good = mask != NULL;
    if (good) {
        mask->values = calloc(count + 1, sizeof mask->values[0]);
        good = mask->values != NULL;
    }
    for (size_t i = 0; good && i < count; i++) {
        good = !is_secret(&variables[i]) || add(mask, bytes_of_text(variables[i].value));
    }
    if (!good) {
        mask_destroy(mask);
        return err_set(err, ERR_NOMEM, "no memory for what is to be masked");
    }
    if (mask->count == 0) {
        mask_destroy(mask);
        mask = NULL;
    } else {
        for (size_t i = 0; i < MASK_STREAMS; i++) {
            buf_init(&mask->held[i], mask->longest);
        }
    }
    *ret_mask = mask;
    return ERR_OK;
}

void mask_destroy(struct mask *mask)
{
    if (mask == NULL) {
        return;
    }
    for (size_t i = 0; i < mask->count; i++) {
        explicit_bzero(mask->values[i].data, mask->values[i].size);
        buf_deinit(&mask->values[i]);
    }
    for (size_t i = 0; mask->count > 0 && i < MASK_STREAMS; i++) {
        buf_deinit(&mask->held[i]);
    }
    free(mask->values);
    free(mask);
}

/* The size of the longest value at the start of `text`; `*ret_open` when a longer one may still be if more comes. */
static size_t match(const struct mask *mask, struct bytes text, bool *ret_open)
{
    size_t longest = 0;
    *ret_open = false;
    for (size_t i = 0; i < mask->count; i++) {
        struct bytes const value = buf_bytes(&mask->values[i]);
        size_t const common = value.size < text.size ? value.size : text.size;
        if (memcmp(value.data, text.data, common) != 0) {
            continue;
        }
        if (common == value.size) {
            longest = common > longest ? common : longest;
        } else {
            *ret_open = true;
        }
    }
    return longest;
}

/* Emit as much of `text` as is decided; how much that is. */
static size_t pass(const struct mask *mask, unsigned stream, struct bytes text, bool last,
                   void (*emit)(void *, unsigned, struct bytes), void *ctx)
{
    size_t at = 0;
    size_t from = 0; /* not emitted yet */
    while (at < text.size) {
        bool open = false;
        size_t const found =
            mask->begins[text.data[at]] ? match(mask, bytes_from(text, at), &open) : 0;
        if (open && !last) {
            break;
        }
        if (found == 0) {
            at++;
            continue;
        }
        if (at > from) {
            emit(ctx, stream, bytes_of(text.data + from, at - from));
        }
        emit(ctx, stream, bytes_of(MASK_TEXT, strlen(MASK_TEXT)));
        at += found;
        from = at;
    }
    if (at > from) {
        emit(ctx, stream, bytes_of(text.data + from, at - from));
    }
    return at;
}

void mask_feed(struct mask *mask, unsigned stream, struct bytes bytes,
               void (*emit)(void *ctx, unsigned stream, struct bytes bytes), void *ctx)
{
    struct buf *held = &mask->held[stream];
    INVARIANT(stream < MASK_STREAMS);
    /* What is held is shorter than the longest value: byte by byte until it is decided, then the rest where it lies. */
    while (held->size > 0 && bytes.size > 0) {
        buf_append_byte(held, bytes.data[0]);
        bytes = bytes_from(bytes, 1);
        buf_consume(held, pass(mask, stream, buf_bytes(held), false, emit, ctx));
    }
    if (bytes.size > 0) {
        size_t const done = pass(mask, stream, bytes, false, emit, ctx);
        buf_append_bytes(held, bytes_from(bytes, done));
        INVARIANT(!held->failed && held->size < mask->longest);
    }
}

void mask_finish(struct mask *mask, unsigned stream,
                 void (*emit)(void *ctx, unsigned stream, struct bytes bytes), void *ctx)
{
    struct buf *held = &mask->held[stream];
    size_t const done = pass(mask, stream, buf_bytes(held), true, emit, ctx);
    INVARIANT(done == held->size);
    buf_clear(held);
}
