// SPDX-License-Identifier: Apache-2.0
#include "core/base/store.h"

#include <string.h>

/* ERR_NOT_FOUND is an answer; anything else stays in store->err, where the operation wrote its message: no struct of its own,
 * whose clearing cost a tenth of every read. */
static bool took(struct store *store, enum err_code code)
{
    store->err.code = code == ERR_NOT_FOUND ? ERR_OK : code;
    return code == ERR_OK;
}

bool store_get(struct store *store, const struct store_table *table, struct bytes key,
               struct bytes *ret)
{
    return store->err.code == ERR_OK &&
           took(store, store->ops->get(store, table, key, ret, &store->err));
}

bool store_get_row(struct store *store, const struct store_table *table, struct bytes key,
                   void *ret, size_t size)
{
    struct bytes value;
    if (!store_get(store, table, key, &value)) {
        return false;
    }
    if (value.size != size) {
        store_fail(store, ERR_CORRUPT, table->name);
        return false;
    }
    memcpy(ret, value.data, size);
    return true;
}

bool store_has(struct store *store, const struct store_table *table, struct bytes key)
{
    struct bytes unused;
    return store_get(store, table, key, &unused);
}

void store_put(struct store *store, const struct store_table *table, struct bytes key,
               struct bytes value)
{
    if (store->err.code == ERR_OK) {
        (void)took(store, store->ops->put(store, table, key, value, &store->err));
    }
}

void store_delete(struct store *store, const struct store_table *table, struct bytes key)
{
    if (store->err.code == ERR_OK) {
        (void)took(store, store->ops->del(store, table, key, &store->err));
    }
}

bool store_seek(struct store *store, const struct store_table *table, struct bytes key, bool after,
                struct bytes *ret_key, struct bytes *ret_value)
{
    return store->err.code == ERR_OK &&
           took(store, store->ops->seek(store, table, key, after, ret_key, ret_value, &store->err));
}

bool store_seek_before(struct store *store, const struct store_table *table, struct bytes key,
                       struct bytes *ret_key, struct bytes *ret_value)
{
    return store->err.code == ERR_OK &&
           took(store, store->ops->seek_before(store, table, key, ret_key, ret_value, &store->err));
}

void store_fail(struct store *store, enum err_code code, const char *message)
{
    if (store->err.code == ERR_OK) {
        (void)err_set(&store->err, code, "%s", message);
    }
}

enum err_code store_check(const struct store *store, struct err *err)
{
    if (store->err.code != ERR_OK && err != NULL) {
        *err = store->err;
    }
    return store->err.code;
}
