/* api/keys.h: the server's secrets: the checkpoint key and the operator's seeds, sealed in <data>/keys.sealed.
 *
 * Shape:   what is sealed is the checkpoint key's seed (32 bytes) and then the operator's seeds (55 letters each), in the order of their settlement
 *          keys: the first is key 1's. Seeds are only ever added, so that every older copy of the file is the beginning of every newer one.
 * Secrets: wipe with server_keys_wipe. The passphrase comes from a file or a systemd credential, never from argv or the environment. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_KEYS_H
#define API_KEYS_H

#include "core/crypto/note.h"
#include "core/settlement/escrow_key.h"

struct server_keys {
    uint8_t checkpoint_seed[32];
    size_t seed_count; /* 1 to OPERATOR_KEYS_MAX */
    char operator_seeds[OPERATOR_KEYS_MAX][QUBIC_SEED_SIZE];
};

void server_keys_generate(struct server_keys *ret);
void server_keys_wipe(struct server_keys *keys);
/* Refuses to replace a file that exists. */
MUST_CHECK enum err_code server_keys_save(const struct server_keys *keys, const char *path,
                                          struct bytes passphrase, struct err *err);
/* One more operator seed, in `keys` and, whole or not at all, in the file, which must hold `keys` as they are. ERR_FULL when there
 * are OPERATOR_KEYS_MAX; `keys` is then, and after any other error, as before. */
MUST_CHECK enum err_code server_keys_add_seed(struct server_keys *keys, const char *path,
                                              struct bytes passphrase, struct err *err);
MUST_CHECK enum err_code server_keys_load(const char *path, struct bytes passphrase,
                                          struct server_keys *ret, struct err *err);

#endif
