/* tally submit: from a file to a paid job. Upload, match, quote, job, lock signed here, follow to the end. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "core/qubic/transaction.h"
#include "tools/tally/follow.h"
#include "tools/tally/online_commands.h"
#include "tools/tally/secrets.h"
#include "tools/tally/wallet.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_JOB_FAILED 3
#define LOCK_ATTEMPTS 5
#define MINUTES_MAX (30 * 24 * 60)
#define EVIDENCE_TICKS 3
#define REAL_DIGITS 15 /* as the server writes an analysis' numbers */

static const char USAGE[] =
    "usage: tally submit FILE | --upload ID --wallet W [--passphrase-file P] [--server URL]\n"
    "                    [--offer ID] [--arguments 'A B C'] [--results DIR] [--image NAME] "
    "[--network]\n"
    "                    [--max-minutes N] [--max-price QUBIC] [--secrets FILE] [--save FILE] "
    "[--json]\n"
    "\n"
    "Uploads FILE, shows which machines fit, takes the best (or --offer), locks its price and "
    "follows the job until\n"
    "the money is where it belongs. --secrets: lines NAME=VALUE, variables that are sealed to the "
    "machine's key\n"
    "before they leave this program. --results: the folder, below the one that the job runs in, "
    "whose files are\n"
    "its results; results if left out. --image: of a Dockerfile, what to run it in, in place of "
    "its FROM; one that the\n"
    "machine has. --network: the program is to reach the Internet, which not every provider "
    "allows; without it, it\n"
    "has no network. --max-minutes: stopped after so long, and that is what is locked; otherwise "
    "the long estimate\n"
    "and a margin. --upload: one that is there already, in place of a FILE, with what `tally "
    "override` said of it.\n"
    "--save writes the job as it ended. The lock is signed here; the seed never leaves this "
    "program.\n"
    "Exit status: 0 completed and settled, 3 the job failed and was refunded, 1 trouble, 2 wrong "
    "use.\n";

struct submission {
    struct cli cli;
    struct remote remote;
    struct qubic_keys keys;
    const char *given; /* an upload's id, in place of a file */
    const char *offer;
    const char *arguments;
    const char *results;
    const char *image;
    const char *max_price;
    const char *max_minutes;
    uint64_t limit_ms; /* of --max-minutes; 0: by the estimate */
    const char *secrets;
    const char *save;
    bool network;
    json_t *upload;
    json_t *quote;
    json_t *job;
};

static void say(const struct submission *s, const char *step, json_t *value)
{
    if (s->cli.json) {
        json_t *line = json_pack("{s:s,s:O}", "step", step, "value", value);
        (void)json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
        (void)putchar('\n');
        json_decref(line);
    }
    (void)fflush(stdout);
}

/* ── upload, match, quote ──────────────────────────────────────────────────────────────────────── */

static enum err_code send_file(struct submission *s, struct err *err)
{
    const char *path = s->cli.rest[0];
    const char *slash = strrchr(path, '/');
    struct stat info;
    struct buf target;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        return err_set_errno(err, errno, "open %s", path);
    }
    buf_init(&target, 4096);
    buf_append_text(&target, "/v1/uploads?name=");
    url_append(&target, slash == NULL ? path : slash + 1, false);
    enum err_code code =
        remote_upload(&s->remote, buf_text(&target), fd, (uint64_t)info.st_size, &s->upload, err);
    buf_deinit(&target);
    (void)close(fd);
    return code;
}

static enum err_code find_upload(struct submission *s, struct err *err)
{
    char path[100];
    (void)snprintf(path, sizeof path, "/v1/uploads/%.60s", s->given);
    return remote_call(&s->remote, "GET", path, NULL, &s->upload, err);
}

