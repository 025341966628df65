/* tools/tally/replay_command.h: `tally replay`, every view computed again from the log and compared with the live ones. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_REPLAY_COMMAND_H
#define TOOLS_TALLY_REPLAY_COMMAND_H

/* argv[0] is "replay". Returns the exit status: 0 equal (or nothing to compare with), 1 different or failed, 2 usage. */
int replay_command(int argc, char **argv);

#endif
