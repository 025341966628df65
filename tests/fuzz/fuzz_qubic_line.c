/* Lines of `tally qubic`. The first byte chooses the operation. Whatever the line is, the answer is one JSON object and a newline, and what it says about
 * keys and transactions is said the same when asked back. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "tests/fuzz/fuzz_target.h"
#include "tools/tally/qubic_command.h"

#include <jansson.h>
#include <string.h>

static json_t *ask(const char *operation, struct bytes line, enum err_code *ret_code)
{
    struct buf out;
    buf_init(&out, 4U << 20);
    *ret_code = qubic_line(operation, line, &out);
    INVARIANT(!out.failed && out.size > 2 && out.data[out.size - 1] == '\n');
    INVARIANT(memchr(out.data, '\n', out.size) == out.data + out.size - 1);
    json_t *answer = json_loadb(buf_text(&out), out.size, JSON_REJECT_DUPLICATES, NULL);
    INVARIANT(json_is_object(answer));
    INVARIANT((json_object_get(answer, "error") != NULL) == (*ret_code != ERR_OK));
    buf_deinit(&out);
    return answer;
}

/* {name: value} asked of `operation`; the answer's `field` must be `expected`. */
static void ask_back(const char *operation, const char *name, const char *value, const char *field,
                     const char *expected)
{
    struct buf line;
    enum err_code code;
    buf_init(&line, 1U << 20);
    buf_printf(&line, "{\"%s\":\"%s\"}", name, value);
    json_t *answer = ask(operation, buf_bytes(&line), &code);
    INVARIANT(code == ERR_OK);
    INVARIANT(strcmp(json_string_value(json_object_get(answer, field)), expected) == 0);
    json_decref(answer);
    buf_deinit(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const OPERATIONS[] = {"k12", "identity", "sign", "verify", "tx"};
    enum err_code code;
    struct buf out;
    if (size == 0) {
        return 0;
    }
    const char *operation = OPERATIONS[data[0] % 5];
    json_t *answer = ask(operation, bytes_from(bytes_of(data, size), 1), &code);
    const char *identity = json_string_value(json_object_get(answer, "identity"));
    const char *public_key = json_string_value(json_object_get(answer, "publicKey"));
    const char *hex = json_string_value(json_object_get(answer, "hex"));
    if (identity != NULL && public_key != NULL) {
        ask_back("identity", "identity", identity, "publicKey", public_key);
        ask_back("identity", "publicKey", public_key, "identity", identity);
    }
    if (hex != NULL) {
        ask_back("tx", "hex", hex, "id", json_string_value(json_object_get(answer, "id")));
    }
    json_decref(answer);
    buf_init(&out, 16);
    INVARIANT(qubic_line("nothing", bytes_of_text("{}"), &out) == ERR_NOT_FOUND);
    buf_deinit(&out);
    return 0;
}
