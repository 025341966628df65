/* api/options.h: tallyd's command line.
 *
 *     tallyd init --data DIR --passphrase-file F [--network local] [--name tally.local] [--set term=value]…
 *     tallyd rotate --data DIR --passphrase-file F
 *     tallyd restore --data DIR --passphrase-file F [--yes]
 *     tallyd run  --data DIR --passphrase-file F [--host H] [--port N] [--origin URL] [--page DIR] … */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_OPTIONS_H
#define API_OPTIONS_H

#include "api/api.h"

#define TERMS_SET_MAX 32

struct tallyd_options {
    enum tallyd_task { TALLYD_RUN, TALLYD_INIT, TALLYD_ROTATE, TALLYD_RESTORE } task;
    bool yes; /* restore writes */
    const char *passphrase_file;
    const char *name;
    const char
        *checkpoint_copy; /* NULL: <data>.checkpoint beside the data directory; "none": no copy */
    enum network network;
    const char *terms_set[TERMS_SET_MAX]; /* "lease_s=6" */
    size_t terms_set_count;
    unsigned poll_ms;
    struct anchor_rule anchor;
    uint64_t views_copy_every;   /* 0: as the ledger does by itself */
    const char *second_live_url; /* NULL: none */
    bool rate_given;             /* else by the network: see options_choose_chain */
    struct api_options api; /* its chain URLs are NULL unless given: see options_choose_chain */
};

/* ERR_INVALID with what is wrong. `*ret_help`: print the usage and end well. */
MUST_CHECK enum err_code options_parse(int argc, char **argv, struct tallyd_options *ret,
                                       bool *ret_help, struct err *err);
/* The chain's URLs for a log of that network: those given, else the real network's. ERR_INVALID for a local log without both. */
MUST_CHECK enum err_code options_choose_chain(struct tallyd_options *options, enum network network,
                                              struct err *err);
void options_print_usage(void);

#endif
