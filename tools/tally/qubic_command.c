/* tools/tally/qubic_command.c
 *
 * JSON lines on standard input, one object out per line, in order, flushed per line. A bad line gives
 * {"error":"…"} and the stream goes on. With flags instead of a stream, one answer, and status 1 for an
 * error. Seeds come by standard input only: arguments can be seen by every user of a machine. */
// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/qubic_command.h"

#include "core/base/text.h"
#include "core/crypto/k12.h"
#include "core/qubic/transaction.h"

#include <inttypes.h>
#include <jansson.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define K12_LENGTH_MAX 1048576
#define LINE_MAX_SIZE ((size_t)64 << 20)

/* Appends the members of the answer, without braces. */
typedef enum err_code (*operation_fn)(json_t *in, struct buf *out, struct err *err);

static const char usage_text[] =
    "usage: tally qubic OPERATION [--FIELD VALUE]...\n"
    "\n"
    "Without fields: one JSON object per line on standard input, one answer per line.\n"
    "Bytes are hex, amounts decimal texts. A seed is read from standard input only.\n"
    "\n"
    "  k12       {input, length}              -> {output}\n"
    "  identity  {seed}                       -> {identity, publicKey}\n"
    "            {identity}                   -> {publicKey}\n"
    "            {publicKey}                  -> {identity}\n"
    "  sign      {seed, digest}               -> {signature}\n"
    "  verify    {publicKey, digest, signature} -> {valid}\n"
    "  tx        {hex}                        -> every field, id, signatureValid\n"
    "            {seed, destination, amount, tick, inputType, input} -> {hex, id}\n";

static bool has(json_t *in, const char *field)
{
    return json_object_get(in, field) != NULL;
}

/* Only the given fields may be there; `fields` is a list ended by NULL. */
static enum err_code allow(json_t *in, const char *const *fields, struct err *err)
{
    for (void *at = json_object_iter(in); at != NULL; at = json_object_iter_next(in, at)) {
        bool known = false;
        char list[128] = "";
        for (size_t i = 0; fields[i] != NULL; i++) {
            size_t const size = strlen(list);
            known = known || strcmp(fields[i], json_object_iter_key(at)) == 0;
            snprintf(list + size, sizeof list - size, "%s%s", i > 0 ? ", " : "", fields[i]);
        }
        if (!known) {
            return err_set(err, ERR_INVALID, "unknown field; accepted here: %s", list);
        }
    }
    return ERR_OK;
}

static enum err_code get_text(json_t *in, const char *field, struct bytes *ret, struct err *err)
{
    const json_t *value = json_object_get(in, field);
    if (!json_is_string(value)) {
        return err_set(err, ERR_INVALID, "%s: expected a text", field);
    }
    *ret = bytes_of(json_string_value(value), json_string_length(value));
    return ERR_OK;
}

