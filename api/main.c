/* tallyd: the composition root. Opens keys, ledger, settlement and server in this order, and closes them in the other. */
// SPDX-License-Identifier: Apache-2.0
#include "api/claims.h"
#include "api/keys.h"
#include "api/nonces.h"
#include "api/options.h"
#include "api/presence.h"
#include "api/restore.h"
#include "api/term_set.h"
#include "api/webhook_secret.h"
#include "core/base/file.h"
#include "core/base/invariant.h"
#include "core/base/process.h"
#include "core/base/rng.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "core/crypto/sealed.h"
#include "core/crypto/sha256.h"
#include "core/market/terms.h"
#include "projections/all.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOFTWARE "tallyd 0.1.0"
#define SETTLEMENT_KEY_ID 1
#define SIGNALS 3

struct server {
    struct tallyd_options options;
    struct server_keys keys;
    struct note_key checkpoint_key;
    struct ledger *ledger;
    struct api api;
    uv_signal_t signals[SIGNALS];
    char copy_path[PATH_MAX];
    char cursor_path[PATH_MAX];
};

/* ── keys and ledger, for both commands ────────────────────────────────────────────────────────── */

static enum err_code open_keys(struct server *s, struct err *err)
{
    struct buf passphrase;
    char path[PATH_MAX];
    enum err_code code = sealed_passphrase_read(s->options.passphrase_file, &passphrase, err);
    if (code == ERR_OK) {
        code = path_join(path, sizeof path, s->options.api.data_dir, "keys.sealed", err);
    }
    if (code == ERR_OK && s->options.task == TALLYD_INIT) {
        code = dir_create(s->options.api.data_dir, 0700, err);
        if (code == ERR_OK) {
            server_keys_generate(&s->keys);
            code = server_keys_save(&s->keys, path, buf_bytes(&passphrase), err);
        }
    } else if (code == ERR_OK) {
        code = server_keys_load(path, buf_bytes(&passphrase), &s->keys, err);
    }
    sealed_wipe(&passphrase);
    if (code == ERR_OK) {
        note_key_from_seed(s->keys.checkpoint_seed, &s->checkpoint_key);
    }
    return code;
}

static enum err_code open_ledger(struct server *s, struct err *err)
{
    const char *copy = s->options.checkpoint_copy;
    if (copy == NULL) {
        size_t size = strlen(s->options.api.data_dir);
        while (size > 1 && s->options.api.data_dir[size - 1] == '/') {
            size--;
        }
        (void)snprintf(s->copy_path, sizeof s->copy_path, "%.*s.checkpoint", (int)size,
                       s->options.api.data_dir);
        copy = s->copy_path;
    }
    struct ledger_options options = {
        .data_dir = s->options.api.data_dir,
        .projections = PROJECTIONS,
        .projection_count = PROJECTION_COUNT,
        .checkpoint_key = &s->checkpoint_key,
        .checkpoint_copy = strcmp(copy, "none") == 0 ? NULL : copy,
        .copy_every = s->options.views_copy_every,
        .no_writer = s->options.task == TALLYD_RESTORE,
        .on_commit = s->options.task == TALLYD_RUN ? api_post_commit : NULL,
        .on_commit_ctx = &s->api,
    };
    return ledger_open(&options, &s->ledger, err);
}

static enum err_code submit(struct server *s, struct command *command, struct err *err)
{
    command->command_id = id_new(time_wall_ns());
    struct ledger_answer answer = ledger_submit_wait(s->ledger, command, CLASS_SETTLEMENT);
    if (answer.code != ERR_OK) {
        *err = answer.err;
    }
    return answer.code;
}

/* The seeds lie in the order of the keys: see api/keys.h. */
static struct operator_key operator_key_of(const struct server *s, uint64_t key_id,
                                           struct id16 log_id, enum network network)
{
    struct operator_key key = {.network = network, .log_id = log_id, .key_id = key_id};
    INVARIANT(key_id >= SETTLEMENT_KEY_ID && key_id <= s->keys.seed_count);
    memcpy(key.seed, s->keys.operator_seeds[key_id - SETTLEMENT_KEY_ID], sizeof key.seed);
    return key;
}

static enum err_code add_key(struct server *s, const struct operator_key *key, struct err *err)
{
    struct command command = {.type = COMMAND_KEY_ADD, .actor_kind = ACTOR_OPERATOR};
    command.u.key.key_id = key->key_id;
    command.u.key.check_identity = operator_check_identity(key);
    return submit(s, &command, err);
}

/* ── init ──────────────────────────────────────────────────────────────────────────────────────── */

