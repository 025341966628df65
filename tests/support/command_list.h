/* tests/support/command_list.h: a market's commands, recorded with their times, and made few again when something went wrong.
 *
 * Owner:   the list keeps copies of what commands borrow (lists and texts) in its arena. command_list_clear frees all.
 * Source:  delta debugging, Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002). */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_COMMAND_LIST_H
#define TESTS_SUPPORT_COMMAND_LIST_H

#include "core/base/arena.h"
#include "core/market/command.h"

struct timed_command {
    int64_t now;
    struct command command;
};

struct command_list {
    struct timed_command *items;
    size_t count;
    size_t capacity;
    struct arena arena;
};

void command_list_init(struct command_list *list);
void command_list_clear(struct command_list *list);
void command_list_add(struct command_list *list, int64_t now, const struct command *command);

/* Whether the list still goes wrong, and how many commands from its start are enough for that. */
typedef bool command_list_fails(void *context, const struct command_list *list, size_t *ret_enough);
/* Leave commands out for as long as it still fails. Afterwards none can be left out alone. */
void command_list_shrink(struct command_list *list, command_list_fails *fails, void *context);

#endif
