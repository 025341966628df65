/* tools/tally/catalogue_command.h: `tally catalogue`, the event catalogue of this program as text. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_CATALOGUE_COMMAND_H
#define TOOLS_TALLY_CATALOGUE_COMMAND_H

/* argv[0] is "catalogue". Returns the exit status. */
int catalogue_command(int argc, char **argv);

#endif
