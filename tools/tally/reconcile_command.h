/* tools/tally/reconcile_command.h: `tally reconcile`, a provider's payments told by ledger, chain and statement. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_RECONCILE_COMMAND_H
#define TOOLS_TALLY_RECONCILE_COMMAND_H

/* argv[0] is "reconcile". Returns the exit status: 0 all matched, 1 differences, 2 it could not be found out. */
int reconcile_command(int argc, char **argv);

#endif
