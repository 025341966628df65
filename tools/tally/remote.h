/* tools/tally/remote.h: a Tallystick server, through its public API alone (docs/api.md).
 *
 * Errors:  a problem answer becomes an error whose message is "code: detail"; ERR_NOT_FOUND for 404, ERR_CONFLICT for 409,
 *          ERR_DENIED for 401 and 403, ERR_INVALID for other 4xx, ERR_UNAVAILABLE for 5xx and no answer. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_REMOTE_H
#define TOOLS_TALLY_REMOTE_H

#include "core/qubic/identity.h"
#include "tools/tally/cli.h"

#include <jansson.h>

struct remote {
    const char *url;
    char token[200];
    char account_id[40];
    const char *if_match; /* of the calls from now on; NULL: none */
};

/* Sign in with the wallet, or read --token-file. `keys` (may be NULL with a token file) is filled when a wallet is opened. */
MUST_CHECK enum err_code remote_open(const struct cli *cli, const char *scopes_json,
                                     struct remote *ret, struct qubic_keys *keys, struct err *err);
/* `body` may be NULL (then GET). The reference to it is taken. `*ret` is NULL for 204. */
MUST_CHECK enum err_code remote_call(const struct remote *remote, const char *method,
                                     const char *path, json_t *body, json_t **ret, struct err *err);
/* PUT or POST a file as it is. */
MUST_CHECK enum err_code remote_upload(const struct remote *remote, const char *path, int fd,
                                       uint64_t size, json_t **ret, struct err *err);
MUST_CHECK enum err_code remote_download(const struct remote *remote, const char *path, int fd,
                                         struct err *err);

/* Fields of an answer; "" and 0 when absent. */
const char *json_text(json_t *object, const char *name);
int64_t json_number(json_t *object, const char *name);
/* `text` percent-encoded into a query or path. */
void url_append(struct buf *buf, const char *text, bool keep_slash);

#endif