static enum err_code submit_terms(struct server *s, struct err *err)
{
    struct arena arena;
    struct command command = {.type = COMMAND_TERMS_SET, .actor_kind = ACTOR_OPERATOR};
    arena_init(&arena, 1 << 16);
    enum err_code code = terms_default(s->options.network, &arena, &command.u.terms, err);
    for (size_t i = 0; i < s->options.terms_set_count && code == ERR_OK; i++) {
        code = term_set(&command.u.terms, s->options.terms_set[i], err);
    }
    if (code == ERR_OK) {
        code = submit(s, &command, err);
    }
    arena_deinit(&arena);
    return code;
}

static struct key32 catalogue_digest(void)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    catalogue_append_text(&text);
    struct key32 digest = sha256_of(buf_bytes(&text));
    buf_deinit(&text);
    return digest;
}

static enum err_code issue_operator_token(struct server *s, struct err *err)
{
    uint8_t secret[32];
    char text[sizeof secret * 2 + 2];
    char path[PATH_MAX];
    struct command command = {.type = COMMAND_TOKEN_ISSUE, .actor_kind = ACTOR_OPERATOR};
    rng_bytes(secret, sizeof secret);
    hex_encode(bytes_of(secret, sizeof secret), text);
    command.u.token.token = (struct ev_token_issued){
        .token_id = id_new(time_wall_ns()),
        .token_hash = sha256_of(bytes_of_text(text)),
        .scopes = SCOPE_OPERATOR | SCOPE_AUDITOR,
        .label = bytes_of_text("first operator token"),
    };
    enum err_code code = submit(s, &command, err);
    if (code == ERR_OK) {
        code = path_join(path, sizeof path, s->options.api.data_dir, "operator.token", err);
    }
    if (code == ERR_OK) {
        (void)strcat(text, "\n"); /* NOLINT: the room is there */
        code = file_write_atomic(path, bytes_of_text(text), 0600, err);
    }
    return code;
}

