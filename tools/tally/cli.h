/* tools/tally/cli.h: flags that several subcommands share, and how they speak.
 *
 *     --server URL            [http://127.0.0.1:8420]
 *     --wallet FILE           sealed seed (tally wallet new)
 *     --passphrase-file FILE  first line opens the wallet; without it a terminal is asked
 *     --token-file FILE       a bearer token instead of signing in with the wallet
 *     --json                  one JSON object a line on standard output, for programs
 *
 * Everything said to a person goes to standard output, troubles to standard error as `tally: …`. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_CLI_H
#define TOOLS_TALLY_CLI_H

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdio.h>

#define CLI_REST_MAX 16

struct cli_flag {       /* of one subcommand */
    const char *name;   /* "to" for --to */
    const char **value; /* NULL: a switch */
    bool *on;
};

struct cli {
    const char *server;
    const char *wallet;
    const char *passphrase_file;
    const char *token_file;
    bool json;
    bool help;
    const char *rest[CLI_REST_MAX]; /* what is no flag */
    size_t rest_count;
};

/* `flags`: the subcommand's own. ERR_INVALID names an unknown flag or a missing value. */
MUST_CHECK enum err_code cli_parse(int argc, char **argv, const struct cli_flag *flags,
                                   size_t count, struct cli *ret, struct err *err);
/* Print `tally: message` and return the exit status 1, or 2 for ERR_INVALID. */
int cli_fail(const struct err *err);
/* Of one file among others, which go on: with `json` a line {"path","error"} on stdout, else "tally COMMAND: path: message" on stderr. */
void cli_fail_file(const char *command, const char *path, bool json, const struct err *err);
/* `text` may be a stranger's: every control character but line ends and tabs is shown as '?', so that nothing moves the cursor. */
void cli_put(struct bytes text, FILE *to);
/* "12 345 678": groups of three. */
const char *cli_amount(int64_t qubic, char ret[32]);
/* "1 min 5 s" */
const char *cli_duration(int64_t ms, char ret[32]);

#endif
