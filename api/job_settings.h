/* api/job_settings.h: what a job is started with: {"arguments":["--epochs","5"],"environment":{"K":"v"},"sealed":{…},"entry":"train.py",
 * "results":"out","image":"python:3.11-slim","network":true}, checked, and
 * read for what it changes of an estimate. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_JOB_SETTINGS_H
#define API_JOB_SETTINGS_H

#include "api/fields.h"

/* What the worker would not take is refused here, by the same rules. */
void job_settings_check(struct fields *fields, json_t *settings);

/* Whether they ask for a network. NULL: they do not. */
bool job_settings_network(const json_t *settings);

/* Whether they are for such an upload; answers the call if not. NULL: they are. */
bool job_settings_suit(struct call *call, const json_t *settings, uint64_t upload_kind);

/* Which parameters these settings say, held against what was found in the file (an analysis as JSON, NULL: nothing is known): name → value into
 * `parameters`, and the evidence as a list, one for each argument or variable that is spelled like a parameter:
 *     {"said":"--epochs 5","parameter":"epochs","value":5,"counts":true,"instead_of":10,"asked_for":{"file":"train.py","line":12},"why":"…"}
 * It counts if the program asks for it by that name, or, of an argument, if the file has no value of its own. The last one said counts.
 * Sealed variables are nobody's to read and say nothing. NULL: out of memory. */
json_t *job_settings_read(json_t *settings, const json_t *found, json_t *parameters);

#endif
