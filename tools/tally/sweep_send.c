// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/sweep_send.h"

#include "core/base/file.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/crypto/sealed.h"
#include "core/market/state.h" /* EVIDENCE_TICKS */
#include "tools/tally/passphrase.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define NOTE "sweep.transaction"
#define POLL_US 200000
#define OFFSET_MIN                                                                                 \
    20 /* ticks ahead: nobody waits for it, and a tick missed is a sweep to be tried again */

enum err_code sweep_lock(const char *data, int *ret_fd, struct err *err)
{
    char path[PATH_MAX];
    enum err_code code = path_join(path, sizeof path, data, "lock", err);
    if (code == ERR_OK) {
        code = file_lock(path, 0,
                         "a server runs; stop it first: two signers for one identity could pay "
                         "twice",
                         ret_fd, err);
    }
    if (code == ERR_NOT_FOUND) {
        err_context(err, "%s is no data directory", data);
    }
    return code;
}

/* ── the operator's key ────────────────────────────────────────────────────────────────────────── */

void operator_keys_wipe(struct operator_keys *keys)
{
    explicit_bzero(keys, sizeof *keys);
}

const struct operator_key *operator_keys_find(const struct operator_keys *keys, uint64_t key_id)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->list[i].key_id == key_id) {
            return &keys->list[i];
        }
    }
    return NULL;
}

#define CHECKPOINT_SEED_SIZE 32

/* What keys.sealed holds, as api/keys.h describes it: the checkpoint key's seed, then the operator's, key 1's first. */
static enum err_code read_secret(const char *path, const char *passphrase_file, struct buf *ret,
                                 struct err *err)
{
    struct buf sealed;
    struct buf passphrase = {0};
    buf_init(&sealed, 8192);
    enum err_code code = file_read(path, &sealed, err);
    if (code == ERR_OK) {
        code = passphrase_ask(passphrase_file, false, &passphrase, err);
    }
    if (code == ERR_OK) {
        code = sealed_open(buf_bytes(&sealed), buf_bytes(&passphrase), ret, err);
    }
    size_t seeds = code == ERR_OK ? ret->size - CHECKPOINT_SEED_SIZE : 0;
    if (code == ERR_OK && (ret->size <= CHECKPOINT_SEED_SIZE || seeds % QUBIC_SEED_SIZE != 0 ||
                           seeds / QUBIC_SEED_SIZE > OPERATOR_KEYS_MAX)) {
        code = err_set(err, ERR_CORRUPT, "%s does not hold a server's keys", path);
    }
    sealed_wipe(&passphrase);
    buf_deinit(&sealed);
    return code;
}

/* Those that are the log's. */
static void take_seeds(struct bytes seeds, const struct book *book, struct operator_keys *ret)
{
    for (size_t i = 0; i < seeds.size / QUBIC_SEED_SIZE; i++) {
        struct operator_key *key = &ret->list[ret->count];
        const struct book_key *known = book_key(book, i + 1);
        *key = (struct operator_key){
            .network = book->network, .log_id = book->log_id, .key_id = i + 1};
        memcpy(key->seed, seeds.data + i * QUBIC_SEED_SIZE, QUBIC_SEED_SIZE);
        if (known != NULL && key_equal(operator_check_identity(key), known->check_identity)) {
            ret->count++;
        } else {
            explicit_bzero(key, sizeof *key);
        }
    }
}

enum err_code sweep_keys_load(const char *data, const char *passphrase_file,
                              const struct book *book, struct operator_keys *ret, struct err *err)
{
    char path[PATH_MAX];
    struct buf secret;
    struct operator_keys keys = {0};
    buf_init(&secret, 8192);
    enum err_code code = path_join(path, sizeof path, data, "keys.sealed", err);
    if (code == ERR_OK) {
        code = read_secret(path, passphrase_file, &secret, err);
    }
    if (code == ERR_OK) {
        take_seeds(bytes_of(secret.data + CHECKPOINT_SEED_SIZE, secret.size - CHECKPOINT_SEED_SIZE),
                   book, &keys);
        if (operator_keys_find(&keys, book->key_id) == NULL) {
            code = err_set(err, ERR_CONFLICT,
                           "keys.sealed holds another operator seed than this log's settlement key "
                           "%" PRIu64 " is of, or none for it",
                           book->key_id);
        }
    }
    if (code == ERR_OK) {
        *ret = keys;
    }
    operator_keys_wipe(&keys);
    sealed_wipe(&secret);
    return code;
}

/* ── following a transaction to its end ────────────────────────────────────────────────────────── */

/* An archive that does not know a transaction is not enough: the balance must say that nothing has left since before its tick. Any doubt is an
 * error, and the file stays. */
static enum err_code check_lost(struct chain_reader *chain, const struct qubic_transaction *tx,
                                struct err *err)
{
    struct qubic_balance balance;
    enum err_code code = chain_reader_balance(chain, &tx->source, &balance, err);
    if (code == ERR_OK &&
        (balance.valid_for_tick < tx->tick || balance.latest_outgoing_tick >= tx->tick)) {
        code = err_set(err, ERR_UNAVAILABLE,
                       "the archive does not know the sweep of tick %" PRIu32
                       ", but the balance is of tick %" PRIu32
                       " and last moved out in tick %" PRIu32 ": run it again later",
                       tx->tick, balance.valid_for_tick, balance.latest_outgoing_tick);
    }
    return code;
}

