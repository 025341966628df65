// SPDX-License-Identifier: Apache-2.0
#include "api/webhook_secret.h"

#include "core/base/text.h"
#include "core/crypto/hmac.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum err_code webhook_root(const uint8_t seed[32], struct key32 *ret, struct err *err)
{
    const struct bytes label = bytes_of_text("tallystick webhook root v1");
    return hmac_sha256(bytes_of(seed, 32), &label, 1, ret, err);
}

enum err_code webhook_secret(const struct webhook_key *key, struct id16 webhook_id,
                             uint64_t version, struct key32 *ret, struct err *err)
{
    uint8_t number[8];
    put_be64(number, version);
    const struct bytes parts[] = {
        bytes_of_text("tallystick webhook v1"),
        bytes_of(key->log_id.b, sizeof key->log_id.b),
        bytes_of(webhook_id.b, sizeof webhook_id.b),
        bytes_of(number, sizeof number),
    };
    return hmac_sha256(bytes_of(key->root.b, sizeof key->root.b), parts,
                       sizeof parts / sizeof *parts, ret, err);
}

void webhook_secret_format(const struct key32 *secret, char ret[WEBHOOK_SECRET_TEXT_SIZE])
{
    struct buf text;
    buf_init(&text, WEBHOOK_SECRET_TEXT_SIZE);
    buf_append_text(&text, "whsec_");
    base64_append(&text, bytes_of(secret->b, sizeof secret->b));
    (void)snprintf(ret, WEBHOOK_SECRET_TEXT_SIZE, "%s", buf_text(&text));
    if (text.size > 0) {
        explicit_bzero(text.data, text.size);
    }
    buf_deinit(&text);
}

static enum err_code sign_with(const struct key32 *secret, const char *message_id,
                               const char *timestamp, struct bytes body, struct buf *ret,
                               struct err *err)
{
    struct key32 mac;
    const struct bytes parts[] = {bytes_of_text(message_id), bytes_of_text("."),
                                  bytes_of_text(timestamp), bytes_of_text("."), body};
    enum err_code code = hmac_sha256(bytes_of(secret->b, sizeof secret->b), parts,
                                     sizeof parts / sizeof *parts, &mac, err);
    if (code == ERR_OK) {
        buf_append_text(ret, ret->size == 0 ? "v1," : " v1,");
        base64_append(ret, bytes_of(mac.b, sizeof mac.b));
    }
    return code;
}

enum err_code webhook_sign(const struct webhook_key *key, struct id16 webhook_id, uint64_t version,
                           bool with_previous, const char *message_id, int64_t timestamp_s,
                           struct bytes body, struct buf *ret, struct err *err)
{
    struct key32 secret;
    char timestamp[24];
    enum err_code code = ERR_OK;
    uint64_t oldest = with_previous && version > 1 ? version - 1 : version;
    (void)snprintf(timestamp, sizeof timestamp, "%" PRId64, timestamp_s);
    for (uint64_t at = version; at >= oldest && code == ERR_OK; at--) {
        code = webhook_secret(key, webhook_id, at, &secret, err);
        if (code == ERR_OK) {
            code = sign_with(&secret, message_id, timestamp, body, ret, err);
        }
    }
    explicit_bzero(&secret, sizeof secret);
    return code;
}
