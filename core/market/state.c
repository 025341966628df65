// SPDX-License-Identifier: Apache-2.0
#include "core/market/state.h"

#include "core/market/observed.h"
#include "core/market/storage.h"

#include <assert.h>
#include <string.h>

/* Rows are stored as they lie in memory: padding would be undefined bytes in a digest. Every member is a multiple of 8 bytes
 * (ids and keys are 16 and 32), so the sizes below are the sums of their members. */
static_assert(sizeof(struct ledger_row) == 16 + 2 * 32 + 25 * 8, "no padding");
static_assert(sizeof(struct settlement_key_row) == 32 + 3 * 8, "no padding");
static_assert(sizeof(struct account_row) == 32 + 6 * 8, "no padding");
static_assert(sizeof(struct token_row) == 3 * 16 + 3 * 8, "no padding");
static_assert(sizeof(struct webhook_row) == 16 + 6 * 8, "no padding");
static_assert(sizeof(struct upload_row) == 16 + 11 * 8 + 2 * (16 + 15 * 8), "no padding");
static_assert(sizeof(struct host_row) == 2 * 16 + 3 * 8, "no padding");
static_assert(sizeof(struct offer_row) == 2 * 16 + 18 * 8, "no padding");
static_assert(sizeof(struct quote_row) == 6 * 16 + 32 + 13 * 8, "no padding");
static_assert(sizeof(struct job_row) == 8 * 16 + 23 * 8, "no padding");
static_assert(sizeof(struct escrow_row) == 4 * 16 + 5 * 32 + 14 * 8, "no padding");
static_assert(sizeof(struct deposit_row) == 16 + 32 + 5 * 8, "no padding");
static_assert(sizeof(struct leg_row) == 16 + 3 * 32 + 10 * 8, "no padding");
static_assert(sizeof(struct found_row) == 2 * 32 + 5 * 8, "no padding");

const struct store_table STATE_LEDGER = {"ledger"};
const struct store_table STATE_SETTLEMENT_KEYS = {"settlement_keys"};
const struct store_table STATE_COMMANDS = {"commands"};
const struct store_table STATE_ACCOUNTS = {"accounts"};
const struct store_table STATE_IDENTITIES = {"identities"};
const struct store_table STATE_TOKENS = {"tokens"};
const struct store_table STATE_TOKEN_IDS = {"token_ids"};
const struct store_table STATE_WEBHOOKS = {"webhooks"};
const struct store_table STATE_ACCOUNT_WEBHOOKS = {"account_webhooks"};
const struct store_table STATE_UPLOADS = {"uploads"};
const struct store_table STATE_HOSTS = {"hosts"};
const struct store_table STATE_OFFERS = {"offers"};
const struct store_table STATE_HOST_OFFERS = {"host_offers"};
const struct store_table STATE_STOCK = {"stock"};
const struct store_table STATE_QUOTES = {"quotes"};
const struct store_table STATE_JOBS = {"jobs"};
const struct store_table STATE_QUEUE = {"queue"};
const struct store_table STATE_DEADLINES = {"deadlines"};
const struct store_table STATE_ESCROWS = {"escrows"};
const struct store_table STATE_ESCROW_IDENTITIES = {"escrow_identities"};
const struct store_table STATE_ESCROWS_OPEN = {"escrows_open"};
const struct store_table STATE_DEPOSITS = {"deposits"};
const struct store_table STATE_LEGS = {"legs"};
const struct store_table STATE_LEGS_OPEN = {"legs_open"};
const struct store_table STATE_FOUND = {"found"};
const struct store_table STATE_BALANCES = {"balances"};

const struct store_table *const STATE_TABLES[] = {
    &STATE_COMMANDS,
    &STATE_JOBS,
    &STATE_LEDGER,
    &STATE_DEADLINES,
    &STATE_HOSTS,
    &STATE_TOKENS,
    &STATE_ACCOUNTS,
    &STATE_IDENTITIES,
    &STATE_TOKEN_IDS,
    &STATE_WEBHOOKS,
    &STATE_ACCOUNT_WEBHOOKS,
    &STATE_UPLOADS,
    &STATE_OFFERS,
    &STATE_HOST_OFFERS,
    &STATE_STOCK,
    &STATE_QUOTES,
    &STATE_QUEUE,
    &STATE_ESCROWS,
    &STATE_DEPOSITS,
    &STATE_LEGS,
    &STATE_ESCROW_IDENTITIES,
    &STATE_ESCROWS_OPEN,
    &STATE_FOUND,
    &STATE_LEGS_OPEN,
    &STATE_BALANCES,
    &STATE_SETTLEMENT_KEYS,
    &STATE_OBSERVED,
    &STATE_STORAGE,
};
const size_t STATE_TABLE_COUNT = sizeof STATE_TABLES / sizeof *STATE_TABLES;

