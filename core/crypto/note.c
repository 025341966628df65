// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/note.h"

#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/crypto/sha256.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#define NOTE_ED25519 0x01
#define SIGNATURE_LINE "\xE2\x80\x94 " /* em dash, space */

void note_key_from_seed(const uint8_t seed[32], struct note_key *ret)
{
    (void)crypto_sign_seed_keypair(ret->public_key.b, ret->secret, seed);
}

void note_key_generate(struct note_key *ret)
{
    INVARIANT(sodium_init() >= 0);
    (void)crypto_sign_keypair(ret->public_key.b, ret->secret);
}

void note_key_wipe(struct note_key *key)
{
    sodium_memzero(key, sizeof *key);
}

void note_key_id(const char *name, struct key32 public_key, uint8_t ret[4])
{
    uint8_t tail[34] = {'\n', NOTE_ED25519};
    memcpy(tail + 2, public_key.b, 32);
    struct key32 digest = sha256_of_two(bytes_of_text(name), bytes_of(tail, sizeof tail));
    memcpy(ret, digest.b, 4);
}

void note_append_verifier_key(struct buf *buf, const char *name, struct key32 public_key)
{
    uint8_t id[4];
    char id_hex[9];
    uint8_t typed[33] = {NOTE_ED25519};
    note_key_id(name, public_key, id);
    hex_encode(bytes_of(id, sizeof id), id_hex);
    memcpy(typed + 1, public_key.b, 32);
    buf_printf(buf, "%s+%s+", name, id_hex);
    base64_append(buf, bytes_of(typed, sizeof typed));
}

void checkpoint_sign(struct buf *buf, const char *origin, struct checkpoint checkpoint,
                     const struct note_key *key)
{
    size_t start = buf->size;
    buf_printf(buf, "%s\n%" PRIu64 "\n", origin, checkpoint.size);
    base64_append(buf, bytes_of(checkpoint.root.b, 32));
    buf_append_byte(buf, '\n');
    if (buf->failed) {
        return;
    }
    uint8_t signature[4 + crypto_sign_BYTES];
    note_key_id(origin, key->public_key, signature);
    (void)crypto_sign_detached(signature + 4, NULL, buf->data + start, buf->size - start,
                               key->secret);
    buf_printf(buf, "\n" SIGNATURE_LINE "%s ", origin);
    base64_append(buf, bytes_of(signature, sizeof signature));
    buf_append_byte(buf, '\n');
}

/* The next line without its newline; false when there is no newline left. */
static bool take_line(struct bytes *rest, struct bytes *ret)
{
    const uint8_t *end = rest->size == 0 ? NULL : memchr(rest->data, '\n', rest->size);
    if (end == NULL) {
        return false;
    }
    *ret = bytes_of(rest->data, (size_t)(end - rest->data));
    *rest = bytes_from(*rest, ret->size + 1);
    return true;
}

/* Without memory of its own: a note that cannot be read for want of it would look like one that is damaged. */
static bool decode_exact(struct bytes text, uint8_t *ret, size_t size)
{
    size_t decoded = 0;
    for (size_t i = 0; i < text.size; i++) { /* libsodium takes some bytes above 0x7F for letters */
        if (text.data[i] >= 0x80) {
            return false;
        }
    }
    return sodium_base642bin(ret, size, (const char *)text.data, text.size, NULL, &decoded, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           decoded == size;
}

/* Whether one of the signature lines is ours and good. A line by our key that is bad fails the note. */
static enum err_code check_signatures(struct bytes lines, struct bytes text, const char *name,
                                      struct key32 public_key, struct err *err)
{
    uint8_t id[4];
    note_key_id(name, public_key, id);
    struct bytes line;
    bool found = false;
    while (take_line(&lines, &line)) {
        uint8_t signature[4 + crypto_sign_BYTES];
        size_t prefix = strlen(SIGNATURE_LINE) + strlen(name) + 1;
        if (!bytes_starts_with(line, SIGNATURE_LINE)) {
            return err_set(err, ERR_CORRUPT, "a signature line does not begin with a dash");
        }
        if (line.size < prefix ||
            memcmp(line.data + strlen(SIGNATURE_LINE), name, strlen(name)) != 0 ||
            line.data[prefix - 1] != ' ' ||
            !decode_exact(bytes_from(line, prefix), signature, sizeof signature) ||
            memcmp(signature, id, sizeof id) != 0) {
            continue; /* somebody else's */
        }
        if (crypto_sign_verify_detached(signature + 4, text.data, text.size, public_key.b) != 0) {
            return err_set(err, ERR_CORRUPT, "the checkpoint's signature is wrong");
        }
        found = true;
    }
    if (!found || lines.size != 0) {
        return err_set(err, ERR_CORRUPT, "the checkpoint is not signed by %s", name);
    }
    return ERR_OK;
}

enum err_code checkpoint_open(struct bytes note, const char *origin, struct key32 public_key,
                              struct checkpoint *ret, struct err *err)
{
    struct bytes rest = note;
    struct bytes origin_line;
    struct bytes size_line;
    struct bytes root_line;
    struct bytes line;
    struct checkpoint checkpoint;
    if (!take_line(&rest, &origin_line) || !take_line(&rest, &size_line) ||
        !take_line(&rest, &root_line)) {
        return err_set(err, ERR_CORRUPT, "not a checkpoint: origin, size and root are three lines");
    }
    if (!bytes_equal(origin_line, bytes_of_text(origin))) {
        return err_set(err, ERR_CORRUPT, "a checkpoint of another log: %.*s",
                       (int)(origin_line.size > 120 ? 120 : origin_line.size),
                       (const char *)origin_line.data);
    }
    if (u64_parse(size_line, &checkpoint.size, NULL) != ERR_OK ||
        !decode_exact(root_line, checkpoint.root.b, 32)) {
        return err_set(err, ERR_CORRUPT, "not a checkpoint: bad size or root");
    }
    do { /* extension lines, up to the empty one */
        if (!take_line(&rest, &line)) {
            return err_set(err, ERR_CORRUPT, "not a signed note: no empty line");
        }
    } while (line.size > 0);
    struct bytes text = bytes_of(note.data, note.size - rest.size - 1);
    enum err_code code = check_signatures(rest, text, origin, public_key, err);
    if (code == ERR_OK) {
        *ret = checkpoint;
    }
    return code;
}
