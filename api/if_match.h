/* api/if_match.h: writing only over what one has seen.
 *
 * Tag:     "<version>.<12 hex digits>", strong, of an answer's bytes: what can be written over is answered with it, uncompressed. "<version>" alone is taken as well:
 *          a number that the answer has in it, for who did not keep the header.
 * Repeated: a request that the ledger accepted before is answered again, whatever was written since; its condition held when it was accepted.
 * Source:  RFC 9110 §8.8.3, §13.1.1; RFC 6585 §3. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_IF_MATCH_H
#define API_IF_MATCH_H

#include "api/call.h"
#include "api/encoding.h"

void if_match_tag(uint64_t version, struct bytes body, char ret[ENCODING_TAG_SIZE]);
/* Whether a list of tags has this one, whole or its version alone. Pure. */
bool if_match_names(const char *header, const char *tag);
/* Whether a request may write over what has this tag now; call_command was called. `required`: it says that it knows what it writes over. False: the problem was
 * sent and the call is gone; `reading` is closed then. */
MUST_CHECK bool if_match_holds(struct reading *reading, const char *tag, bool required);
/* Whether the request has a condition at all, other than that there is something. */
bool if_match_is_said(const struct call *call);
/* For the answer to a write: what has come of it has this tag. */
void if_match_tell(struct call *call, const char *tag);

#endif
