// SPDX-License-Identifier: Apache-2.0
#include "api/options.h"

#include "api/cors.h"
#include "core/base/text.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char USAGE[] =
    "tallyd init --data DIR --passphrase-file FILE [options]   make a log, its keys and the "
    "operator's token\n"
    "tallyd rotate --data DIR --passphrase-file FILE           a new settlement key for new "
    "escrows; the server is stopped\n"
    "tallyd run  --data DIR --passphrase-file FILE [options]   serve it\n"
    "tallyd restore --data DIR --passphrase-file FILE [--yes]  after an old backup was put back: "
    "say "
    "what is missing;\n"
    "                                                          --yes: go on as a new generation\n"
    "\n"
    "  --data DIR                 where the log, the views and the blobs lie\n"
    "  --passphrase-file FILE     first line opens the keys; readable by its owner alone\n"
    "  --checkpoint-copy FILE     last signed checkpoint, outside DIR [DIR.checkpoint]; 'none': no "
    "copy\n"
    "init:\n"
    "  --network local|testnet|mainnet   [local]\n"
    "  --name NAME                first part of the log's origin [tally.local]\n"
    "  --set TERM=VALUE           a term other than its default, e.g. --set fee_bps=100 "
    "(repeatable)\n"
    "run:\n"
    "  --host ADDRESS             [127.0.0.1]\n"
    "  --port N                   [8420]; 0: any free port\n"
    "  --origin URL               what people sign in to [http://HOST:PORT]\n"
    "  --page DIR                 static files served at /\n"
    "  --tls-cert FILE            serve HTTPS: the certificate and what leads to its root, PEM; "
    "SIGHUP reads it again\n"
    "  --tls-key FILE             ... its private key, PEM\n"
    "  --cors-origin ORIGIN       pages of this origin may read answers, '*': of any (repeatable) "
    "[none]\n"
    "  --rate-per-token N         requests a second with one token; 0: no limit [200, none from "
    "this machine]\n"
    "  --rate-per-address N       ... from one address (IPv6: one /64) [500, none from this "
    "machine]\n"
    "  --connections-per-address N  [256, no limit from this machine]\n"
    "  --trace-access             trace a line for each answer\n"
    "  --feed-stuck-s N           a follower of the feed that takes nothing for so long is closed "
    "[30]\n"
    "  --webhook-allow-private    webhooks may be of private networks, too\n"
    "  --webhook-timeout-ms N     for one delivery of a webhook [15000]\n"
    "  --webhook-retry-ms N       until the next try, then twice as long each, at most an hour "
    "[5000]\n"
    "  --webhook-give-up-s N      of failures, until it is paused [259200]\n"
    "  --qubic-live-url URL       [https://rpc.qubic.org/live/v1, of a testnet log "
    "https://testnet-rpc.qubic.org/live/v1];\n"
    "                             a local log needs both\n"
    "  --qubic-query-url URL      [the same with /query/v1]\n"
    "  --qubic-second-live-url URL   somebody else's live service: no lock counts, and no payment "
    "is "
    "over or lost,\n"
    "                             unless its balance says so, too [none]\n"
    "  --faucet-url URL           local logs only: where /v1/faucet passes requests on (of "
    "tally-devchain: its URL with\n"
    "                             /dev/v1/faucet behind it) [none]\n"
    "  --explorer-url URL         where people look at a transaction: the page links to URL with "
    "its "
    "id behind it\n"
    "                             [of a mainnet log https://explorer.qubic.org/network/tx/, else "
    "none]\n"
    "  --qubic-rate N             requests a second to the chain's services, of settlement and of "
    "the "
    "API each;\n"
    "                             0: no limit [local: 0, else 20]\n"
    "  --connections-max N        at once, of everybody; the next is answered 503 [4096]\n"
    "  --offers-per-machine N     live offers that one machine may have; 0: no limit [16]\n"
    "  --offers-per-provider N    ... that all machines of one provider may have together [1000]\n"
    "  --analysis-ms N            processor time for reading all files of an upload [5000]\n"
    "  --analysis-mib N           memory for reading one file, of two at a time [128]\n"
    "  --unfinished-mib N         what uploads in pieces may hold together until they are whole "
    "[16384]\n"
    "  --account-storage-mib N    ... and an account's uploads and results; 0: no limit [16384]\n"
    "  --poll-ms N                pause between two looks at the chain [500]\n"
    "  --anchor-every-events N    put a checkpoint on the chain after so many events [0: no]\n"
    "  --anchor-every-min N       ... and after so many minutes, if something happened [0: no]\n"
    "  --views-copy-every N       events after which the views are copied anew [4000000]\n";

