/* core/ledger/command_queue.h: commands waiting for the writer, bounded per class, first class first.
 *
 * Thread:  push from any; take and wait on the writer thread. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_LEDGER_COMMAND_QUEUE_H
#define CORE_LEDGER_COMMAND_QUEUE_H

#include "core/ledger/ledger.h"

struct queued_command {
    const struct command *command;
    ledger_answer_cb *answer;
    void *ctx;
};

struct command_queue;

struct command_queue *command_queue_create(size_t class_max);
void command_queue_destroy(struct command_queue *queue);
/* ERR_BUSY when the class is full, ERR_UNAVAILABLE after stop. */
MUST_CHECK enum err_code command_queue_push(struct command_queue *queue, enum command_class class,
                                            const struct queued_command *command, struct err *err);
/* Up to `max` commands, waiting up to `timeout_ms` for the first. 0 with *ret_stopped false: nothing came. */
size_t command_queue_take(struct command_queue *queue, struct queued_command *ret, size_t max,
                          int timeout_ms, bool *ret_stopped);
/* No more pushes; what is queued can still be taken. */
void command_queue_stop(struct command_queue *queue);
void command_queue_lengths(struct command_queue *queue, uint64_t ret[COMMAND_CLASSES]);

#endif