struct bytes id_key(const struct id16 *id)
{
    return bytes_of(id->b, sizeof id->b);
}

struct bytes hash_key(const struct key32 *key)
{
    return bytes_of(key->b, sizeof key->b);
}

bool state_ledger(struct store *store, struct ledger_row *ret)
{
    return store_get_row(store, &STATE_LEDGER, bytes_of_text("l"), ret, sizeof *ret);
}

bool state_settlement_key(struct store *store, uint64_t key_id, struct settlement_key_row *ret)
{
    uint8_t key[8];
    put_be64(key, key_id);
    if (store_get_row(store, &STATE_SETTLEMENT_KEYS, bytes_of(key, sizeof key), ret, sizeof *ret)) {
        return true;
    }
    memset(ret, 0, sizeof *ret);
    return false;
}

bool state_account(struct store *store, struct id16 id, struct account_row *ret)
{
    return store_get_row(store, &STATE_ACCOUNTS, id_key(&id), ret, sizeof *ret);
}

bool state_account_by_identity(struct store *store, struct key32 identity, struct id16 *ret)
{
    return store_get_row(store, &STATE_IDENTITIES, hash_key(&identity), ret, sizeof *ret);
}

bool state_token(struct store *store, struct key32 hash, struct token_row *ret)
{
    return store_get_row(store, &STATE_TOKENS, hash_key(&hash), ret, sizeof *ret);
}

bool state_webhook(struct store *store, struct id16 id, struct webhook_row *ret)
{
    return store_get_row(store, &STATE_WEBHOOKS, id_key(&id), ret, sizeof *ret);
}

size_t state_account_webhooks(struct store *store, struct id16 account_id, struct id16 *ret,
                              size_t max)
{
    struct bytes key;
    struct bytes value;
    uint8_t at[32] = {0};
    size_t count = 0;
    memcpy(at, account_id.b, sizeof account_id.b);
    while (
        count < max &&
        store_seek(store, &STATE_ACCOUNT_WEBHOOKS, bytes_of(at, sizeof at), true, &key, &value) &&
        memcmp(key.data, account_id.b, sizeof account_id.b) == 0) {
        memcpy(at, key.data, sizeof at);
        memcpy(ret[count++].b, at + 16, sizeof ret->b);
    }
    return count;
}

bool state_upload(struct store *store, struct id16 id, struct upload_row *ret)
{
    return store_get_row(store, &STATE_UPLOADS, id_key(&id), ret, sizeof *ret);
}

const struct requirements *upload_needs(const struct upload_row *upload)
{
    return upload->overridden_sequence != 0 ? &upload->overridden : &upload->needs;
}

uint64_t upload_item_kind(uint64_t upload_kind, struct id16 item)
{
    return id_is_zero(item) ? 0 : upload_kind == UPLOAD_DOCKERFILE ? STOCK_IMAGE : STOCK_MODEL;
}

struct requirements upload_needs_as(const struct upload_row *upload, struct id16 item, bool network)
{
    struct requirements needs = *upload_needs(upload);
    needs.item = item;
    needs.item_kind = upload_item_kind(upload->kind, item);
    needs.network = network ? 1 : 0;
    return needs;
}

uint64_t upload_job_type(const struct upload_row *upload)
{
    return upload->overridden_sequence != 0 ? upload->overridden_job_type : upload->job_type;
}

bool state_host(struct store *store, struct id16 id, struct host_row *ret)
{
    return store_get_row(store, &STATE_HOSTS, id_key(&id), ret, sizeof *ret);
}

bool state_offer(struct store *store, struct id16 id, struct offer_row *ret)
{
    return store_get_row(store, &STATE_OFFERS, id_key(&id), ret, sizeof *ret);
}

bool state_quote(struct store *store, struct id16 id, struct quote_row *ret)
{
    return store_get_row(store, &STATE_QUOTES, id_key(&id), ret, sizeof *ret);
}

bool state_job(struct store *store, struct id16 id, struct job_row *ret)
{
    return store_get_row(store, &STATE_JOBS, id_key(&id), ret, sizeof *ret);
}

bool state_escrow(struct store *store, struct id16 id, struct escrow_row *ret)
{
    return store_get_row(store, &STATE_ESCROWS, id_key(&id), ret, sizeof *ret);
}

bool state_escrow_by_identity(struct store *store, struct key32 identity, struct id16 *ret)
{
    return store_get_row(store, &STATE_ESCROW_IDENTITIES, hash_key(&identity), ret, sizeof *ret);
}

bool state_deposit(struct store *store, struct key32 tx_id, struct deposit_row *ret)
{
    return store_get_row(store, &STATE_DEPOSITS, hash_key(&tx_id), ret, sizeof *ret);
}

