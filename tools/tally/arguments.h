/* tools/tally/arguments.h: a subcommand's arguments from a table, refused with what would be accepted.
 *
 * Owner:   everything points into argv. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOOLS_TALLY_ARGUMENTS_H
#define TOOLS_TALLY_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

struct argument {
    const char *name;  /* "--data"; "FILE" without dashes: the next bare word */
    const char **text; /* takes a value; or NULL and */
    bool *flag;        /* is set */
    bool needed;
};

#define ARGUMENTS_GO_ON (-1)

/* argv[0] is the subcommand. ARGUMENTS_GO_ON, or the exit status: 0 after --help, 2 after a complaint on stderr. */
int arguments_parse(const char *usage, const struct argument *table, size_t count, int argc,
                    char **argv);

#endif
