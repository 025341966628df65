/* tools/tally/wallet_command.h: `tally wallet`, making and looking at a wallet file. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_WALLET_COMMAND_H
#define TOOLS_TALLY_WALLET_COMMAND_H

/* argv[0] is "wallet". Returns the exit status. */
int wallet_command(int argc, char **argv);

#endif
