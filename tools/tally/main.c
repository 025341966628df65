/* tools/tally/main.c: the `tally` command line; one row per subcommand. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/process.h"
#include "tools/tally/analyse_command.h"
#include "tools/tally/backup_command.h"
#include "tools/tally/catalogue_command.h"
#include "tools/tally/escrow_command.h"
#include "tools/tally/estimate_command.h"
#include "tools/tally/online_commands.h"
#include "tools/tally/qubic_command.h"
#include "tools/tally/reconcile_command.h"
#include "tools/tally/replay_command.h"
#include "tools/tally/sweep_command.h"
#include "tools/tally/verify_command.h"
#include "tools/tally/wallet_command.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the name */
} commands[] = {
    {"analyse", "what files are and need, and why", analyse_command},
    {"estimate", "how long files take, and what they cost", estimate_command},
    {"submit", "a file becomes a paid job", submit_command},
    {"override", "say otherwise what an analysis found", override_command},
    {"watch", "follow a job", watch_command},
    {"job", "one job, with its bill", job_command},
    {"results", "fetch a job's result files", results_command},
    {"erase", "what is private of an upload or a job, gone for good", erase_command},
    {"earnings", "what a provider has earned", earnings_command},
    {"wallet", "make or show a wallet", wallet_command},
    {"login", "sign in, for a token", login_command},
    {"enrol", "a one-time code that makes another machine yours", enrol_command},
    {"verify", "compute every hash of a log again", verify_command},
    {"backup", "copy a ledger, to serve it again from there", backup_command},
    {"replay", "compute every view again from the log and compare", replay_command},
    {"reconcile", "a provider's payments: ledger against chain and statement", reconcile_command},
    {"escrow", "one escrow: what is owed, and what the chain shows", escrow_command},
    {"sweep", "money on escrow identities that nothing explains", sweep_command},
    {"catalogue", "print the event catalogue", catalogue_command},
    {"qubic", "hashes, keys, signatures and transactions of the Qubic network", qubic_command},
};

static void usage(FILE *out)
{
    fprintf(out, "usage: tally COMMAND [ARGUMENTS]\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
    }
    fprintf(out, "\n`tally COMMAND --help` says more.\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return 0;
    }
    /* All of them: which command reads a seed, a passphrase or a token changes more often than this line. */
    struct err err = {0};
    if (process_keep_secrets(&err) != ERR_OK) {
        fprintf(stderr, "tally: %s\n", err.message);
        return 1;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "tally: no command '%s'\n\n", argv[1]);
    usage(stderr);
    return 2;
}