/* Sent again and again, always these bytes, until its tick is reached; then what became of it is known by evidence, with ticks on top. Whether a sending
 * was refused is not asked: the chain says whether it ran. */
static enum err_code follow(struct chain_reader *chain, const struct qubic_transaction *tx,
                            struct sweep_outcome *ret, struct err *err)
{
    struct qubic_archived_transaction found;
    struct sweep_outcome outcome = {
        .tx_id = qubic_transaction_hash(tx), .tick = tx->tick, .amount = tx->amount};
    uint32_t processed = 0;
    uint32_t now = 0;
    enum err_code code = chain_reader_processed(chain, &processed, err);
    while (code == ERR_OK && processed < tx->tick + EVIDENCE_TICKS) {
        if (now < tx->tick) {
            code = chain_reader_tick(chain, &now, err);
        }
        if (code == ERR_OK && now < tx->tick) {
            (void)!chain_reader_broadcast(chain, tx, NULL);
        }
        (void)usleep(POLL_US);
        code = code == ERR_OK ? chain_reader_processed(chain, &processed, err) : code;
    }
    if (code == ERR_OK) {
        code = chain_reader_transaction(chain, &outcome.tx_id, &found, err);
        outcome.moved = code == ERR_OK && found.money_flew;
        code = code == ERR_NOT_FOUND ? check_lost(chain, tx, err) : code;
    }
    if (code == ERR_OK) {
        *ret = outcome;
    }
    return code;
}

static enum err_code note_path(const char *data, char ret[PATH_MAX], struct err *err)
{
    return path_join(ret, PATH_MAX, data, NOTE, err);
}

static enum err_code remove_note(const char *path, struct err *err)
{
    return unlink(path) == 0 ? dir_sync_of(path, err)
                             : err_set_errno(err, errno, "remove %s", path);
}

enum err_code sweep_finish_earlier(const char *data, struct chain_reader *chain, bool *ret_found,
                                   struct sweep_outcome *ret, struct err *err)
{
    char path[PATH_MAX];
    struct buf text;
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    struct qubic_transaction tx;
    struct err own = {0};
    buf_init(&text, 2 * sizeof wire);
    enum err_code code = note_path(data, path, err);
    if (code == ERR_OK && file_read(path, &text, &own) == ERR_NOT_FOUND) {
        *ret_found = false;
        goto out;
    }
    size_t size = text.size / 2;
    if (code == ERR_OK && own.code != ERR_OK) {
        *err = own;
        code = own.code;
    }
    if (code == ERR_OK && (text.size % 2 != 0 || size > sizeof wire ||
                           hex_decode(buf_bytes(&text), wire, size, NULL) != ERR_OK ||
                           qubic_transaction_parse(bytes_of(wire, size), &tx, NULL) != ERR_OK)) {
        code = err_set(err, ERR_CORRUPT,
                       "%.200s holds no transaction; look at the chain before removing it", path);
    }
    if (code == ERR_OK) {
        code = follow(chain, &tx, ret, err);
    }
    if (code == ERR_OK) {
        code = remove_note(path, err);
    }
    *ret_found = code == ERR_OK;
out:
    buf_deinit(&text);
    return code;
}

static enum err_code sign(const struct operator_key *key, const struct book_escrow *escrow,
                          struct qubic_transaction *tx, struct err *err)
{
    struct qubic_keys keys;
    escrow_keys_derive(key, escrow->id, &keys);
    enum err_code code = ERR_OK;
    if (escrow->key_id != key->key_id || !key_equal(keys.public_key, escrow->identity)) {
        code =
            err_set(err, ERR_CONFLICT,
                    "the seed of settlement key %" PRIu64 " does not give this escrow's identity",
                    escrow->key_id);
    } else {
        code = qubic_transaction_sign(tx, &keys, err);
    }
    qubic_keys_wipe(&keys);
    return code;
}

static enum err_code write_note(const char *path, const struct qubic_transaction *tx,
                                struct err *err)
{
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    char hex[2 * QUBIC_TRANSACTION_SIZE_MAX + 1];
    hex_encode(bytes_of(wire, qubic_transaction_encode(tx, wire)), hex);
    return file_write_atomic(path, bytes_of_text(hex), 0600, err);
}

enum err_code sweep_send(const char *data, const struct operator_key *key, const struct book *book,
                         const struct book_escrow *escrow, const struct key32 *to, int64_t amount,
                         struct chain_reader *chain, struct sweep_outcome *ret, struct err *err)
{
    char path[PATH_MAX];
    uint32_t now = 0;
    uint32_t offset = book->tick_offset > OFFSET_MIN && book->tick_offset < 1000
                          ? (uint32_t)book->tick_offset
                          : OFFSET_MIN;
    INVARIANT(book_escrow_is_done(escrow));
    INVARIANT(amount > 0);
    enum err_code code = note_path(data, path, err);
    if (code == ERR_OK) {
        code = chain_reader_tick(chain, &now, err);
    }
    struct qubic_transaction tx = {.destination = *to, .amount = amount, .tick = now + offset};
    if (code == ERR_OK) {
        code = sign(key, escrow, &tx, err);
    }
    if (code == ERR_OK) {
        code = write_note(path, &tx, err);
    }
    if (code == ERR_OK) {
        code = follow(chain, &tx, ret, err);
    }
    return code == ERR_OK ? remove_note(path, err) : code;
}
