/* tools/tally/online_commands.h: subcommands that talk to a server. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_ONLINE_COMMANDS_H
#define TOOLS_TALLY_ONLINE_COMMANDS_H

int submit_command(int argc, char **argv);
int override_command(int argc, char **argv);
int erase_command(int argc, char **argv);
int watch_command(int argc, char **argv);
int job_command(int argc, char **argv);
int results_command(int argc, char **argv);
int earnings_command(int argc, char **argv);
int login_command(int argc, char **argv);
int enrol_command(int argc, char **argv);

#endif
