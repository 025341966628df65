/* core/crypto/note.h: C2SP signed notes and tree checkpoints, Ed25519.
 *
 * Shape:   checkpoint text = origin ‖ "\n" ‖ size ‖ "\n" ‖ base64(root) ‖ "\n"; a note is a text, an empty line and
 *          lines "— <name> base64(key id[4] ‖ signature[64])\n". The signature covers the text with its final newline.
 * Source:  C2SP signed-note v1.0.0, tlog-checkpoint v1.0.0; RFC 8032, by libsodium. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_CRYPTO_NOTE_H
#define CORE_CRYPTO_NOTE_H

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/id.h"

#define NOTE_NAME_MAX 200

struct note_key {
    uint8_t secret[64]; /* libsodium's form: seed ‖ public key; wipe with note_key_wipe */
    struct key32 public_key;
};

void note_key_generate(struct note_key *ret);
void note_key_from_seed(const uint8_t seed[32], struct note_key *ret);
void note_key_wipe(struct note_key *key);

/* First four bytes of SHA-256(name ‖ "\n" ‖ 0x01 ‖ public key). */
void note_key_id(const char *name, struct key32 public_key, uint8_t ret[4]);
/* The verifier key in its text form: name+hex id+base64(0x01 ‖ public key). */
void note_append_verifier_key(struct buf *buf, const char *name, struct key32 public_key);

struct checkpoint {
    uint64_t size;
    struct key32 root;
};

/* The signed note of a checkpoint; `origin` is also the key's name. */
void checkpoint_sign(struct buf *buf, const char *origin, struct checkpoint checkpoint,
                     const struct note_key *key);
/* Parse, check the origin and require a good signature by `public_key`.
 * Errors: ERR_CORRUPT with what did not hold. */
MUST_CHECK enum err_code checkpoint_open(struct bytes note, const char *origin,
                                         struct key32 public_key, struct checkpoint *ret,
                                         struct err *err);

#endif