static enum err_code upload(struct submission *s, struct err *err)
{
    enum err_code const code = s->given != NULL ? find_upload(s, err) : send_file(s, err);
    if (code == ERR_OK && !s->cli.json) {
        json_t *analysis = json_object_get(s->upload, "analysis");
        printf("  ✓ %s %s (%" PRId64 " bytes)\n", s->given != NULL ? "upload" : "uploaded",
               json_text(s->upload, "file_name"), json_number(s->upload, "size"));
        const char *framework = json_text(analysis, "primary");
        bool const told = framework[0] != '\0' && strcmp(framework, "none") != 0;
        printf("  ✓ analysed: %s%s%s\n", json_text(analysis, "job_type"), told ? ", " : "",
               told ? framework : "");
    }
    if (code == ERR_OK) {
        say(s, "uploaded", s->upload);
    }
    return code;
}

static void print_ranking(json_t *ranking)
{
    printf("    %-13s %-28s %12s %10s  %s\n", "fit", "machine", "likely", "time", "");
    for (size_t i = 0; i < json_array_size(ranking) && i < 8; i++) {
        json_t *entry = json_array_get(ranking, i);
        json_t *offer = json_object_get(entry, "offer");
        char cost[32];
        char time[32];
        printf("    %-13s %-28.28s %12s %10s  %s\n", json_text(entry, "fit"),
               json_text(offer, "model"), cli_amount(json_number(entry, "cost"), cost),
               cli_duration(json_number(entry, "p50_ms"), time), json_text(entry, "why"));
    }
}

/* Why a cap is well above what the chosen machine will likely cost. */
static void explain_cap(json_t *quote, json_t *ranking)
{
    int64_t likely = 0;
    int64_t p90_ms = json_number(quote, "p90_ms");
    int64_t margin_bps = json_number(quote, "margin_bps");
    for (size_t i = 0; i < json_array_size(ranking); i++) {
        json_t *entry = json_array_get(ranking, i);
        if (strcmp(json_text(entry, "offer_id"), json_text(quote, "offer_id")) == 0) {
            likely = json_number(entry, "cost");
        }
    }
    if (likely >= json_number(quote, "cap") / 2) {
        return;
    }
    char cost[32];
    char time[32];
    printf("    likely %s; ", cli_amount(likely, cost));
    if (json_number(quote, "limit_ms") / 2 > p90_ms + p90_ms / 10000 * margin_bps) {
        printf("it is this much because less cannot be locked\n");
        return;
    }
    printf("the rest is for a job that takes long (one in ten takes over %s) and a margin of "
           "%" PRId64 " %%\n",
           cli_duration(p90_ms, time), margin_bps / 100);
}

static void explain_settings(const json_t *quote)
{
    const json_t *list = json_object_get(quote, "settings");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *said = json_array_get(list, i);
        printf("    %s %s: %s\n", json_text(said, "said"),
               json_is_true(json_object_get(said, "counts")) ? "counts" : "changes no time",
               json_text(said, "why"));
    }
}

static json_t *words_of(const char *arguments)
{
    json_t *list = json_array();
    char *copy = strdup(arguments);
    char *rest = copy;
    for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
        if (*word != '\0') {
            (void)json_array_append_new(list, json_string(word));
        }
    }
    free(copy);
    return list;
}

/* NULL: there are none. What is sealed comes when the quote has said to which key. */
static json_t *settings_of(const struct submission *s)
{
    json_t *settings = json_object();
    if (s->arguments != NULL) {
        (void)json_object_set_new(settings, "arguments", words_of(s->arguments));
    }
    if (s->results != NULL) {
        (void)json_object_set_new(settings, "results", json_string(s->results));
    }
    if (s->image != NULL) {
        (void)json_object_set_new(settings, "image", json_string(s->image));
    }
    if (s->network) {
        (void)json_object_set_new(settings, "network", json_true());
    }
    if (json_object_size(settings) == 0) {
        json_decref(settings);
        settings = NULL;
    }
    return settings;
}

