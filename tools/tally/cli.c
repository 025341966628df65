// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/cli.h"

#include "core/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FILE_LINE_MAX ((size_t)1 << 20)

static enum err_code take_flag(const char *name, const char *value, const struct cli_flag *flags,
                               size_t count, struct cli *cli, bool *ret_took_value, struct err *err)
{
    struct cli_flag common[] = {
        {"server", &cli->server, NULL},
        {"wallet", &cli->wallet, NULL},
        {"passphrase-file", &cli->passphrase_file, NULL},
        {"token-file", &cli->token_file, NULL},
        {"json", NULL, &cli->json},
        {"help", NULL, &cli->help},
    };
    const struct cli_flag *found = NULL;
    for (size_t i = 0; i < sizeof common / sizeof *common; i++) {
        found = strcmp(common[i].name, name) == 0 ? &common[i] : found;
    }
    for (size_t i = 0; i < count; i++) {
        found = strcmp(flags[i].name, name) == 0 ? &flags[i] : found;
    }
    if (found == NULL) {
        return err_set(err, ERR_INVALID, "there is no --%s here; --help lists the flags", name);
    }
    *ret_took_value = found->value != NULL;
    if (found->value == NULL) {
        *found->on = true;
    } else if (value == NULL) {
        return err_set(err, ERR_INVALID, "--%s needs a value", name);
    } else {
        *found->value = value;
    }
    return ERR_OK;
}

enum err_code cli_parse(int argc, char **argv, const struct cli_flag *flags, size_t count,
                        struct cli *ret, struct err *err)
{
    *ret = (struct cli){.server = "http://127.0.0.1:8420"};
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0) {
            bool took_value = false;
            const char *value = i + 1 < argc ? argv[i + 1] : NULL;
            enum err_code code = take_flag(argv[i] + 2, value, flags, count, ret, &took_value, err);
            if (code != ERR_OK) {
                return code;
            }
            i += took_value ? 1 : 0;
        } else if (ret->rest_count == CLI_REST_MAX) {
            return err_set(err, ERR_INVALID, "too many arguments");
        } else {
            ret->rest[ret->rest_count++] = argv[i];
        }
    }
    return ERR_OK;
}

int cli_fail(const struct err *err)
{
    (void)fprintf(stderr, "tally: %s\n", err->message);
    return err->code == ERR_INVALID ? 2 : 1;
}

void cli_fail_file(const char *command, const char *path, bool json, const struct err *err)
{
    struct buf line;
    struct buf shown;
    buf_init(&line, FILE_LINE_MAX);
    buf_init(&shown, FILE_LINE_MAX);
    utf8_append_lossy(&shown, bytes_of_text(path));
    if (json) {
        buf_append_text(&line, "{\"path\":");
        json_append_string(&line, buf_bytes(&shown));
        buf_append_text(&line, ",\"error\":");
        json_append_string(&line, bytes_of_text(err->message));
        buf_append_text(&line, "}\n");
        (void)fwrite(buf_text(&line), 1, line.size, stdout);
    } else {
        buf_printf(&line, "tally %s: %s: %s\n", command, buf_text(&shown), err->message);
        cli_put(buf_bytes(&line), stderr);
    }
    buf_deinit(&shown);
    buf_deinit(&line);
}

void cli_put(struct bytes text, FILE *to)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        /* U+0080 to U+009F */
        bool is_c1 =
            c == 0xC2 && i + 1 < text.size && text.data[i + 1] >= 0x80 && text.data[i + 1] <= 0x9F;
        bool is_control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F || is_c1;
        (void)fputc(is_control ? '?' : c, to);
        i += is_c1 ? 1 : 0;
    }
}

const char *cli_amount(int64_t qubic, char ret[32])
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%" PRId64, qubic);
    size_t at = 0;
    for (int i = 0; i < size && at < 30; i++) {
        if (i > 0 && digits[i - 1] != '-' && (size - i) % 3 == 0) {
            ret[at++] = ' ';
        }
        ret[at++] = digits[i];
    }
    ret[at] = '\0';
    return ret;
}

const char *cli_duration(int64_t ms, char ret[32])
{
    int64_t s = ms / 1000;
    if (s < 60) {
        (void)snprintf(ret, 32, "%" PRId64 ".%" PRId64 " s", s, ms % 1000 / 100);
    } else if (s < 3600) {
        (void)snprintf(ret, 32, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    } else {
        (void)snprintf(ret, 32, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
    }
    return ret;
}