/* The services publish no limit; until one is known this is a guess on the careful side. */
#define REQUESTS_PER_S_DEFAULT 20

#define ANCHOR_EVENTS_MAX 1000000000
#define ANCHOR_MIN_MAX (366 * 24 * 60)

enum option_id {
    OPT_DATA = 256,
    OPT_PASSPHRASE,
    OPT_COPY,
    OPT_NETWORK,
    OPT_NAME,
    OPT_SET,
    OPT_HOST,
    OPT_PORT,
    OPT_ORIGIN,
    OPT_PAGE,
    OPT_FEED_STUCK,
    OPT_WEBHOOK_PRIVATE,
    OPT_WEBHOOK_TIMEOUT,
    OPT_WEBHOOK_RETRY,
    OPT_WEBHOOK_GIVE_UP,
    OPT_TLS_CERT,
    OPT_TLS_KEY,
    OPT_CORS,
    OPT_RATE_TOKEN,
    OPT_RATE_ADDRESS,
    OPT_PER_ADDRESS,
    OPT_CONNECTIONS,
    OPT_OFFERS_MACHINE,
    OPT_OFFERS_PROVIDER,
    OPT_TRACE_ACCESS,
    OPT_LIVE,
    OPT_QUERY,
    OPT_SECOND_LIVE,
    OPT_FAUCET,
    OPT_EXPLORER,
    OPT_RATE,
    OPT_ANALYSIS_MS,
    OPT_ANALYSIS_MIB,
    OPT_UNFINISHED,
    OPT_ACCOUNT_STORAGE,
    OPT_POLL,
    OPT_ANCHOR_EVENTS,
    OPT_ANCHOR_MIN,
    OPT_COPY_EVERY,
    OPT_YES,
    OPT_HELP,
};

