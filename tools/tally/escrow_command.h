/* tools/tally/escrow_command.h: `tally escrow show`, one escrow as ledger and chain tell it. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_ESCROW_COMMAND_H
#define TOOLS_TALLY_ESCROW_COMMAND_H

/* argv[0] is "escrow". Returns the exit status: 0 shown, 1 trouble, 2 usage. */
int escrow_command(int argc, char **argv);

#endif
