/* tools/tally/qubic_command.h: `tally qubic`, our Qubic arithmetic held up against any other implementation. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_QUBIC_COMMAND_H
#define TOOLS_TALLY_QUBIC_COMMAND_H

#include "core/base/buf.h"
#include "core/base/err.h"

/* One line of the stream: its answer, an object and a newline, is put into `ret`, which is cleared first. The code is that of the
 * answer: anything but ERR_OK is {"error":"…"}. `operation` is one of the usage's, else ERR_NOT_FOUND and no answer. */
MUST_CHECK enum err_code qubic_line(const char *operation, struct bytes line, struct buf *ret);
/* argv[0] is "qubic". Returns the exit status. */
int qubic_command(int argc, char **argv);

#endif