/* What to do where no machine fits: nothing is paid yet, and what was found may be said otherwise. */
static void advise(const struct submission *s)
{
    const char *id = json_text(s->upload, "id");
    char path[100];
    json_t *analysis = NULL;
    struct err ignored = {0};
    (void)snprintf(path, sizeof path, "/v1/analyses/%.60s", id);
    if (remote_call(&s->remote, "GET", path, NULL, &analysis, &ignored) == ERR_OK) {
        json_t *counts = json_object_get(analysis, "effective");
        const char *model = json_string_value(json_object_get(counts, "model"));
        if (model != NULL && model[0] != '\0') {
            (void)fputs("    the model that it needs: ", stdout);
            cli_put(bytes_of_text(model), stdout);
            (void)putchar('\n');
        }
        json_decref(analysis);
    }
    printf("    Nothing is paid. Wait for a machine that has what is missing, or say what the "
           "program really needs:\n"
           "      tally override %s …   (--device cpu --gpus 0, --packages '', --model ''; --help "
           "says more)\n"
           "      tally submit --upload %s …\n",
           id, id);
    (void)fflush(stdout);
}

static enum err_code quote(struct submission *s, struct err *err)
{
    json_t *match = NULL;
    char offer_id[40] = "";
    enum err_code code =
        remote_call(&s->remote, "POST", "/v1/matches",
                    json_pack("{s:s,s:o*}", "upload_id", json_text(s->upload, "id"), "settings",
                              settings_of(s)),
                    &match, err);
    if (code != ERR_OK) {
        return code;
    }
    json_t *ranking = json_object_get(match, "ranking");
    json_t *best = json_array_get(ranking, 0);
    if (!s->cli.json) {
        print_ranking(ranking);
    }
    say(s, "matched", match);
    if (s->offer != NULL) {
        (void)snprintf(offer_id, sizeof offer_id, "%s", s->offer);
    } else if (best != NULL && strcmp(json_text(best, "fit"), "insufficient") != 0) {
        (void)snprintf(offer_id, sizeof offer_id, "%s", json_text(best, "offer_id"));
    }
    if (offer_id[0] == '\0') {
        if (!s->cli.json && best != NULL) {
            advise(s);
        }
        code = err_set(err, ERR_NOT_FOUND, "no machine fits now%s%s", best == NULL ? "" : ": ",
                       best == NULL ? "" : json_text(best, "why"));
    } else {
        json_t *asked = json_pack("{s:s,s:s,s:s}", "upload_id", json_text(s->upload, "id"),
                                  "offer_id", offer_id, "match_id", json_text(match, "id"));
        json_t *settings = settings_of(s);
        if (settings != NULL) {
            (void)json_object_set_new(asked, "settings", settings);
        }
        if (s->limit_ms != 0) {
            (void)json_object_set_new(asked, "limit_ms", json_integer((json_int_t)s->limit_ms));
        }
        code = remote_call(&s->remote, "POST", "/v1/quotes", asked, &s->quote, err);
        if (code != ERR_OK && !s->cli.json && strstr(err->message, "offer_insufficient") != NULL) {
            advise(s);
        }
    }
    if (code == ERR_OK) {
        char cap[32];
        say(s, "quoted", s->quote);
        if (!s->cli.json) {
            printf("  ✓ quote: at most %s QUBIC; what is not used comes back\n",
                   cli_amount(json_number(s->quote, "cap"), cap));
            explain_cap(s->quote, ranking);
            explain_settings(s->quote);
        }
    }
    json_decref(match);
    if (code == ERR_OK && s->max_price != NULL &&
        json_number(s->quote, "cap") > strtoll(s->max_price, NULL, 10)) {
        code = err_set(err, ERR_DENIED, "the quote is above --max-price");
    }
    return code;
}

/* ── job and lock ──────────────────────────────────────────────────────────────────────────────── */

static enum err_code create_job(struct submission *s, struct err *err)
{
    json_t *body = json_pack("{s:s}", "quote_id", json_text(s->quote, "id"));
    json_t *settings = settings_of(s);
    json_t *sealed = NULL;
    if (s->secrets != NULL) {
        const char *key = json_string_value(json_object_get(s->quote, "sealing_key"));
        enum err_code const sealing = secrets_seal(s->secrets, key, &sealed, err);
        if (sealing != ERR_OK) {
            json_decref(settings);
            json_decref(body);
            return sealing;
        }
        settings = settings == NULL ? json_object() : settings;
        (void)json_object_set_new(settings, "sealed", sealed);
    }
    if (settings != NULL) {
        (void)json_object_set_new(body, "settings", settings);
    }
    enum err_code code = remote_call(&s->remote, "POST", "/v1/jobs", body, &s->job, err);
    if (code == ERR_OK) {
        say(s, "created", s->job);
        if (!s->cli.json) {
            printf("  ✓ job %s\n", json_text(s->job, "id"));
        }
    }
    return code;
}

