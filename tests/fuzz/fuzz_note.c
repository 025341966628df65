/* Signed notes. Bytes as they are must not open unless one key signed them; the same bytes as a text that the key does sign open exactly if they
 * are a checkpoint of this log, and then written anew they are those lines again. A changed byte never opens. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/crypto/note.h"
#include "tests/fuzz/fuzz_target.h"

#include <sodium.h>
#include <string.h>

static const char ORIGIN[] = "tally.test/log/1";

/* `text`, an empty line, and a good signature over the text. */
static void sign(struct bytes text, const struct note_key *key, struct buf *ret)
{
    uint8_t signature[4 + crypto_sign_BYTES];
    note_key_id(ORIGIN, key->public_key, signature);
    (void)crypto_sign_detached(signature + 4, NULL, text.data, text.size, key->secret);
    buf_append_bytes(ret, text);
    buf_printf(ret, "\n\xE2\x80\x94 %s ", ORIGIN);
    base64_append(ret, bytes_of(signature, sizeof signature));
    buf_append_byte(ret, '\n');
    INVARIANT(!ret->failed);
}

static bool opens(struct bytes note, const struct note_key *key, struct checkpoint *ret)
{
    struct err err = {0};
    enum err_code code = checkpoint_open(note, ORIGIN, key->public_key, ret, &err);
    INVARIANT(code == ERR_OK || code == ERR_CORRUPT);
    INVARIANT(code == ERR_OK || utf8_is_valid(bytes_of_text(err.message)));
    return code == ERR_OK;
}

static void check_opened(struct bytes text, const struct checkpoint *checkpoint,
                         const struct note_key *key)
{
    struct buf again;
    struct checkpoint same = {0};
    buf_init(&again, 4096);
    checkpoint_sign(&again, ORIGIN, *checkpoint, key);
    INVARIANT(!again.failed);
    INVARIANT(opens(buf_bytes(&again), key, &same));
    INVARIANT(same.size == checkpoint->size && key_equal(same.root, checkpoint->root));
    const char *empty_line = strstr(buf_text(&again), "\n\n"); /* extensions may follow in `text` */
    size_t lines = (size_t)(empty_line - buf_text(&again)) + 1;
    INVARIANT(text.size >= lines && memcmp(text.data, again.data, lines) == 0);
    buf_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t SEED[32] = {1};
    static const uint8_t OTHER[32] = {2};
    struct note_key key;
    struct note_key other;
    struct checkpoint checkpoint = {0};
    struct bytes const text = bytes_of(data, size);
    note_key_from_seed(SEED, &key);
    note_key_from_seed(OTHER, &other);
    if (opens(text, &key, &checkpoint)) { /* the corpus has one: nobody guesses a signature */
        check_opened(text, &checkpoint, &key);
        INVARIANT(!opens(text, &other, &checkpoint));
    }
    if (size == 0 || size > 4096) {
        return 0;
    }
    struct buf note;
    buf_init(&note, 16384);
    sign(text, &key, &note);
    if (opens(buf_bytes(&note), &key, &checkpoint)) {
        check_opened(text, &checkpoint, &key);
        note.data[size / 2] ^= 1;
        INVARIANT(!opens(buf_bytes(&note), &key, &checkpoint));
    }
    buf_deinit(&note);
    return 0;
}
