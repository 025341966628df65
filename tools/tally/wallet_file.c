// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/wallet_file.h"

#include "core/base/file.h"
#include "core/base/rng.h"
#include "core/crypto/sealed.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char USAGE[] =
    "usage: tally wallet new  --wallet FILE [--passphrase-file FILE] [--import] [--json]\n"
    "       tally wallet show --wallet FILE [--passphrase-file FILE] [--json]\n"
    "\n"
    "`new` makes a seed, or with --import takes one (55 letters) from standard input, and seals it "
    "in FILE.\n"
    "`show` prints the identity. The seed itself is never printed.\n";

enum err_code wallet_save(const char *path, struct bytes seed, struct bytes passphrase,
                          struct err *err)
{
    struct buf sealed;
    if (access(path, F_OK) == 0) {
        return err_set(err, ERR_CONFLICT, "%s exists: a wallet is never replaced", path);
    }
    buf_init(&sealed, 8192);
    enum err_code code = sealed_create(seed, passphrase, &sealed, err);
    if (code == ERR_OK) {
        code = file_write_atomic(path, buf_bytes(&sealed), 0600, err);
    }
    buf_deinit(&sealed);
    return code;
}

enum err_code wallet_load(const struct cli *cli, struct qubic_keys *ret, struct err *err)
{
    struct buf passphrase = {0};
    struct buf sealed;
    struct buf seed;
    if (cli->wallet == NULL) {
        return err_set(err, ERR_INVALID, "give --wallet FILE (tally wallet new makes one)");
    }
    buf_init(&sealed, 8192);
    buf_init(&seed, 4096);
    enum err_code code = file_read(cli->wallet, &sealed, err);
    if (code == ERR_OK) {
        code = cli_passphrase(cli, &passphrase, err);
    }
    if (code == ERR_OK) {
        code = sealed_open(buf_bytes(&sealed), buf_bytes(&passphrase), &seed, err);
    }
    if (code == ERR_OK) {
        code = qubic_keys_from_seed(buf_bytes(&seed), ret, err);
    }
    sealed_wipe(&seed);
    sealed_wipe(&passphrase);
    buf_deinit(&sealed);
    return code;
}

static void make_seed(char ret[QUBIC_SEED_SIZE])
{
    size_t letters = 0;
    while (letters < QUBIC_SEED_SIZE) {
        uint8_t byte;
        rng_bytes(&byte, 1);
        if (byte < 234) { /* 9 × 26: below it, byte mod 26 favours no letter */
            ret[letters++] = (char)('a' + byte % 26);
        }
    }
}

static enum err_code import_seed(char ret[QUBIC_SEED_SIZE], struct err *err)
{
    char line[256];
    enum err_code code = ERR_OK;
    if (fgets(line, sizeof line, stdin) == NULL || strcspn(line, "\r\n") != QUBIC_SEED_SIZE) {
        code = err_set(err, ERR_INVALID, "a seed is 55 letters a to z, on one line");
    } else {
        memcpy(ret, line, QUBIC_SEED_SIZE);
    }
    explicit_bzero(line, sizeof line);
    return code;
}

static enum err_code make(const struct cli *cli, bool import, struct err *err)
{
    char seed[QUBIC_SEED_SIZE];
    struct qubic_keys keys;
    struct buf passphrase = {0};
    enum err_code code = ERR_OK;
    if (cli->wallet == NULL) {
        return err_set(err, ERR_INVALID, "give --wallet FILE");
    }
    make_seed(seed);
    if (import) {
        code = import_seed(seed, err);
    }
    if (code == ERR_OK) {
        code = qubic_keys_from_seed(bytes_of(seed, sizeof seed), &keys, err);
    }
    if (code == ERR_OK) {
        qubic_keys_wipe(&keys);
        code = cli_passphrase(cli, &passphrase, err);
    }
    if (code == ERR_OK) {
        code = wallet_save(cli->wallet, bytes_of(seed, sizeof seed), buf_bytes(&passphrase), err);
    }
    sealed_wipe(&passphrase);
    explicit_bzero(seed, sizeof seed);
    return code;
}

int wallet_command(int argc, char **argv)
{
    struct cli cli;
    struct err err = {0};
    bool import = false;
    const struct cli_flag flags[] = {{"import", NULL, &import}};
    if (cli_parse(argc, argv, flags, 1, &cli, &err) != ERR_OK) {
        return cli_fail(&err);
    }
    bool is_new = cli.rest_count == 1 && strcmp(cli.rest[0], "new") == 0;
    bool is_show = cli.rest_count == 1 && strcmp(cli.rest[0], "show") == 0;
    if (cli.help || (!is_new && !is_show)) {
        (void)fputs(USAGE, cli.help ? stdout : stderr);
        return cli.help ? 0 : 2;
    }
    struct qubic_keys keys;
    enum err_code code = is_new ? make(&cli, import, &err) : ERR_OK;
    if (code == ERR_OK) {
        code = wallet_load(&cli, &keys, &err);
    }
    if (code != ERR_OK) {
        return cli_fail(&err);
    }
    char identity[QUBIC_IDENTITY_TEXT_SIZE];
    qubic_identity_format(&keys.public_key, identity);
    qubic_keys_wipe(&keys);
    printf(cli.json ? "{\"identity\":\"%s\"}\n" : "%s\n", identity);
    return 0;
}
