// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/catalogue_command.h"

#include "core/base/buf.h"
#include "core/base/text.h"
#include "core/crypto/sha256.h"
#include "core/event/catalogue.h"
#include "tools/tally/arguments.h"

#include <stdio.h>

#define CATALOGUE_SIZE_MAX ((size_t)4 << 20)

static const char usage_text[] =
    "usage: tally catalogue [--markdown]\n\n"
    "Print every event type with its fields, numbers and visibility; --markdown: as\n"
    "docs/event-catalogue.md. The SHA-256 of the plain form is catalogue_digest in "
    "ledger.opened.\n";

int catalogue_command(int argc, char **argv)
{
    bool markdown = false;
    const struct argument table[] = {{"--markdown", NULL, &markdown, false}};
    struct buf text;
    struct err err = {0};
    char digest[65];
    int status = arguments_parse(usage_text, table, 1, argc, argv);
    if (status != ARGUMENTS_GO_ON) {
        return status;
    }
    buf_init(&text, CATALOGUE_SIZE_MAX);
    catalogue_append_text(&text);
    if (buf_check(&text, &err) != ERR_OK) {
        fprintf(stderr, "tally catalogue: %s\n", err.message);
        buf_deinit(&text);
        return 1;
    }
    struct key32 hash = sha256_of(buf_bytes(&text));
    hex_encode(bytes_of(hash.b, sizeof hash.b), digest);
    if (markdown) {
        printf(
            "# Event catalogue\n\nPrinted by `tally catalogue --markdown`; a test compares. What "
            "the columns mean is said in\n[record-format.md](record-format.md). SHA-256 of the "
            "text between the fences: `%s`.\n\n```\n",
            digest);
    }
    fwrite(buf_text(&text), 1, text.size, stdout);
    if (markdown) {
        puts("```");
    }
    buf_deinit(&text);
    return fflush(stdout) == 0 ? 0 : 1;
}
