/* api/asked_work.h: how much work a job is that somebody asks about, and what it needs to find: an upload's own, or with other parameters or settings; or one that is only described. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_ASKED_WORK_H
#define API_ASKED_WORK_H

#include "api/call.h"
#include "core/analysis/analysis.h"
#include "core/market/estimate.h"

/* 0 for a word that is no mode. */
size_t asked_mode(const char *word);
/* The work of a job of this type and mode with `first`'s parameters, but for those that `over` has too. */
struct work asked_work(enum job_type type, enum analysis_mode mode, enum device device,
                       const char *base_name, json_t *first, json_t *over);

/* The upload's own row; with `parameters` or `settings` (either may be NULL), as if it had been analysed with them. Parameters go before settings, which
 * change nothing where no benchmark is like the job or its owner has said how long it takes. `ret_said`: the settings' evidence (job_settings.h), the
 * caller's; NULL without settings. False: the account has no such analysed upload. */
MUST_CHECK bool asked_upload(struct reading *reading, struct id16 account_id, struct id16 upload_id,
                             json_t *parameters, json_t *settings, struct upload_row *ret,
                             json_t **ret_said);

/* The model or image that such an upload needs as a job with these settings (NULL: none): core/market/stock.h; zero: none. With a network it may fetch its
 * model. */
struct id16 asked_item(struct reading *reading, const struct upload_row *upload, json_t *settings);

/* Whether a job started with these settings (NULL: none) does something else than its quote was for: they do not say the same of how long it takes, say it
 * sealed, or start another file. What such a job took cannot be held against the quote. */
bool asked_is_other_work(struct reading *reading, const struct ev_quote_issued *quote,
                         json_t *settings);

#endif