/* The tick to aim at: the network's minimum, and about a second for our own way there. */
static enum err_code choose_tick(struct submission *s, uint32_t *ret, struct err *err)
{
    json_t *terms = NULL;
    enum err_code code = remote_call(&s->remote, "GET", "/v1/terms", NULL, &terms, err);
    if (code == ERR_OK) {
        json_t *chain = json_object_get(terms, "chain");
        int64_t tick_ms = json_number(chain, "tick_ms");
        int64_t offset = json_number(json_object_get(terms, "terms"), "tick_offset") +
                         (tick_ms > 0 ? 1000 / tick_ms : 1);
        *ret = (uint32_t)(json_number(chain, "tick") + offset);
    }
    json_decref(terms);
    return code;
}

static enum err_code build_lock(struct submission *s, uint32_t tick, struct qubic_transaction *ret,
                                struct err *err)
{
    json_t *escrow = json_object_get(s->job, "escrow");
    const char *input = json_text(escrow, "input");
    *ret = (struct qubic_transaction){
        .amount = json_number(escrow, "amount"),
        .tick = tick,
        .input_type = (uint16_t)json_number(escrow, "input_type"),
        .input_size = (uint16_t)(strlen(input) / 2),
    };
    /* Never more than what was quoted, whatever the server says now. */
    if (ret->amount != json_number(s->quote, "cap")) {
        return err_set(err, ERR_DENIED,
                       "the server asks for another amount than it quoted: not signed");
    }
    if (strlen(input) / 2 > sizeof ret->input) {
        return err_set(err, ERR_INVALID, "the server's payload is too long");
    }
    enum err_code code =
        qubic_identity_parse(bytes_of_text(json_text(escrow, "identity")), &ret->destination, err);
    if (code == ERR_OK) {
        code = hex_decode(bytes_of_text(input), ret->input, ret->input_size, err);
    }
    if (code == ERR_OK) {
        code = qubic_transaction_sign(ret, &s->keys, err);
    }
    return code;
}

static enum err_code send_lock(struct submission *s, uint32_t tick, struct err *err)
{
    struct qubic_transaction tx;
    uint8_t wire[QUBIC_TRANSACTION_SIZE_MAX];
    char hex[QUBIC_TRANSACTION_SIZE_MAX * 2 + 1];
    json_t *answer = NULL;
    enum err_code code = build_lock(s, tick, &tx, err);
    if (code == ERR_OK) {
        hex_encode(bytes_of(wire, qubic_transaction_encode(&tx, wire)), hex);
        code = remote_call(&s->remote, "POST", "/v1/broadcast",
                           json_pack("{s:s}", "transaction", hex), &answer, err);
    }
    if (code == ERR_OK) {
        say(s, "lock_sent", answer);
        if (!s->cli.json) {
            printf("  · lock sent for tick %" PRIu32 ": %s\n", tick,
                   json_text(answer, "transaction_id"));
        }
    }
    json_decref(answer);
    return code;
}

/* true once the tick has passed so far that the transaction can never run any more. */
static bool has_passed(struct submission *s, uint32_t tick)
{
    json_t *terms = NULL;
    struct err err;
    bool passed = false;
    if (remote_call(&s->remote, "GET", "/v1/terms", NULL, &terms, &err) == ERR_OK) {
        passed = json_number(json_object_get(terms, "chain"), "processed") >=
                 (int64_t)tick + EVIDENCE_TICKS;
    }
    json_decref(terms);
    return passed;
}

/* Until the lock is seen on the chain. A transaction runs in its tick or never: when the tick has passed without
 * it, another one is safe. */
