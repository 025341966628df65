/* tools/tally/sweep_command.h: `tally sweep`, the operator's tool for money on escrow identities that nothing explains.
 *
 * The server shows such money and never spends it. Here a person says where it goes, one escrow after the other, and only from escrows of which nothing is
 * to be done any more: ended, every leg and return confirmed, no deposit that the server has yet to read. The amount is the balance less all of that, so
 * that what the ledger owes stays whatever happens. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_SWEEP_COMMAND_H
#define TOOLS_TALLY_SWEEP_COMMAND_H

/* argv[0] is "sweep". Returns the exit status: 0 done, 1 trouble or something could not be swept, 2 usage. */
int sweep_command(int argc, char **argv);

#endif
