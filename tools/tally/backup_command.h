/* tools/tally/backup_command.h: `tally backup`, a copy of a ledger from which it can be served again. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_BACKUP_COMMAND_H
#define TOOLS_TALLY_BACKUP_COMMAND_H

int backup_command(int argc, char **argv);

#endif
