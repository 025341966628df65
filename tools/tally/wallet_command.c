// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/wallet_command.h"

#include "core/crypto/sealed.h"
#include "tools/tally/arguments.h"
#include "tools/tally/passphrase.h"
#include "tools/tally/wallet.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const char usage_text[] =
    "usage: tally wallet new  --wallet FILE [--passphrase-file FILE] [--import] [--json]\n"
    "       tally wallet show --wallet FILE [--passphrase-file FILE] [--reveal-seed] [--json]\n\n"
    "new makes a Qubic seed and keeps it in FILE, sealed under a passphrase; --import takes the "
    "seed\n"
    "from standard input instead. show prints the identity; --reveal-seed prints the 55 letters,\n"
    "which any Qubic wallet imports: whoever sees them owns what is there.\n"
    "The passphrase is asked for on the terminal, or is the first line of --passphrase-file.\n";

struct wallet_arguments {
    const char *action;
    const char *path;
    const char *passphrase_file;
    bool import;
    bool reveal;
    bool json;
};

static enum err_code read_seed(struct buf *ret, struct err *err)
{
    int c;
    while ((c = getchar()) != EOF && c != '\n') {
        buf_append_byte(ret, (uint8_t)c);
    }
    return buf_check(ret, err);
}

static enum err_code make(const struct wallet_arguments *a, struct err *err)
{
    struct buf seed;
    struct buf passphrase;
    struct key32 identity;
    char text[QUBIC_IDENTITY_TEXT_SIZE];
    buf_init(&seed, 256);
    buf_init(&passphrase, 1);
    enum err_code code = ERR_OK;
    if (a->import) {
        code = read_seed(&seed, err);
    } else {
        char fresh[QUBIC_SEED_SIZE];
        wallet_new_seed(fresh);
        buf_append(&seed, fresh, sizeof fresh);
        sodium_memzero(fresh, sizeof fresh);
        code = buf_check(&seed, err);
    }
    if (code == ERR_OK) {
        code = passphrase_ask(a->passphrase_file, true, &passphrase, err);
    }
    if (code == ERR_OK) {
        code = wallet_create(a->path, buf_bytes(&seed), buf_bytes(&passphrase), &identity, err);
    }
    if (code == ERR_OK) {
        qubic_identity_format(&identity, text);
        printf(a->json ? "{\"identity\":\"%s\"}\n" : "%s\n", text);
    }
    sealed_wipe(&passphrase);
    sealed_wipe(&seed);
    return code;
}

static enum err_code show(const struct wallet_arguments *a, struct err *err)
{
    char identity[QUBIC_IDENTITY_TEXT_SIZE];
    struct buf passphrase;
    struct buf seed;
    enum err_code code = wallet_identity(a->path, identity, err);
    if (code != ERR_OK || !a->reveal) {
        if (code == ERR_OK) {
            printf(a->json ? "{\"identity\":\"%s\"}\n" : "%s\n", identity);
        }
        return code;
    }
    buf_init(&seed, SEALED_SECRET_MAX);
    code = passphrase_ask(a->passphrase_file, false, &passphrase, err);
    if (code == ERR_OK) {
        code = wallet_seed(a->path, buf_bytes(&passphrase), &seed, err);
    }
    if (code == ERR_OK) {
        printf(a->json ? "{\"identity\":\"%s\",\"seed\":\"%s\"}\n" : "%s\n%s\n", identity,
               buf_text(&seed));
    }
    sealed_wipe(&seed);
    sealed_wipe(&passphrase);
    return code;
}

int wallet_command(int argc, char **argv)
{
    struct wallet_arguments a = {0};
    struct err err = {0};
    const struct argument table[] = {
        {"new|show", &a.action, NULL, true},
        {"--wallet", &a.path, NULL, true},
        {"--passphrase-file", &a.passphrase_file, NULL, false},
        {"--import", NULL, &a.import, false},
        {"--reveal-seed", NULL, &a.reveal, false},
        {"--json", NULL, &a.json, false},
    };
    int status = arguments_parse(usage_text, table, sizeof table / sizeof *table, argc, argv);
    if (status != ARGUMENTS_GO_ON) {
        return status;
    }
    bool is_new = strcmp(a.action, "new") == 0;
    if (!is_new && strcmp(a.action, "show") != 0) {
        fprintf(stderr, "tally wallet: '%s' is neither new nor show\n\n%s", a.action, usage_text);
        return 2;
    }
    enum err_code code = is_new ? make(&a, &err) : show(&a, &err);
    if (code != ERR_OK) {
        fprintf(stderr, "tally wallet: %s\n", err.message);
        return 1;
    }
    return 0;
}
