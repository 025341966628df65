/* tests/support/command_text.h: a command as a line that a person can read: who, what, about what, with which numbers.
 *
 * Ids are their last four hex digits: enough to tell a few apart. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_COMMAND_TEXT_H
#define TESTS_SUPPORT_COMMAND_TEXT_H

#include "core/market/command.h"

#define COMMAND_TEXT_SIZE 200

const char *command_type_name(enum command_type type);
void command_text(const struct command *command, char ret[COMMAND_TEXT_SIZE]);

#endif
