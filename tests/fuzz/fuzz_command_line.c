/* Command lines: words separated by newlines, for tallyd (first byte 0), tally (1), the subcommands of tally (2), a term of --set (3), a worker's server
 * address (4). What is refused says why in UTF-8 and leaves what it was given alone. */
// SPDX-License-Identifier: Apache-2.0
#include "api/options.h"
#include "api/term_set.h"
#include "core/base/arena.h"
#include "core/base/invariant.h"
#include "core/market/terms.h"
#include "tests/fuzz/fuzz_target.h"
#include "tools/tally/arguments.h"
#include "tools/tally/cli.h"
#include "worker/server.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 40

static int split(struct arena *arena, struct bytes text, char *ret[WORDS_MAX + 1])
{
    int count = 0;
    ret[count++] = arena_text(arena, bytes_of_text("program"));
    while (text.size > 0 && count < WORDS_MAX) {
        size_t size = 0;
        while (size < text.size && text.data[size] != '\n') {
            size++;
        }
        ret[count++] = arena_text(arena, bytes_of(text.data, size));
        text = bytes_from(text, size < text.size ? size + 1 : size);
    }
    ret[count] = NULL;
    return count;
}

static void check_tallyd(int argc, char **argv)
{
    struct tallyd_options options;
    struct err err = {0};
    bool help = false;
    char *nothing[] = {argv[0], NULL};
    optind = 0; /* forget the run before: it may have ended within a word that is freed by now */
    (void)getopt(1, nothing, ""); /* NOLINT(concurrency-mt-unsafe) */
    enum err_code code = options_parse(argc, argv, &options, &help, &err);
    if (code != ERR_OK) {
        INVARIANT(code == ERR_INVALID && err.message[0] != '\0');
    } else if (!help) {
        INVARIANT(options.api.data_dir != NULL && options.passphrase_file != NULL);
        INVARIANT(options.terms_set_count <= TERMS_SET_MAX && options.network != 0);
        INVARIANT(options.poll_ms <= 60000);
    }
}

static void check_tally(int argc, char **argv)
{
    struct cli cli;
    struct err err = {0};
    const char *to = NULL;
    bool quick = false;
    const struct cli_flag flags[] = {{"to", &to, NULL}, {"quick", NULL, &quick}};
    if (cli_parse(argc, argv, flags, 2, &cli, &err) == ERR_OK) {
        INVARIANT(cli.rest_count <= CLI_REST_MAX && cli.server != NULL);
    } else {
        INVARIANT(err.code == ERR_INVALID);
    }
}

static void check_arguments(int argc, char **argv)
{
    const char *data = NULL;
    const char *file = NULL;
    bool quick = false;
    const struct argument table[] = {{"--data", &data, NULL, true},
                                     {"--quick", NULL, &quick, false},
                                     {"FILE", &file, NULL, false}};
    static FILE *nowhere; /* complaints and usages, thousands a second */
    FILE *const out = stdout;
    FILE *const complaints = stderr;
    if (nowhere == NULL) {
        nowhere = fopen("/dev/null", "w");
    }
    stdout = nowhere;
    stderr = nowhere;
    int const status = arguments_parse("usage\n", table, 3, argc, argv);
    stdout = out;
    stderr = complaints;
    INVARIANT(status == ARGUMENTS_GO_ON || status == 0 || status == 2);
    INVARIANT(status != ARGUMENTS_GO_ON || data != NULL);
}

static void check_term(const char *text)
{
    struct arena arena;
    struct ev_terms_set terms;
    struct ev_terms_set before;
    arena_init(&arena, 1U << 16);
    memset(&terms, 0, sizeof terms);
    INVARIANT(terms_default(NETWORK_LOCAL, &arena, &terms, NULL) == ERR_OK);
    memcpy(&before, &terms, sizeof terms);
    if (term_set(&terms, text, NULL) != ERR_OK) {
        INVARIANT(memcmp(&before, &terms, sizeof terms) == 0);
    }
    (void)!terms_check(&terms, NULL);
    arena_deinit(&arena);
}

static void check_base(const char *text)
{
    char base[256];
    if (server_check_base(text, base, sizeof base, NULL) == ERR_OK) {
        size_t const size = strlen(base);
        INVARIANT(strncmp(text, base, size) == 0 && base[size - 1] != '/');
        INVARIANT(strspn(text + size, "/") == strlen(text + size));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    char *argv[WORDS_MAX + 1];
    if (size == 0) {
        return 0;
    }
    arena_init(&arena, 1U << 20);
    int const argc = split(&arena, bytes_from(bytes_of(data, size), 1), argv);
    switch (data[0] % 5) {
    case 0:
        check_tallyd(argc, argv);
        break;
    case 1:
        check_tally(argc, argv);
        break;
    case 2:
        check_arguments(argc, argv);
        break;
    case 3:
        check_term(argc > 1 ? argv[1] : "");
        break;
    default:
        check_base(argc > 1 ? argv[1] : "");
        break;
    }
    arena_deinit(&arena);
    return 0;
}
