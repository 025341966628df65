/* tools/tally/wallet_file.h: a Qubic seed at rest, under a passphrase (core/crypto/sealed.h), readable by its owner alone. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_WALLET_FILE_H
#define TOOLS_TALLY_WALLET_FILE_H

#include "core/qubic/identity.h"
#include "tools/tally/cli.h"

/* Refuses to replace a file that exists. `seed` is 55 letters. */
MUST_CHECK enum err_code wallet_save(const char *path, struct bytes seed, struct bytes passphrase,
                                     struct err *err);
/* Open --wallet with the passphrase. Wipe the keys (qubic_keys_wipe). */
MUST_CHECK enum err_code wallet_load(const struct cli *cli, struct qubic_keys *ret,
                                     struct err *err);

int wallet_command(int argc, char **argv);

#endif
