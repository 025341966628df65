/* api/keys.h: the server's secrets: the checkpoint key and the operator's seed, sealed in <data>/keys.sealed.
 *
 * Secrets: wipe with server_keys_wipe. The passphrase comes from a file or a systemd credential, never from argv or the environment. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_KEYS_H
#define API_KEYS_H

#include "core/crypto/note.h"
#include "core/qubic/identity.h"

struct server_keys {
    uint8_t checkpoint_seed[32];
    char operator_seed[QUBIC_SEED_SIZE];
};

void server_keys_generate(struct server_keys *ret);
void server_keys_wipe(struct server_keys *keys);
/* Refuses to replace a file that exists. */
MUST_CHECK enum err_code server_keys_save(const struct server_keys *keys, const char *path,
                                          struct bytes passphrase, struct err *err);
MUST_CHECK enum err_code server_keys_load(const char *path, struct bytes passphrase,
                                          struct server_keys *ret, struct err *err);
/* First line of the file, without its newline. ERR_DENIED if others may read the file. */
MUST_CHECK enum err_code passphrase_read(const char *path, struct buf *ret, struct err *err);

#endif
