/* tools/tally/analyse_command.h: `tally analyse`, what files are and need, without a server. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_ANALYSE_COMMAND_H
#define TOOLS_TALLY_ANALYSE_COMMAND_H

/* argv[0] is "analyse". Returns the exit status: 0 every file was read, 1 at least one was not, 2 usage. */
int analyse_command(int argc, char **argv);

#endif