static const struct option LONG[] = {
    {"data", required_argument, NULL, OPT_DATA},
    {"passphrase-file", required_argument, NULL, OPT_PASSPHRASE},
    {"checkpoint-copy", required_argument, NULL, OPT_COPY},
    {"network", required_argument, NULL, OPT_NETWORK},
    {"name", required_argument, NULL, OPT_NAME},
    {"set", required_argument, NULL, OPT_SET},
    {"host", required_argument, NULL, OPT_HOST},
    {"port", required_argument, NULL, OPT_PORT},
    {"origin", required_argument, NULL, OPT_ORIGIN},
    {"page", required_argument, NULL, OPT_PAGE},
    {"feed-stuck-s", required_argument, NULL, OPT_FEED_STUCK},
    {"webhook-allow-private", no_argument, NULL, OPT_WEBHOOK_PRIVATE},
    {"webhook-timeout-ms", required_argument, NULL, OPT_WEBHOOK_TIMEOUT},
    {"webhook-retry-ms", required_argument, NULL, OPT_WEBHOOK_RETRY},
    {"webhook-give-up-s", required_argument, NULL, OPT_WEBHOOK_GIVE_UP},
    {"tls-cert", required_argument, NULL, OPT_TLS_CERT},
    {"tls-key", required_argument, NULL, OPT_TLS_KEY},
    {"cors-origin", required_argument, NULL, OPT_CORS},
    {"rate-per-token", required_argument, NULL, OPT_RATE_TOKEN},
    {"rate-per-address", required_argument, NULL, OPT_RATE_ADDRESS},
    {"connections-per-address", required_argument, NULL, OPT_PER_ADDRESS},
    {"connections-max", required_argument, NULL, OPT_CONNECTIONS},
    {"offers-per-machine", required_argument, NULL, OPT_OFFERS_MACHINE},
    {"offers-per-provider", required_argument, NULL, OPT_OFFERS_PROVIDER},
    {"trace-access", no_argument, NULL, OPT_TRACE_ACCESS},
    {"qubic-live-url", required_argument, NULL, OPT_LIVE},
    {"qubic-query-url", required_argument, NULL, OPT_QUERY},
    {"qubic-second-live-url", required_argument, NULL, OPT_SECOND_LIVE},
    {"faucet-url", required_argument, NULL, OPT_FAUCET},
    {"explorer-url", required_argument, NULL, OPT_EXPLORER},
    {"qubic-rate", required_argument, NULL, OPT_RATE},
    {"analysis-ms", required_argument, NULL, OPT_ANALYSIS_MS},
    {"analysis-mib", required_argument, NULL, OPT_ANALYSIS_MIB},
    {"unfinished-mib", required_argument, NULL, OPT_UNFINISHED},
    {"account-storage-mib", required_argument, NULL, OPT_ACCOUNT_STORAGE},
    {"poll-ms", required_argument, NULL, OPT_POLL},
    {"anchor-every-events", required_argument, NULL, OPT_ANCHOR_EVENTS},
    {"anchor-every-min", required_argument, NULL, OPT_ANCHOR_MIN},
    {"views-copy-every", required_argument, NULL, OPT_COPY_EVERY},
    {"yes", no_argument, NULL, OPT_YES},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

void options_print_usage(void)
{
    (void)fputs(USAGE, stdout);
}

static enum err_code number(const char *text, uint64_t max, uint64_t *ret, const char *name,
                            struct err *err)
{
    if (u64_parse(bytes_of_text(text), ret, NULL) != ERR_OK || *ret > max) {
        return err_set(err, ERR_INVALID, "--%s is a number from 0 to %llu", name,
                       (unsigned long long)max);
    }
    return ERR_OK;
}

/* 0: no limit. */
static enum err_code at_most(const char *name, unsigned *ret, struct err *err)
{
    uint64_t value = 0;
    enum err_code code = number(optarg, 1000000, &value, name, err);
    *ret = (unsigned)value;
    return code;
}

static enum err_code limit(const char *name, struct api_limit *ret, struct err *err)
{
    ret->given = true;
    return at_most(name, &ret->value, err);
}

/* Those of the HTTP server and its routes. */
static enum err_code at_least_1(const char *name, uint64_t max, unsigned *ret, struct err *err)
{
    uint64_t value = 0;
    enum err_code code = number(optarg, max, &value, name, err);
    if (code == ERR_OK && value == 0) {
        code = err_set(err, ERR_INVALID, "--%s is at least 1", name);
    }
    *ret = (unsigned)value;
    return code;
}

static enum err_code take_http(int id, struct api_options *api, struct err *err)
{
    switch (id) {
    case OPT_OFFERS_MACHINE:
        return at_most("offers-per-machine", &api->offers_per_machine, err);
    case OPT_OFFERS_PROVIDER:
        return at_most("offers-per-provider", &api->offers_per_provider, err);
    case OPT_ACCOUNT_STORAGE:
        return at_most("account-storage-mib", &api->account_storage_mib, err);
    case OPT_FEED_STUCK:
        return at_least_1("feed-stuck-s", 3600, &api->feed_stuck_s, err);
    case OPT_WEBHOOK_PRIVATE:
        api->webhook_allow_private = true;
        return ERR_OK;
    case OPT_WEBHOOK_TIMEOUT:
        return at_least_1("webhook-timeout-ms", 600000, &api->webhook_timeout_ms, err);
    case OPT_WEBHOOK_RETRY:
        return at_least_1("webhook-retry-ms", 3600000, &api->webhook_retry_ms, err);
    case OPT_WEBHOOK_GIVE_UP:
        return at_least_1("webhook-give-up-s", 366 * 24 * 3600, &api->webhook_give_up_s, err);
    case OPT_TLS_CERT:
        api->tls_cert = optarg;
        return ERR_OK;
    case OPT_TLS_KEY:
        api->tls_key = optarg;
        return ERR_OK;
    case OPT_CORS:
        if (api->cors_origin_count == CORS_ORIGINS_MAX) {
            return err_set(err, ERR_INVALID, "--cors-origin is given at most %d times",
                           CORS_ORIGINS_MAX);
        }
        api->cors_origins[api->cors_origin_count++] = optarg;
        return cors_check_origin(optarg, err);
    case OPT_RATE_TOKEN:
        return limit("rate-per-token", &api->rate_per_token, err);
    case OPT_RATE_ADDRESS:
        return limit("rate-per-address", &api->rate_per_address, err);
    case OPT_PER_ADDRESS:
        return limit("connections-per-address", &api->connections_per_address, err);
    case OPT_TRACE_ACCESS:
        api->traces_access = true;
        return ERR_OK;
    default:
        return err_set(err, ERR_INVALID, "unknown option; tallyd --help lists them");
    }
}

static enum err_code take(int id, struct tallyd_options *options, struct err *err)
{
    uint64_t value = 0;
    enum err_code code = ERR_OK;
    switch (id) {
    case OPT_DATA:
        options->api.data_dir = optarg;
        break;
    case OPT_PASSPHRASE:
        options->passphrase_file = optarg;
        break;
    case OPT_COPY:
        options->checkpoint_copy = optarg;
        break;
    case OPT_NETWORK:
        options->network = (enum network)enum_number(&network_words, optarg, strlen(optarg));
        if (options->network == 0) {
            code = err_set(err, ERR_INVALID, "--network is local, testnet or mainnet");
        }
        break;
    case OPT_NAME:
        options->name = optarg;
        if (strlen(optarg) > 100 || strpbrk(optarg, " +\n\t\"\\") != NULL || *optarg == '\0') {
            code = err_set(err, ERR_INVALID, "--name has 1 to 100 characters, no blank and no '+'");
        }
        break;
    case OPT_SET:
        if (options->terms_set_count == TERMS_SET_MAX) {
            return err_set(err, ERR_INVALID, "--set is given at most %d times", TERMS_SET_MAX);
        }
        options->terms_set[options->terms_set_count++] = optarg;
        break;
    case OPT_HOST:
        options->api.host = optarg;
        break;
    case OPT_PORT:
        code = number(optarg, 65535, &value, "port", err);
        options->api.port = (uint16_t)value;
        break;
    case OPT_ORIGIN:
        options->api.origin = optarg;
        break;
    case OPT_PAGE:
        options->api.page_dir = optarg;
        break;
    case OPT_LIVE:
        options->api.qubic_live_url = optarg;
        break;
    case OPT_QUERY:
        options->api.qubic_query_url = optarg;
        break;
    case OPT_SECOND_LIVE:
        options->second_live_url = optarg;
        break;
    case OPT_FAUCET:
        options->api.faucet_url = optarg;
        break;
    case OPT_EXPLORER:
        /* It becomes a link: nothing that a browser would run. */
        if (strncmp(optarg, "https://", 8) != 0 && strncmp(optarg, "http://", 7) != 0) {
            code = err_set(err, ERR_INVALID,
                           "--explorer-url begins with https:// or http://, and a transaction's id "
                           "is put behind it");
        }
        options->api.explorer_url = optarg;
        break;
    case OPT_RATE:
        code = number(optarg, 1000, &value, "qubic-rate", err);
        options->api.qubic_requests_per_s = (unsigned)value;
        options->rate_given = true;
        break;
    case OPT_CONNECTIONS:
        code = number(optarg, 1000000, &value, "connections-max", err);
        if (code == ERR_OK && value == 0) {
            code = err_set(err, ERR_INVALID, "--connections-max is at least 1");
        }
        options->api.connections_max = (size_t)value;
        break;
    case OPT_ANALYSIS_MS:
        code = number(optarg, 600000, &value, "analysis-ms", err);
        options->api.analysis_ms = (unsigned)value;
        break;
    case OPT_ANALYSIS_MIB:
        code = number(optarg, 4096, &value, "analysis-mib", err);
        options->api.analysis_mib = (unsigned)value;
        break;
    case OPT_UNFINISHED:
        code = number(optarg, 1 << 30, &value, "unfinished-mib", err);
        options->api.unfinished_mib = (unsigned)value;
        if (code == ERR_OK && value == 0) {
            code = err_set(err, ERR_INVALID, "--unfinished-mib is at least 1");
        }
        break;
    case OPT_POLL:
        code = number(optarg, 60000, &value, "poll-ms", err);
        options->poll_ms = (unsigned)value;
        break;
    case OPT_ANCHOR_EVENTS:
        code = number(optarg, ANCHOR_EVENTS_MAX, &options->anchor.every_events,
                      "anchor-every-events", err);
        break;
    case OPT_ANCHOR_MIN:
        code = number(optarg, ANCHOR_MIN_MAX, &options->anchor.every_min, "anchor-every-min", err);
        break;
    case OPT_COPY_EVERY:
        code = number(optarg, INT64_MAX, &options->views_copy_every, "views-copy-every", err);
        if (code == ERR_OK && options->views_copy_every == 0) {
            code = err_set(err, ERR_INVALID, "--views-copy-every is at least 1");
        }
        break;
    case OPT_YES:
        options->yes = true;
        break;
    default:
        code = take_http(id, &options->api, err);
        break;
    }
    return code;
}

enum err_code options_parse(int argc, char **argv, struct tallyd_options *ret, bool *ret_help,
                            struct err *err)
{
    struct tallyd_options options = {
        .name = "tally.local",
        .network = NETWORK_LOCAL,
        .api = {.port = 8420,
                .feed_stuck_s = 30,
                .webhook_timeout_ms = 15000,
                .webhook_retry_ms = 5000,
                .webhook_give_up_s = 3 * 24 * 3600,
                .connections_max = 4096,
                .offers_per_machine = API_OFFERS_PER_MACHINE,
                .account_storage_mib = API_ACCOUNT_STORAGE_MIB,
                .offers_per_provider = API_OFFERS_PER_PROVIDER},
    };
    *ret_help = argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0);
    if (*ret_help) {
        return ERR_OK;
    }
    static const char *const TASKS[] = {[TALLYD_RUN] = "run",
                                        [TALLYD_INIT] = "init",
                                        [TALLYD_ROTATE] = "rotate",
                                        [TALLYD_RESTORE] = "restore"};
    size_t task = 0;
    while (argc >= 2 && task < sizeof TASKS / sizeof *TASKS && strcmp(argv[1], TASKS[task]) != 0) {
        task++;
    }
    if (argc < 2 || task == sizeof TASKS / sizeof *TASKS) {
        return err_set(err, ERR_INVALID,
                       "say what to do: tallyd init, tallyd run, tallyd rotate or tallyd restore");
    }
    options.task = (enum tallyd_task)task;
    int id;
    optind = 2;
    opterr = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet */
    while ((id = getopt_long(argc, argv, "", LONG, NULL)) != -1) {
        if (id == OPT_HELP) {
            *ret_help = true;
            return ERR_OK;
        }
        enum err_code code = take(id, &options, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (optind < argc || options.api.data_dir == NULL || options.passphrase_file == NULL) {
        return err_set(err, ERR_INVALID,
                       "--data and --passphrase-file are needed, and nothing else");
    }
    if ((options.api.tls_cert == NULL) != (options.api.tls_key == NULL)) {
        return err_set(err, ERR_INVALID, "--tls-cert and --tls-key go together");
    }
    if (options.yes && options.task != TALLYD_RESTORE) {
        return err_set(err, ERR_INVALID, "--yes is for tallyd restore");
    }
    *ret = options;
    return ERR_OK;
}

enum err_code options_choose_chain(struct tallyd_options *options, enum network network,
                                   struct err *err)
{
    struct api_options *api = &options->api;
    if (network == NETWORK_LOCAL && (api->qubic_live_url == NULL || api->qubic_query_url == NULL)) {
        return err_set(
            err, ERR_INVALID,
            "this log is of the network 'local', which has no chain of its own: name one "
            "by --qubic-live-url and --qubic-query-url (of tally-devchain: its URL with /live/v1 "
            "and /query/v1)");
    }
    if (network != NETWORK_LOCAL && api->faucet_url != NULL) {
        return err_set(err, ERR_INVALID,
                       "--faucet-url is for a log of the network 'local': no other has a faucet");
    }
    if (api->explorer_url == NULL && network == NETWORK_MAINNET) {
        api->explorer_url = "https://explorer.qubic.org/network/tx/";
    }
    if (!options->rate_given && network != NETWORK_LOCAL) {
        api->qubic_requests_per_s = REQUESTS_PER_S_DEFAULT;
    }
    bool const test = network == NETWORK_TESTNET; /* play money must not meet the real chain */
    if (api->qubic_live_url == NULL) {
        api->qubic_live_url =
            test ? "https://testnet-rpc.qubic.org/live/v1" : "https://rpc.qubic.org/live/v1";
    }
    if (api->qubic_query_url == NULL) {
        api->qubic_query_url =
            test ? "https://testnet-rpc.qubic.org/query/v1" : "https://rpc.qubic.org/query/v1";
    }
    if (options->second_live_url != NULL &&
        strcmp(options->second_live_url, api->qubic_live_url) == 0) {
        return err_set(err, ERR_INVALID,
                       "--qubic-second-live-url is the first one's URL again: it must be another "
                       "service, best somebody else's");
    }
    return ERR_OK;
}
