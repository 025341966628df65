/* tools/tally/qubic_command.h: `tally qubic`, our Qubic arithmetic held up against any other implementation. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_QUBIC_COMMAND_H
#define TOOLS_TALLY_QUBIC_COMMAND_H

/* argv[0] is "qubic". Returns the exit status. */
int qubic_command(int argc, char **argv);

#endif
