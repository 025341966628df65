/* projections/streams.h: which sequences a stream has, and so who is concerned by an event.
 *
 * Shape:   a list of sequences for each stream kind and id (sequence_list.h).
 * Who:     an event is in its own stream, and also in
 *          - its job's, if it is the escrow's: a job's stream is the whole story of the job and its money;
 *          - the accounts it concerns: the consumer's and the provider's of a job, escrow or quote; whose the upload, host, offer, match is;
 *          - its host's, if it is an offer or a turn of a job (assigned, released, started, ended; not the reports the host sent).
 *          An event is shown to an account if it is in the account's stream; deposits that strangers send to an escrow concern the job's two
 *          accounts, not the sender. */
// SPDX-License-Identifier: Apache-2.0
#ifndef PROJECTIONS_STREAMS_H
#define PROJECTIONS_STREAMS_H

#include "core/ledger/projection.h"

extern const struct projection PROJECTION_STREAMS;

/* Up to `max` sequences after `after`, ascending. */
size_t streams_after(struct store *store, enum stream_kind kind, struct id16 id, uint64_t after,
                     uint64_t *ret, size_t max);
/* Last sequence of the stream; 0: there is none. */
uint64_t streams_last(struct store *store, enum stream_kind kind, struct id16 id);
bool streams_has(struct store *store, enum stream_kind kind, struct id16 id, uint64_t sequence);
bool streams_concerns(struct store *store, struct id16 account_id, uint64_t sequence);

#endif
