/* Any bytes as a multipart form: the first byte says in what pieces. Fed whole or in pieces, the parts and the verdict
 * must be the same. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/buf.h"
#include "core/base/invariant.h"
#include "core/net/multipart.h"
#include "tests/fuzz/fuzz_target.h"

#include <string.h>

struct seen {
    struct buf text;
    bool in_part;
};

static enum err_code part_begin(void *ctx, const struct multipart_part *part, struct err *err)
{
    (void)err;
    struct seen *seen = ctx;
    INVARIANT(!seen->in_part);
    INVARIANT(part->name[0] != '\0');
    seen->in_part = true;
    buf_printf(&seen->text, "<%s|%s|%s>", part->name, part->file_name ? part->file_name : "-",
               part->content_type ? part->content_type : "-");
    return ERR_OK;
}

static enum err_code part_data(void *ctx, struct bytes data, struct err *err)
{
    (void)err;
    struct seen *seen = ctx;
    INVARIANT(seen->in_part);
    INVARIANT(data.size > 0);
    buf_append_bytes(&seen->text, data);
    return ERR_OK;
}

static enum err_code part_end(void *ctx, struct err *err)
{
    (void)err;
    struct seen *seen = ctx;
    INVARIANT(seen->in_part);
    seen->in_part = false;
    return ERR_OK;
}

static enum err_code parse(struct bytes body, size_t step, struct seen *seen)
{
    struct multipart *parser = NULL;
    const struct multipart_callbacks callbacks = {seen, part_begin, part_data, part_end};
    const struct multipart_limits limits = {.part_count_max = 8, .part_header_size_max = 512};
    enum err_code code =
        multipart_create("multipart/form-data; boundary=b", &limits, &callbacks, &parser, NULL);
    for (size_t at = 0; code == ERR_OK && at < body.size; at += step) {
        size_t size = body.size - at < step ? body.size - at : step;
        code = multipart_feed(parser, bytes_of(body.data + at, size), NULL);
    }
    if (code == ERR_OK) {
        code = multipart_finish(parser, NULL);
    }
    multipart_destroy(parser);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    struct bytes body = bytes_from(bytes_of(data, size), 1);
    struct seen whole = {0};
    struct seen pieces = {0};
    buf_init(&whole.text, 64U << 20);
    buf_init(&pieces.text, 64U << 20);
    enum err_code first = parse(body, body.size + 1, &whole);
    enum err_code second = parse(body, 1 + data[0] % 64, &pieces);
    INVARIANT(first == second);
    INVARIANT(bytes_equal(buf_bytes(&whole.text), buf_bytes(&pieces.text)));
    INVARIANT(first != ERR_OK || !whole.in_part);
    buf_deinit(&whole.text);
    buf_deinit(&pieces.text);
    return 0;
}