static enum err_code init(struct server *s, struct err *err)
{
    struct id16 log_id = id_new(time_wall_ns());
    enum err_code code = open_keys(s, err);
    if (code == ERR_OK) {
        code = open_ledger(s, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    struct operator_key operator_key =
        operator_key_of(s, SETTLEMENT_KEY_ID, log_id, s->options.network);
    struct command command = {.type = COMMAND_LEDGER_OPEN, .actor_kind = ACTOR_OPERATOR};
    command.u.open = (struct ev_ledger_opened){
        .log_id = log_id,
        .generation = 1,
        .network = s->options.network,
        .record_format = RECORD_FORMAT,
        .catalogue_digest = catalogue_digest(),
        .checkpoint_key = s->checkpoint_key.public_key,
        .settlement_key_id = SETTLEMENT_KEY_ID,
        .name = bytes_of_text(s->options.name),
    };
    code = submit(s, &command, err);
    if (code == ERR_OK) {
        code = add_key(s, &operator_key, err);
    }
    if (code == ERR_OK) {
        code = submit_terms(s, err);
    }
    if (code == ERR_OK) {
        code = issue_operator_token(s, err);
    }
    explicit_bzero(&operator_key, sizeof operator_key);
    if (code == ERR_OK) {
        printf("opened %s in %s\n", ledger_origin(s->ledger), s->options.api.data_dir);
        printf("the operator's token is in %s/operator.token\n", s->options.api.data_dir);
    }
    return code;
}

/* ── restore ───────────────────────────────────────────────────────────────────────────────────── */

static enum err_code restore(struct server *s, struct err *err)
{
    enum err_code code = open_keys(s, err);
    if (code == ERR_OK) {
        code = open_ledger(s, err);
    }
    return code == ERR_OK ? restore_ledger(s->ledger, s->options.yes, err) : code;
}

static enum err_code read_opened(struct server *s, struct ledger_row *ret, struct err *err)
{
    struct views_snapshot *snapshot;
    enum err_code code = views_snapshot_open(ledger_views(s->ledger), &snapshot, err);
    if (code != ERR_OK) {
        return code;
    }
    bool opened = state_ledger(views_snapshot_store(snapshot), ret);
    views_snapshot_close(snapshot);
    return opened
               ? ERR_OK
               : err_set(err, ERR_CONFLICT, "there is no opened log here; run tallyd init first");
}

/* ── rotate ────────────────────────────────────────────────────────────────────────────────────── */

/* Whether a key after the log's newest can be added: keys.sealed has that one's seed, and at most one more. */
static enum err_code check_newest(const struct server *s, const struct ledger_row *ledger,
                                  struct err *err)
{
    uint64_t newest = ledger->settlement_key_id;
    if (newest < SETTLEMENT_KEY_ID || newest > s->keys.seed_count) {
        return err_set(err, ERR_CONFLICT,
                       "keys.sealed has the seeds of settlement keys 1 to %zu, the log's newest "
                       "is %llu: put back the newest keys.sealed first",
                       s->keys.seed_count, (unsigned long long)newest);
    }
    if (s->keys.seed_count > newest + 1) {
        return err_set(err, ERR_CONFLICT,
                       "keys.sealed has the seeds of settlement keys 1 to %zu, the log's newest "
                       "is %llu: is this an older copy of the log?",
                       s->keys.seed_count, (unsigned long long)newest);
    }
    struct operator_key key =
        operator_key_of(s, newest, ledger->log_id, (enum network)ledger->network);
    bool same = key_equal(operator_check_identity(&key), ledger->check_identity);
    explicit_bzero(&key, sizeof key);
    return same ? ERR_OK
                : err_set(err, ERR_CONFLICT,
                          "keys.sealed holds another seed of settlement key %llu than the log's: "
                          "put back the right one first",
                          (unsigned long long)newest);
}

static enum err_code write_seed(struct server *s, struct err *err)
{
    struct buf passphrase;
    char path[PATH_MAX];
    enum err_code code = sealed_passphrase_read(s->options.passphrase_file, &passphrase, err);
    if (code == ERR_OK) {
        code = path_join(path, sizeof path, s->options.api.data_dir, "keys.sealed", err);
    }
    if (code == ERR_OK) {
        code = server_keys_add_seed(&s->keys, path, buf_bytes(&passphrase), err);
    }
    sealed_wipe(&passphrase);
    return code;
}

/* The file first: a seed that no log names yet is harmless, and is taken by the next try; a key in the log without its seed would
 * leave nothing to sign for new escrows with. */
static enum err_code rotate(struct server *s, struct err *err)
{
    struct ledger_row ledger = {0};
    enum err_code code = open_keys(s, err);
    if (code == ERR_OK) {
        code = open_ledger(s, err); /* and its lock: no server runs */
    }
    if (code == ERR_OK && ledger_read_only_reason(s->ledger) != NULL) {
        code = err_set(err, ERR_CONFLICT, "the log takes no writes: %s",
                       ledger_read_only_reason(s->ledger));
    }
    if (code == ERR_OK) {
        code = read_opened(s, &ledger, err);
    }
    if (code == ERR_OK) {
        code = check_newest(s, &ledger, err);
    }
    uint64_t next = ledger.settlement_key_id + 1;
    if (code == ERR_OK && s->keys.seed_count < next) { /* or an earlier try came so far */
        code = write_seed(s, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    struct operator_key key = operator_key_of(s, next, ledger.log_id, (enum network)ledger.network);
    code = add_key(s, &key, err);
    explicit_bzero(&key, sizeof key);
    if (code == ERR_OK) {
        printf("new escrows are of settlement key %llu; older keys stay loaded\n",
               (unsigned long long)next);
        printf("%s/keys.sealed has changed: copy it to where its copies are before the next "
               "start\n",
               s->options.api.data_dir);
    }
    return code;
}

/* ── run ───────────────────────────────────────────────────────────────────────────────────────── */

static void signal_cb(uv_signal_t *signal, int number)
{
    struct server *s = signal->data;
    if (number == SIGHUP) {
        api_reload_tls(&s->api);
        return;
    }
    trace(TRACE_INFO, "tallyd.stopping", "signal=%d", number);
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_close((uv_handle_t *)&s->signals[i], NULL);
    }
    api_stop(&s->api);
}

static enum err_code start_settlement(struct server *s, const struct ledger_row *ledger,
                                      struct err *err)
{
    enum err_code code = path_join(s->cursor_path, sizeof s->cursor_path, s->options.api.data_dir,
                                   "settlement.cursor", err);
    if (code != ERR_OK) {
        return code;
    }
    struct operator_key keys[OPERATOR_KEYS_MAX];
    for (size_t i = 0; i < s->keys.seed_count; i++) {
        keys[i] = operator_key_of(s, SETTLEMENT_KEY_ID + i, ledger->log_id,
                                  (enum network)ledger->network);
    }
    struct settlement_options options = {
        .ledger = s->ledger,
        .operator_keys = keys,
        .operator_key_count = s->keys.seed_count,
        .live_url = s->options.api.qubic_live_url,
        .query_url = s->options.api.qubic_query_url,
        .second_live_url = s->options.second_live_url,
        .cursor_path = s->cursor_path,
        .anchor = s->options.anchor,
        .poll_ms = s->options.poll_ms,
        .requests_per_s = s->options.api.qubic_requests_per_s,
    };
    code = settlement_start(&options, &s->api.settlement, err);
    explicit_bzero(keys, sizeof keys);
    return code;
}

static enum err_code say_started(struct server *s, struct err *err)
{
    struct command command = {.type = COMMAND_LEDGER_START, .actor_kind = ACTOR_LEDGER};
    command.u.start.software = bytes_of_text(SOFTWARE);
    command.u.start.catalogue_digest = catalogue_digest();
    if (ledger_read_only_reason(s->ledger) != NULL) {
        trace(TRACE_WARN, "ledger.read_only", "reason=\"%s\"", ledger_read_only_reason(s->ledger));
        return ERR_OK;
    }
    return submit(s, &command, err);
}

static enum err_code serve(struct server *s, uv_loop_t *loop, struct err *err)
{
    static const int NUMBERS[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
    s->api.options = s->options.api;
    s->api.ledger = s->ledger;
    enum err_code code = webhook_root(s->keys.checkpoint_seed, &s->api.webhook_root, err);
    if (code == ERR_OK) {
        code = api_start(&s->api, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < SIGNALS; i++) {
        s->signals[i].data = s;
        if (uv_signal_init(loop, &s->signals[i]) != 0 ||
            uv_signal_start(&s->signals[i], signal_cb, NUMBERS[i]) != 0) {
            return err_set(err, ERR_IO, "cannot listen for signals");
        }
    }
    printf("tallyd listening on %s://%s:%u\n", s->api.tls == NULL ? "http" : "https",
           s->options.api.host == NULL ? "127.0.0.1" : s->options.api.host,
           http_server_port(s->api.server));
    (void)fflush(stdout);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    api_finish(&s->api);
    return ERR_OK;
}

/* Beside connections: log, views and blobs, the chain's services, what is being uploaded or fetched at the moment. */
#define DESCRIPTORS_OWN 256

static enum err_code run(struct server *s, struct err *err)
{
    uv_loop_t loop;
    struct ledger_row ledger = {0};
    enum err_code code =
        process_want_descriptors(s->options.api.connections_max + DESCRIPTORS_OWN, err);
    if (code != ERR_OK) {
        err_context(err, "--connections-max %zu", s->options.api.connections_max);
        return code;
    }
    code = open_keys(s, err);
    if (code == ERR_OK && uv_loop_init(&loop) != 0) {
        code = err_set(err, ERR_NOMEM, "no memory for the event loop");
    }
    if (code != ERR_OK) {
        return code;
    }
    if (api_prepare(&s->api, &loop) != 0) {
        return err_set(err, ERR_NOMEM, "no memory to start");
    }
    code = open_ledger(s, err);
    if (code == ERR_OK) {
        code = read_opened(s, &ledger, err);
    }
    if (code == ERR_OK) { /* before anything is written */
        code = options_choose_chain(&s->options, (enum network)ledger.network, err);
    }
    if (code == ERR_OK) {
        code = say_started(s, err);
    }
    if (code == ERR_OK) {
        code = start_settlement(s, &ledger, err);
    }
    if (code == ERR_OK) {
        code = serve(s, &loop, err);
    }
    if (s->ledger != NULL) {
        ledger_begin_close(s->ledger);
    }
    settlement_stop(s->api.settlement);
    ledger_close(s->ledger); /* before the loop: until then the writer wakes it */
    s->ledger = NULL;
    (void)uv_loop_close(
        &loop); /* after an early error some handles may be open: the process ends */
    return code;
}

int main(int argc, char **argv)
{
    static struct server server;
    struct err err = {0};
    bool help = false;
    (void)signal(SIGPIPE, SIG_IGN);
    enum err_code code = options_parse(argc, argv, &server.options, &help, &err);
    if (help) {
        options_print_usage();
        return 0;
    }
    if (code != ERR_OK) {
        (void)fprintf(stderr, "tallyd: %s\n", err.message);
        return 2;
    }
    code = process_keep_secrets(&err);
    if (code != ERR_OK) {
        (void)fprintf(stderr, "tallyd: %s\n", err.message);
        return 1;
    }
    code = server.options.task == TALLYD_INIT      ? init(&server, &err)
           : server.options.task == TALLYD_ROTATE  ? rotate(&server, &err)
           : server.options.task == TALLYD_RESTORE ? restore(&server, &err)
                                                   : run(&server, &err);
    ledger_close(server.ledger);
    server_keys_wipe(&server.keys);
    note_key_wipe(&server.checkpoint_key);
    if (code != ERR_OK) {
        (void)fprintf(stderr, "tallyd: %s\n", err.message);
        return 1;
    }
    return 0;
}