static enum err_code lock(struct submission *s, struct follower *follower, struct err *err)
{
    for (int attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
        uint32_t tick = 0;
        enum err_code code = choose_tick(s, &tick, err);
        if (code == ERR_OK) {
            code = send_lock(s, tick, err);
        }
        while (code == ERR_OK) {
            json_t *job = NULL;
            bool passed =
                has_passed(s, tick); /* asked before the job, so that the job is the newer */
            code = follow_step(follower, &job, err);
            json_t *escrow = json_object_get(job, "escrow");
            bool waiting = strcmp(json_text(escrow, "status"), "requested") == 0;
            json_decref(job);
            if (code == ERR_OK && !waiting) {
                return ERR_OK;
            }
            if (code == ERR_OK && passed) {
                break;
            }
            (void)usleep(200000);
        }
        if (code != ERR_OK) {
            return code;
        }
    }
    return err_set(err, ERR_UNAVAILABLE,
                   "the chain took none of %d locks; is there enough QUBIC in the wallet?",
                   LOCK_ATTEMPTS);
}

static enum err_code run(struct submission *s, json_t **ret_job, struct err *err)
{
    enum err_code code = remote_open(&s->cli, "[\"consumer\"]", &s->remote, &s->keys, err);
    if (code == ERR_OK) {
        code = upload(s, err);
    }
    if (code == ERR_OK) {
        code = quote(s, err);
    }
    if (code == ERR_OK) {
        code = create_job(s, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    struct follower follower = {
        .remote = &s->remote, .json = s->cli.json, .terminal = isatty(STDOUT_FILENO) != 0};
    (void)snprintf(follower.job_id, sizeof follower.job_id, "%s", json_text(s->job, "id"));
    code = lock(s, &follower, err);
    if (code == ERR_OK) {
        code = follow_to_end(&follower, ret_job, err);
    }
    return code;
}

static bool read_minutes(const char *text, uint64_t *ret_ms)
{
    uint64_t minutes = 0;
    bool const good = u64_parse(bytes_of_text(text), &minutes, NULL) == ERR_OK && minutes >= 1 &&
                      minutes <= MINUTES_MAX;
    *ret_ms = minutes * 60000;
    return good;
}

int submit_command(int argc, char **argv)
{
    struct submission s = {0};
    struct err err = {0};
    json_t *job = NULL;
    const struct cli_flag flags[] = {
        {"upload", &s.given, NULL},        {"offer", &s.offer, NULL},
        {"arguments", &s.arguments, NULL}, {"max-price", &s.max_price, NULL},
        {"secrets", &s.secrets, NULL},     {"save", &s.save, NULL},
        {"network", NULL, &s.network},     {"results", &s.results, NULL},
        {"image", &s.image, NULL},         {"max-minutes", &s.max_minutes, NULL},
    };
    if (cli_parse(argc, argv, flags, sizeof flags / sizeof flags[0], &s.cli, &err) != ERR_OK) {
        return cli_fail(&err);
    }
    if (s.cli.help || s.cli.rest_count != (s.given != NULL ? 0 : 1)) {
        (void)fputs(USAGE, s.cli.help ? stdout : stderr);
        return s.cli.help ? 0 : 2;
    }
    if (s.max_minutes != NULL && !read_minutes(s.max_minutes, &s.limit_ms)) {
        (void)fprintf(stderr, "tally: --max-minutes is a whole number of minutes, 1 to %d\n",
                      MINUTES_MAX);
        return 2;
    }
    enum err_code code = run(&s, &job, &err);
    int status = 0;
    if (code != ERR_OK) {
        status = cli_fail(&err);
    } else {
        status = strcmp(json_text(job, "status"), "completed") == 0 ? 0 : EXIT_JOB_FAILED;
        say(&s, "settled", job);
        if (s.save != NULL && json_dump_file(job, s.save, JSON_COMPACT) != 0) {
            (void)fprintf(stderr, "tally: cannot write %s\n", s.save);
            status = 1;
        }
        if (!s.cli.json) {
            follow_print_bill(job);
        }
    }
    qubic_keys_wipe(&s.keys);
    json_decref(s.upload);
    json_decref(s.quote);
    json_decref(s.job);
    json_decref(job);
    return status;
}
