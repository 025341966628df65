/* tools/tally/verify_command.h: `tally verify`, every hash of a log computed again. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_VERIFY_COMMAND_H
#define TOOLS_TALLY_VERIFY_COMMAND_H

/* argv[0] is "verify". Returns the exit status: 0 holds, 1 does not, 2 usage. */
int verify_command(int argc, char **argv);

#endif