bool escrow_is_open(const struct escrow_row *escrow)
{
    return (escrow->status != ESCROW_SETTLED && escrow->status != ESCROW_CLOSED) ||
           escrow->legs_open > 0;
}

void leg_key(struct id16 escrow_id, enum leg_kind kind, struct key32 deposit_tx,
             uint8_t ret[LEG_KEY_SIZE])
{
    memcpy(ret, escrow_id.b, 16);
    ret[16] = (uint8_t)kind;
    memcpy(ret + 17, deposit_tx.b, 32);
}

bool state_leg(struct store *store, const uint8_t key[LEG_KEY_SIZE], struct leg_row *ret)
{
    return store_get_row(store, &STATE_LEGS, bytes_of(key, LEG_KEY_SIZE), ret, sizeof *ret);
}

void leg_order(struct id16 escrow_id, const struct leg_row *leg, uint8_t ret[LEG_ORDER_SIZE])
{
    memcpy(ret, escrow_id.b, 16);
    ret[16] = (uint8_t)leg->kind;
    ret[17] = leg->dust != 0 ? 1 : 0;
    put_be64(ret + 18, leg->sequence);
}

bool state_next_open_leg(struct store *store, uint8_t at[LEG_ORDER_SIZE], struct id16 *ret_escrow,
                         struct leg_row *ret)
{
    struct bytes key;
    struct bytes value;
    uint8_t leg[LEG_KEY_SIZE];
    if (!store_seek(store, &STATE_LEGS_OPEN, bytes_of(at, LEG_ORDER_SIZE), true, &key, &value)) {
        return false;
    }
    if (key.size != LEG_ORDER_SIZE || value.size != LEG_KEY_SIZE) {
        store_fail(store, ERR_CORRUPT, "an open leg whose row cannot be one");
        return false;
    }
    memcpy(at, key.data, LEG_ORDER_SIZE);
    memcpy(leg, value.data, sizeof leg);
    memcpy(ret_escrow->b, at, sizeof ret_escrow->b);
    if (!state_leg(store, leg, ret)) {
        store_fail(store, ERR_CORRUPT, "an open leg without its row");
        return false;
    }
    return true;
}

void found_key(struct id16 escrow_id, struct key32 tx_id, uint8_t ret[FOUND_KEY_SIZE])
{
    memcpy(ret, escrow_id.b, 16);
    memcpy(ret + 16, tx_id.b, 32);
}

bool state_found(struct store *store, struct id16 escrow_id, struct key32 tx_id,
                 struct found_row *ret)
{
    uint8_t key[FOUND_KEY_SIZE];
    found_key(escrow_id, tx_id, key);
    return store_get_row(store, &STATE_FOUND, bytes_of(key, sizeof key), ret, sizeof *ret);
}

uint64_t state_found_count(struct store *store, struct id16 escrow_id, uint64_t after)
{
    uint8_t at[FOUND_KEY_SIZE] = {0};
    struct bytes key;
    struct bytes value;
    uint64_t count = 0;
    memcpy(at, escrow_id.b, 16);
    while (store_seek(store, &STATE_FOUND, bytes_of(at, sizeof at), true, &key, &value) &&
           memcmp(key.data, escrow_id.b, 16) == 0) {
        struct found_row row;
        struct key32 tx_id;
        memcpy(at, key.data, sizeof at);
        memcpy(tx_id.b, at + 16, sizeof tx_id.b);
        count += state_found(store, escrow_id, tx_id, &row) && row.sequence > after ? 1 : 0;
    }
    return count;
}

enum leg_kind leg_kind_of_found(uint64_t paid_as)
{
    switch ((enum paid_as)paid_as) {
    case PAID_REFUND:
        return LEG_REFUND;
    case PAID_PAYOUT:
        return LEG_PAYOUT;
    case PAID_FEE:
        return LEG_FEE;
    case PAID_RETURN:
        return LEG_RETURN;
    case PAID_OTHERWISE:
        break;
    }
    return 0;
}

bool found_is_leg(const struct found_row *found, const struct leg_row *leg)
{
    return leg_kind_of_found(found->paid_as) == leg->kind &&
           key_equal(found->deposit_tx, leg->deposit_tx) &&
           key_equal(found->destination, leg->destination) && found->amount == leg->amount;
}

bool state_command(struct store *store, struct id16 command_id, uint64_t *ret_first,
                   uint64_t *ret_count)
{
    uint64_t row[2];
    if (!store_get_row(store, &STATE_COMMANDS, id_key(&command_id), row, sizeof row)) {
        return false;
    }
    *ret_first = row[0];
    *ret_count = row[1];
    return true;
}