static enum err_code get_bytes(json_t *in, const char *field, uint8_t *ret, size_t size,
                               struct err *err)
{
    struct bytes text = {0};
    enum err_code const code = get_text(in, field, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    if (hex_decode(text, ret, size, NULL) != ERR_OK) {
        return err_set(err, ERR_INVALID, "%s: expected %zu bytes as %zu hex digits", field, size,
                       2 * size);
    }
    return ERR_OK;
}

/* A whole number, as JSON number or as decimal text; `fallback` if the field is not there and it is >= 0. */
static enum err_code get_number(json_t *in, const char *field, int64_t max, int64_t fallback,
                                int64_t *ret, struct err *err)
{
    const json_t *value = json_object_get(in, field);
    int64_t number = fallback;
    bool good = value == NULL && fallback >= 0;
    if (json_is_integer(value)) {
        number = json_integer_value(value);
        good = true;
    } else if (json_is_string(value)) {
        good = i64_parse(bytes_of(json_string_value(value), json_string_length(value)), &number,
                         NULL) == ERR_OK;
    }
    if (!good || number < 0 || number > max) {
        return err_set(err, ERR_INVALID, "%s: expected a whole number from 0 to %" PRId64, field,
                       max);
    }
    *ret = number;
    return ERR_OK;
}

static enum err_code get_keys(json_t *in, struct qubic_keys *ret, struct err *err)
{
    struct bytes seed = {0};
    enum err_code const code = get_text(in, "seed", &seed, err);
    return code != ERR_OK ? code : qubic_keys_from_seed(seed, ret, err);
}

static void put_hex(struct buf *out, const char *field, struct bytes value)
{
    static const char digits[] = "0123456789abcdef";
    buf_printf(out, "%s\"%s\":\"", out->size > 1 ? "," : "", field);
    for (size_t i = 0; i < value.size; i++) {
        buf_append_byte(out, (uint8_t)digits[value.data[i] >> 4]);
        buf_append_byte(out, (uint8_t)digits[value.data[i] & 15]);
    }
    buf_append_text(out, "\"");
}

static void put_text(struct buf *out, const char *field, const char *value)
{
    buf_printf(out, "%s\"%s\":\"%s\"", out->size > 1 ? "," : "", field, value);
}

static void put_identity(struct buf *out, const char *field, const struct key32 *key)
{
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    qubic_identity_format(key, text);
    put_text(out, field, text);
}

static void put_hash(struct buf *out, const struct key32 *hash)
{
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    qubic_hash_format(hash, text);
    put_text(out, "id", text);
}

static enum err_code run_k12(json_t *in, struct buf *out, struct err *err)
{
    static const char *const fields[] = {"input", "length", NULL};
    struct bytes text = {0};
    int64_t length = 0;
    uint8_t *input = NULL;
    uint8_t *output = NULL;
    enum err_code code = allow(in, fields, err);
    if (code == ERR_OK) {
        code = get_text(in, "input", &text, err);
    }
    if (code == ERR_OK) {
        code = get_number(in, "length", K12_LENGTH_MAX, 32, &length, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    input = malloc(text.size / 2 + 1);
    output = malloc((size_t)length + 1);
    if (input == NULL || output == NULL) {
        code = err_set(err, ERR_NOMEM, "out of memory");
    } else if (hex_decode(text, input, text.size / 2, NULL) != ERR_OK) {
        code = err_set(err, ERR_INVALID, "input: expected hex digits, two for each byte");
    } else {
        k12_hash(bytes_of(input, text.size / 2), output, (size_t)length);
        put_hex(out, "output", bytes_of(output, (size_t)length));
    }
    free(output);
    free(input);
    return code;
}

static enum err_code run_identity(json_t *in, struct buf *out, struct err *err)
{
    static const char *const fields[] = {"seed", "identity", "publicKey", NULL};
    enum err_code code = allow(in, fields, err);
    struct key32 key;
    if (code != ERR_OK) {
        return code;
    }
    if (json_object_size(in) != 1) {
        return err_set(err, ERR_INVALID, "expected one of: seed, identity, publicKey");
    }
    if (has(in, "seed")) {
        struct qubic_keys keys;
        code = get_keys(in, &keys, err);
        if (code == ERR_OK) {
            put_identity(out, "identity", &keys.public_key);
            put_hex(out, "publicKey", bytes_of(keys.public_key.b, 32));
            qubic_keys_wipe(&keys);
        }
    } else if (has(in, "identity")) {
        struct bytes text = {0};
        code = get_text(in, "identity", &text, err);
        if (code == ERR_OK) {
            code = qubic_identity_parse(text, &key, err);
        }
        if (code == ERR_OK) {
            put_hex(out, "publicKey", bytes_of(key.b, 32));
        }
    } else {
        code = get_bytes(in, "publicKey", key.b, sizeof key.b, err);
        if (code == ERR_OK) {
            put_identity(out, "identity", &key);
        }
    }
    return code;
}

static enum err_code run_sign(json_t *in, struct buf *out, struct err *err)
{
    static const char *const fields[] = {"seed", "digest", NULL};
    struct qubic_keys keys;
    struct key32 digest;
    uint8_t signature[SCHNORRQ_SIGNATURE_SIZE];
    enum err_code code = allow(in, fields, err);
    if (code == ERR_OK) {
        code = get_bytes(in, "digest", digest.b, sizeof digest.b, err);
    }
    if (code == ERR_OK) {
        code = get_keys(in, &keys, err);
    }
    if (code == ERR_OK) {
        schnorrq_sign(&keys.subseed, &keys.public_key, &digest, signature);
        put_hex(out, "signature", bytes_of(signature, sizeof signature));
        qubic_keys_wipe(&keys);
    }
    return code;
}

static enum err_code run_verify(json_t *in, struct buf *out, struct err *err)
{
    static const char *const fields[] = {"publicKey", "digest", "signature", NULL};
    struct key32 public_key;
    struct key32 digest;
    uint8_t signature[SCHNORRQ_SIGNATURE_SIZE];
    enum err_code code = allow(in, fields, err);
    if (code == ERR_OK) {
        code = get_bytes(in, "publicKey", public_key.b, sizeof public_key.b, err);
    }
    if (code == ERR_OK) {
        code = get_bytes(in, "digest", digest.b, sizeof digest.b, err);
    }
    if (code == ERR_OK) {
        code = get_bytes(in, "signature", signature, sizeof signature, err);
    }
    if (code == ERR_OK) {
        bool const valid = schnorrq_verify(&public_key, &digest, signature);
        buf_printf(out, "\"valid\":%s", valid ? "true" : "false");
    }
    return code;
}

static enum err_code show_transaction(json_t *in, struct buf *out, struct err *err)
{
    static const char *const fields[] = {"hex", NULL};
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    struct qubic_transaction tx;
    struct bytes text = {0};
    enum err_code code = allow(in, fields, err);
    if (code == ERR_OK) {
        code = get_text(in, "hex", &text, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (text.size > 2 * sizeof wire || hex_decode(text, wire, text.size / 2, NULL) != ERR_OK) {
        return err_set(err, ERR_INVALID, "hex: expected %d to %d bytes in hex",
                       QUBIC_TRANSACTION_SIZE_MIN, QUBIC_TRANSACTION_SIZE_MAX);
    }
    code = qubic_transaction_parse(bytes_of(wire, text.size / 2), &tx, err);
    if (code != ERR_OK) {
        return code;
    }
    struct key32 const hash = qubic_transaction_hash(&tx);
    put_identity(out, "source", &tx.source);
    put_identity(out, "destination", &tx.destination);
    buf_printf(out,
               ",\"amount\":\"%" PRId64 "\",\"tick\":%" PRIu32 ",\"inputType\":%u,\"inputSize\":%u",
               tx.amount, tx.tick, tx.input_type, tx.input_size);
    put_hex(out, "input", bytes_of(tx.input, tx.input_size));
    put_hex(out, "signature", bytes_of(tx.signature, sizeof tx.signature));
    put_hash(out, &hash);
    buf_printf(out, ",\"signatureValid\":%s",
               qubic_transaction_signature_is_valid(&tx) ? "true" : "false");
    return ERR_OK;
}

static enum err_code read_unsigned(json_t *in, struct qubic_transaction *ret, struct err *err)
{
    int64_t tick = 0;
    int64_t input_type = 0;
    struct bytes text = {0};
    enum err_code code = get_text(in, "destination", &text, err);
    if (code == ERR_OK) {
        code = qubic_identity_parse(text, &ret->destination, err);
    }
    if (code == ERR_OK) {
        code = get_number(in, "amount", QUBIC_AMOUNT_MAX, -1, &ret->amount, err);
    }
    if (code == ERR_OK) {
        code = get_number(in, "tick", UINT32_MAX, -1, &tick, err);
    }
    if (code == ERR_OK) {
        code = get_number(in, "inputType", UINT16_MAX, 0, &input_type, err);
    }
    if (code == ERR_OK && has(in, "input")) {
        code = get_text(in, "input", &text, err);
        if (code == ERR_OK && (text.size > 2 * sizeof ret->input ||
                               hex_decode(text, ret->input, text.size / 2, NULL) != ERR_OK)) {
            code = err_set(err, ERR_INVALID, "input: expected at most %d bytes in hex",
                           QUBIC_INPUT_SIZE_MAX);
        }
        ret->input_size = (uint16_t)(text.size / 2);
    }
    ret->tick = (uint32_t)tick;
    ret->input_type = (uint16_t)input_type;
    return code;
}

static enum err_code run_transaction(json_t *in, struct buf *out, struct err *err)
{
    static const char *const fields[] = {"seed",      "destination", "amount", "tick",
                                         "inputType", "input",       NULL};
    struct qubic_keys keys;
    struct qubic_transaction tx = {0};
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    if (has(in, "hex")) {
        return show_transaction(in, out, err);
    }
    enum err_code code = allow(in, fields, err);
    if (code == ERR_OK) {
        code = read_unsigned(in, &tx, err);
    }
    if (code == ERR_OK) {
        code = get_keys(in, &keys, err);
    }
    if (code == ERR_OK) {
        code = qubic_transaction_sign(&tx, &keys, err);
        qubic_keys_wipe(&keys);
    }
    if (code == ERR_OK) {
        struct key32 const hash = qubic_transaction_hash(&tx);
        put_hex(out, "hex", bytes_of(wire, qubic_transaction_encode(&tx, wire)));
        put_hash(out, &hash);
    }
    return code;
}

static const struct {
    const char *name;
    operation_fn run;
} operations[] = {
    {"k12", run_k12},       {"identity", run_identity}, {"sign", run_sign},
    {"verify", run_verify}, {"tx", run_transaction},
};

/* One answer line for `in` (NULL: it was no JSON object). */
static enum err_code answer(operation_fn run, json_t *in, struct buf *out)
{
    struct err err = {0};
    enum err_code code;
    buf_clear(out);
    buf_append_text(out, "{");
    if (!json_is_object(in)) {
        code = err_set(&err, ERR_INVALID, "expected one JSON object on the line");
    } else {
        code = run(in, out, &err);
    }
    if (code == ERR_OK) {
        code = buf_check(out, &err);
    }
    if (code != ERR_OK) {
        buf_clear(out);
        buf_append_text(out, "{\"error\":");
        json_append_string(out, bytes_of_text(err.message));
    }
    buf_append_text(out, "}\n");
    return code;
}

static enum err_code answer_line(operation_fn run, struct bytes line, struct buf *out)
{
    json_t *in = line.size <= LINE_MAX_SIZE
                     ? json_loadb((const char *)line.data, line.size, JSON_REJECT_DUPLICATES, NULL)
                     : NULL;
    enum err_code const code = answer(run, in, out);
    json_decref(in);
    return code;
}

static operation_fn find_operation(const char *name)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (strcmp(name, operations[i].name) == 0) {
            return operations[i].run;
        }
    }
    return NULL;
}

enum err_code qubic_line(const char *operation, struct bytes line, struct buf *ret)
{
    operation_fn const run = find_operation(operation);
    return run == NULL ? ERR_NOT_FOUND : answer_line(run, line, ret);
}

static void print_answer(const struct buf *out)
{
    fwrite(buf_text(out), 1, out->size, stdout);
    fflush(stdout);
}

static int run_stream(operation_fn run, struct buf *out)
{
    size_t capacity = 8192; /* a line with a seed is shorter, so it is never moved */
    char *line = malloc(capacity);
    static char buffer[8192]; /* outlives the call: it stays stdin's */
    ssize_t size;
    (void)setvbuf(stdin, buffer, _IOFBF, sizeof buffer);
    while (line != NULL && !ferror(stdout) && (size = getline(&line, &capacity, stdin)) >= 0) {
        (void)answer_line(run, bytes_of(line, (size_t)size), out);
        print_answer(out);
        sodium_memzero(line, capacity); /* it may have held a seed */
    }
    sodium_memzero(buffer, sizeof buffer);
    bool const failed = line == NULL || ferror(stdin) || ferror(stdout);
    free(line);
    return failed ? 1 : 0;
}

static int run_flags(operation_fn run, int argc, char **argv, struct buf *out)
{
    json_t *in = json_object();
    int status = 2;
    for (int i = 0; i < argc; i += 2) {
        if (strncmp(argv[i], "--", 2) != 0 || argv[i][2] == '\0' || i + 1 >= argc) {
            fprintf(stderr, "tally qubic: expected --FIELD VALUE\n\n%s", usage_text);
            goto out;
        }
        if (strcmp(argv[i], "--seed") == 0) {
            fprintf(stderr, "tally qubic: a seed is read from standard input only, as "
                            "{\"seed\":\"…\"}: arguments can be seen by others\n");
            goto out;
        }
        if (json_object_set_new(in, argv[i] + 2, json_string(argv[i + 1])) != 0) {
            fprintf(stderr, "tally qubic: %s: not a text\n", argv[i]);
            goto out;
        }
    }
    status = answer(run, in, out) == ERR_OK ? 0 : 1;
    print_answer(out);
out:
    json_decref(in);
    return status;
}

/* What jansson frees may have held a seed. */
static void wiping_free(void *memory)
{
    if (memory != NULL) {
        sodium_memzero(memory, malloc_usable_size(memory));
        free(memory);
    }
}

int qubic_command(int argc, char **argv)
{
    struct buf out;
    if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage_text, stdout);
        return 0;
    }
    operation_fn const run = argc >= 2 ? find_operation(argv[1]) : NULL;
    if (run == NULL) {
        fputs(usage_text, stderr);
        return 2;
    }
    if (argc == 3 && strcmp(argv[2], "--help") == 0) {
        fputs(usage_text, stdout);
        return 0;
    }
    json_set_alloc_funcs(malloc, wiping_free);
    buf_init(&out, (size_t)K12_LENGTH_MAX * 2 + 65536);
    int const status = argc > 2 ? run_flags(run, argc - 2, argv + 2, &out) : run_stream(run, &out);
    buf_deinit(&out);
    return status;
}
