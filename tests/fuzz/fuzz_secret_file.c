/* Files with secrets: sealed files, the server's keys, wallets and passphrases. The passphrase is "p"; files that ask for much work are left out, the fuzzer
 * has none. What opens is small enough and, for a wallet, the seed of the identity it names; nothing is told in a message but what is UTF-8. */
// SPDX-License-Identifier: Apache-2.0
#include "api/keys.h"
#include "core/base/text.h"
#include "core/crypto/sealed.h"
#include "tests/fuzz/fuzz_file.h"
#include "tests/fuzz/fuzz_target.h"
#include "tools/tally/passphrase.h"
#include "tools/tally/wallet.h"

#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#define CHEAP_OPERATIONS 2
#define CHEAP_MEMORY 65536

/* True for what would not be refused at once and takes long. */
static bool is_dear(struct bytes sealed)
{
    return sealed.size >= 24 &&
           (get_be64(sealed.data + 8) > CHEAP_OPERATIONS ||
            get_be64(sealed.data + 16) > CHEAP_MEMORY) &&
           get_be64(sealed.data + 8) <= 64 && get_be64(sealed.data + 16) <= (1U << 30);
}

static bool wallet_is_dear(struct bytes text)
{
    struct buf sealed;
    bool dear = false;
    json_t *json = json_loadb(text.size > 0 ? (const char *)text.data : "", text.size, 0, NULL);
    const char *base64 = json_string_value(json_object_get(json, "sealed"));
    buf_init(&sealed, 16384);
    if (base64 != NULL) {
        dear = base64_decode(bytes_of_text(base64), &sealed, NULL) == ERR_OK &&
               is_dear(buf_bytes(&sealed));
    }
    buf_deinit(&sealed);
    json_decref(json);
    return dear;
}

static void check_wallet(const char *path, struct bytes content, struct bytes passphrase)
{
    char identity[QUBIC_IDENTITY_TEXT_SIZE];
    struct err err = {0};
    struct buf seed;
    struct qubic_keys keys;
    char of_seed[QUBIC_IDENTITY_TEXT_SIZE];
    buf_init(&seed, SEALED_SECRET_MAX);
    if (wallet_identity(path, identity, &err) == ERR_OK) {
        struct key32 key;
        INVARIANT(qubic_identity_parse(bytes_of_text(identity), &key, NULL) == ERR_OK);
    } else {
        INVARIANT(utf8_is_valid(bytes_of_text(err.message)));
    }
    if (!wallet_is_dear(content) && wallet_seed(path, passphrase, &seed, &err) == ERR_OK) {
        INVARIANT(seed.size == QUBIC_SEED_SIZE);
        INVARIANT(qubic_keys_from_seed(buf_bytes(&seed), &keys, NULL) == ERR_OK);
        qubic_identity_format(&keys.public_key, of_seed);
        INVARIANT(strcmp(of_seed, identity) == 0);
    }
    sealed_wipe(&seed);
}

static void check_passphrases(const char *path)
{
    struct buf text;
    if (sealed_passphrase_read(path, &text, NULL) == ERR_OK) {
        INVARIANT(text.size > 0 && memchr(text.data, '\n', text.size) == NULL);
    }
    sealed_wipe(&text);
    if (passphrase_ask(path, false, &text, NULL) == ERR_OK) {
        INVARIANT(text.size > 0 && memchr(text.data, '\n', text.size) == NULL);
    }
    sealed_wipe(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_file file;
    struct bytes const content = bytes_of(data, size);
    struct bytes const passphrase = bytes_of_text("p");
    struct server_keys keys;
    struct buf secret;
    fuzz_file_write(&file, content);
    INVARIANT(fchmod(file.fd, 0644) == 0); /* others may read it: refused */
    check_passphrases(file.path);
    INVARIANT(fchmod(file.fd, 0600) == 0);
    check_passphrases(file.path);
    check_wallet(file.path, content, passphrase);
    if (!is_dear(content)) {
        buf_init(&secret, SEALED_SECRET_MAX);
        if (sealed_open(content, passphrase, &secret, NULL) == ERR_OK) {
            INVARIANT(secret.size <= SEALED_SECRET_MAX);
        }
        sealed_wipe(&secret);
        (void)!server_keys_load(file.path, passphrase, &keys, NULL);
    }
    return 0;
}
