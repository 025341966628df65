// SPDX-License-Identifier: Apache-2.0
#include "worker/frameworks.h"

#include "core/base/text.h"
#include "worker/tool.h"

#include <stdio.h>
#include <string.h>

#define PYTHON "/usr/bin/python3" /* the one that jobs have */
#define TIMEOUT_MS 20000
#define TEXT_MAX 4096

/* By their metadata: nothing of theirs is run. */
static const char SCRIPT[] =
    "import sys\n"
    "from importlib import metadata\n"
    "found = []\n"
    "for name in ('torch', 'torchvision', 'tensorflow', 'jax', 'keras', 'lightning', 'diffusers', "
    "'transformers',\n"
    "             'cupy', 'numba', 'xgboost', 'scikit-learn', 'pandas', 'numpy', 'nbclient'):\n"
    "    try:\n"
    "        found.append(name + ' ' + metadata.version(name))\n"
    "    except metadata.PackageNotFoundError:\n"
    "        pass\n"
    "print(sys.version.split()[0] + ' with ' + (', '.join(found) or 'no framework'))\n";

bool frameworks_describe(char *ret, size_t ret_size)
{
    const char *const arguments[] = {"-I", "-c", SCRIPT, NULL};
    struct buf text;
    struct err err = {0};
    int status = 0;
    buf_init(&text, TEXT_MAX);
    enum err_code const code = tool_run(PYTHON, arguments, TIMEOUT_MS, &text, &status, &err);
    bool const good = code == ERR_OK && status == 0 && text.size > 1;
    if (good) {
        (void)snprintf(ret, ret_size, "%.*s", (int)strcspn(buf_text(&text), "\n"), buf_text(&text));
    } else if (code != ERR_OK) {
        (void)snprintf(ret, ret_size, "%s", err.message);
    } else {
        (void)snprintf(ret, ret_size, "%s ended with %d", PYTHON, status);
    }
    text_make_printable(ret);
    buf_deinit(&text);
    return good;
}
