/* tools/tally/wallet.h: a Qubic seed in a file, sealed under a passphrase.
 *
 * Shape:   JSON {"format":"tallystick wallet 1","identity":"<60 letters>","sealed":"<base64 of core/crypto/sealed.h>"};
 *          the secret is the 55-letter seed, which any Qubic wallet imports. Mode 0600.
 * Errors:  ERR_DENIED: wrong passphrase. ERR_CORRUPT: not such a file, or it holds another identity than it says. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_WALLET_H
#define TOOLS_TALLY_WALLET_H

#include "core/base/buf.h"
#include "core/qubic/identity.h"

/* A new random seed: 55 letters, all equally likely. */
void wallet_new_seed(char ret_seed[QUBIC_SEED_SIZE]);
/* ERR_CONFLICT if there is a file already: a seed is never written over. */
MUST_CHECK enum err_code wallet_create(const char *path, struct bytes seed, struct bytes passphrase,
                                       struct key32 *ret_identity, struct err *err);
/* Without a passphrase: the identity that the file says. */
MUST_CHECK enum err_code
wallet_identity(const char *path, char ret_identity[QUBIC_IDENTITY_TEXT_SIZE], struct err *err);
/* Append the seed; sealed_wipe it. */
MUST_CHECK enum err_code wallet_seed(const char *path, struct bytes passphrase, struct buf *ret,
                                     struct err *err);
/* The keys; qubic_keys_wipe them. Asks for the passphrase as tools/tally/passphrase.h says. */
MUST_CHECK enum err_code wallet_open(const char *path, const char *passphrase_file,
                                     struct qubic_keys *ret, struct err *err);

#endif
