/* tools/tally/passphrase.h: a passphrase from a file or from the person at the terminal; never from argv or the environment. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_PASSPHRASE_H
#define TOOLS_TALLY_PASSPHRASE_H

#include "core/base/buf.h"
#include "core/base/err.h"

/* First line of `path`, which its owner alone may read; `path` NULL: asked for on /dev/tty without echo, twice if `confirm`.
 * `ret` is initialised here in any case; sealed_wipe it after use. ERR_INVALID: empty, or the two differ. */
MUST_CHECK enum err_code passphrase_ask(const char *path, bool confirm, struct buf *ret,
                                        struct err *err);

#endif
