// SPDX-License-Identifier: Apache-2.0
#include "tests/core/settlement/virtual_world.h"

#include "core/base/arena.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/crypto/sha256.h"
#include "core/event/codec.h"
#include "core/ledger/restore.h"
#include "core/log/log_reader.h"
#include "core/market/posting.h"
#include "core/market/terms.h"
#include "core/settlement/stuck.h"
#include "tests/core/settlement/virtual_http.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/memory_store.h"
#include "tests/support/temp_folder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND NS_PER_S
#define BEGIN (INT64_C(1790000000) * SECOND)
#define TIMEOUT_MS 2000
#define SECOND_PATH "/second"
#define CALM_HITS 54 /* of a crash point, before it rests in calm times */

static _Atomic int64_t now_ns;
static struct virtual_world *world; /* the wrapped functions have no other way to it */

static int64_t virtual_wall_ns(void)
{
    return atomic_load(&now_ns);
}

/* ── drawing ───────────────────────────────────────────────────────────────────────────────────── */

uint64_t virtual_random(struct virtual_world *w)
{
    uint64_t z = w->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint64_t virtual_below(struct virtual_world *w, uint64_t count)
{
    return virtual_random(w) % count;
}

bool virtual_chance(struct virtual_world *w, unsigned permille)
{
    return virtual_below(w, 1000) < permille;
}

struct id16 virtual_id(struct virtual_world *w)
{
    struct id16 id;
    put_be64(id.b, virtual_random(w));
    put_be64(id.b + 8, virtual_random(w) | 1);
    return id;
}

struct key32 virtual_key(struct virtual_world *w)
{
    struct key32 key;
    for (size_t i = 0; i < sizeof key.b; i += 8) {
        put_be64(key.b + i, virtual_random(w) | 1);
    }
    return key;
}

/* ── crashing ──────────────────────────────────────────────────────────────────────────────────── */

const char *crash_step_name(enum crash_step step)
{
    static const char *const NAMES[] = {
        "ask tick", "ask archive",  "ask balance", "broadcast", "ask transaction", "ask tick's",
        "ask data", "ask identity", "observe",     "confirm",   "expire",          "shortfall",
        "sign leg", "lose leg",     "confirm leg", "anchor",    "retire key"};
    static_assert(sizeof NAMES / sizeof *NAMES == CRASH_STEPS, "one each");
    return NAMES[step];
}

/* What is done rarely crashes more often, and what crashed often more rarely, so that every place comes to its turn. */
static bool crash(struct virtual_world *w, enum crash_step step, bool after)
{
    static const unsigned WEIGHTS[CRASH_STEPS] = {
        [CRASH_DEPOSIT] = 2,     [CRASH_EXPIRE] = 20, [CRASH_IDENTITY] = 20, [CRASH_SHORTFALL] = 60,
        [CRASH_CONFIRM_LEG] = 2, [CRASH_ANCHOR] = 60, [CRASH_RETIRE] = 100};
    if (w->crashed || step >= CRASH_STEPS) {
        return true;
    }
    uint64_t *hits = &w->crashes[step][after ? 1 : 0];
    uint64_t const *both = w->crashes[step];
    if (!after && both[0] > both[1]) { /* or what is rare would hardly ever come to its "after" */
        return false;
    }
    if (w->calm && step != CRASH_ANCHOR && both[0] >= CALM_HITS && both[1] >= CALM_HITS) {
        return false;
    }
    unsigned weight = WEIGHTS[step] != 0 ? WEIGHTS[step] : 1;
    if (virtual_below(w, 1000 * (1 + *hits / 32)) >= w->crash_permille * weight) {
        return false;
    }
    (*hits)++;
    w->crashes_all++;
    w->crashed = true;
    atomic_store(&w->settlement->stopping, true);
    return true;
}

static enum crash_step step_of_command(enum command_type type)
{
    switch ((int)type) {
    case COMMAND_DEPOSIT_OBSERVE:
        return CRASH_DEPOSIT;
    case COMMAND_ESCROW_CONFIRM:
        return CRASH_CONFIRM;
    case COMMAND_ESCROW_EXPIRE:
        return CRASH_EXPIRE;
    case COMMAND_ESCROW_SHORTFALL:
        return CRASH_SHORTFALL;
    case COMMAND_LEG_SIGN:
    case COMMAND_ESCROW_REREAD: /* after a restore, which is not in every run */
        return CRASH_SIGN;
    case COMMAND_LEG_LOSE:
        return CRASH_LOSE;
    case COMMAND_LEG_CONFIRM:
        return CRASH_CONFIRM_LEG;
    case COMMAND_CHECKPOINT_ANCHOR:
        return CRASH_ANCHOR;
    case COMMAND_KEY_RETIRE:
        return CRASH_RETIRE;
    default:
        fail_msg("settlement has no command %d", (int)type);
        return CRASH_STEPS;
    }
}

static enum crash_step step_of_path(const char *path)
{
    static const struct {
        const char *part;
        enum crash_step step;
    } PARTS[] = {{"tick-info", CRASH_TICK_INFO},
                 {"getLastProcessedTick", CRASH_PROCESSED},
                 {"balances", CRASH_BALANCE},
                 {"broadcast", CRASH_BROADCAST},
                 {"getTransactionByHash", CRASH_TRANSACTION},
                 {"getTransactionsForTick", CRASH_TICK},
                 {"getTickData", CRASH_TICK_DATA},
                 {"getTransactionsForIdentity", CRASH_IDENTITY}};
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++) {
        if (strstr(path, PARTS[i].part) != NULL) {
            return PARTS[i].step;
        }
    }
    fail_msg("settlement does not ask %s", path);
    return CRASH_STEPS;
}

/* ── the seams ─────────────────────────────────────────────────────────────────────────────────── */

static void check_events(struct virtual_world *w);

enum err_code __real_settlement_submit(struct settlement *s, struct command *command,
                                       struct ledger_answer *ret, struct err *err);
enum err_code __wrap_settlement_submit(struct settlement *s, struct command *command,
                                       struct ledger_answer *ret, struct err *err);
enum err_code __wrap_settlement_submit(struct settlement *s, struct command *command,
                                       struct ledger_answer *ret, struct err *err)
{
    enum crash_step step = step_of_command(command->type);
    enum err_code code = ERR_UNAVAILABLE;
    if (!crash(world, step, false)) {
        code = __real_settlement_submit(s, command, ret, err);
        check_events(world);
        if (crash(world, step, true)) {
            code = ERR_UNAVAILABLE;
        }
    }
    if (world->crashed) {
        (void)err_set(err, ERR_UNAVAILABLE, "dead");
    }
    return code;
}

/* What settlement sends is the newest attempt of a leg of the log, with these very bytes; or an anchor, which moves nothing. */
static void check_sent(struct virtual_world *w, struct bytes body)
{
    static const char BEGIN_OF[] = "{\"encodedTransaction\":\"";
    struct buf wire;
    struct qubic_transaction tx;
    struct id16 escrow_id;
    struct views_snapshot *snapshot;
    struct bytes key;
    struct bytes value;
    uint8_t at[LEG_KEY_SIZE] = {0};
    bool known = false;
    size_t begin = sizeof BEGIN_OF - 1;
    buf_init(&wire, 4096);
    assert_true(body.size > begin + 2 && memcmp(body.data, BEGIN_OF, begin) == 0);
    assert_int_equal(base64_decode(bytes_of(body.data + begin, body.size - begin - 2), &wire, NULL),
                     ERR_OK);
    assert_int_equal(qubic_transaction_parse(buf_bytes(&wire), &tx, NULL), ERR_OK);
    buf_deinit(&wire);
    if (tx.amount == 0) {
        return;
    }
    struct key32 hash = qubic_transaction_hash(&tx);
    assert_int_equal(views_snapshot_open(ledger_views(w->ledger), &snapshot, NULL), ERR_OK);
    struct store *store = views_snapshot_store(snapshot);
    assert_true(state_escrow_by_identity(store, tx.source, &escrow_id));
    memcpy(at, escrow_id.b, sizeof escrow_id.b);
    while (store_seek(store, &STATE_LEGS, bytes_of(at, sizeof at), true, &key, &value) &&
           memcmp(key.data, escrow_id.b, sizeof escrow_id.b) == 0) {
        struct leg_row leg;
        memcpy(at, key.data, sizeof at);
        assert_true(state_leg(store, at, &leg));
        known = known || (leg.status == LEG_SIGNED && key_equal(leg.tx_id, hash));
    }
    views_snapshot_close(snapshot);
    if (!known) {
        fail_msg("settlement sends what is not in the log as signed");
    }
}

/* As if each state of the log had been signed: when that happens is real time's. */
enum err_code __wrap_settlement_checkpoint(struct settlement *s, struct log_reader *reader,
                                           struct checkpoint *ret, struct err *err);
enum err_code __wrap_settlement_checkpoint(struct settlement *s, struct log_reader *reader,
                                           struct checkpoint *ret, struct err *err)
{
    const struct merkle_source nodes = log_reader_nodes(reader);
    (void)s;
    ret->size = log_reader_size(reader);
    return merkle_source_root(&nodes, ret->size, &ret->root, err);
}

bool virtual_http_ask(bool post, const char *path, struct bytes body, struct service_reply *ret)
{
    enum crash_step step = step_of_path(path);
    bool const second = strncmp(path, SECOND_PATH, sizeof SECOND_PATH - 1) == 0;
    path += second ? sizeof SECOND_PATH - 1 : 0;
    world->asked[step]++;
    if (crash(world, step, false)) {
        return false;
    }
    if (step == CRASH_BROADCAST) {
        check_sent(world, body);
    }
    service_ask(world->network, post, path, body, ret);
    if (!second) {
        lies_shorten(&world->lies, world->network, path, body, ret);
    }
    if (!second && !world->honest) {
        lies_tell(&world->lies, world->network, path, body, ret);
    }
    if (crash(world, step, true)) {
        service_reply_deinit(ret);
        return false;
    }
    return true;
}

/* ── what every event must keep ────────────────────────────────────────────────────────────────── */

static bool is_leg(const struct event *event, enum event_type_number refund,
                   enum event_type_number payout, enum event_type_number fee)
{
    return event->type->number == refund || event->type->number == payout ||
           event->type->number == fee;
}

/* What was lost again and again is signed after the pause that its last tick gives, whatever crashed meanwhile. */
static void check_pause(struct virtual_world *w, const struct event *event)
{
    uint64_t lost[2]; /* attempt, tick */
    uint8_t key[LEG_KEY_SIZE];
    const struct ev_leg_signed *signing = &event->u.payout_signed;
    const struct ev_leg_lost *losing = &event->u.payout_lost;
    if (is_leg(event, EVENT_REFUND_LOST, EVENT_PAYOUT_LOST, EVENT_FEE_LOST)) {
        leg_key(event->stream_id, (enum leg_kind)(event->type->number - EVENT_PAYOUT_LOST),
                losing->deposit_tx, key);
        lost[0] = losing->attempt;
        lost[1] = losing->tick;
        store_put(w->books, &STATE_LEGS, bytes_of(key, sizeof key), bytes_of(lost, sizeof lost));
    } else if (is_leg(event, EVENT_REFUND_SIGNED, EVENT_PAYOUT_SIGNED, EVENT_FEE_SIGNED) &&
               signing->attempt > STUCK_ATTEMPTS) {
        leg_key(event->stream_id, (enum leg_kind)(event->type->number - EVENT_PAYOUT_SIGNED),
                signing->deposit_tx, key);
        assert_true(
            store_get_row(w->books, &STATE_LEGS, bytes_of(key, sizeof key), lost, sizeof lost));
        assert_int_equal(lost[0] + 1, signing->attempt);
        assert_true(signing->tick > leg_backoff_tick(lost[0], lost[1]));
        w->spaced++;
    }
}

/* Nothing is signed for an escrow whose key is not there. */
static void check_signer(struct virtual_world *w, const struct event *event)
{
    struct views_snapshot *snapshot;
    struct escrow_row escrow;
    if (w->hidden_key == 0 ||
        !is_leg(event, EVENT_REFUND_SIGNED, EVENT_PAYOUT_SIGNED, EVENT_FEE_SIGNED)) {
        return;
    }
    assert_int_equal(views_snapshot_open(ledger_views(w->ledger), &snapshot, NULL), ERR_OK);
    assert_true(state_escrow(views_snapshot_store(snapshot), event->stream_id, &escrow));
    views_snapshot_close(snapshot);
    assert_int_not_equal(escrow.key_id, w->hidden_key);
    w->hidden_signed++;
}

static void check_event(struct virtual_world *w, uint64_t sequence, const struct event *event)
{
    struct posting postings[POSTINGS_MAX];
    size_t count = postings_of(event, postings);
    int64_t sum = 0;
    struct sha256 *hash = sha256_create();
    uint8_t head[16];
    assert_non_null(hash);
    put_be64(head, sequence);
    put_be64(head + 8, event->type->number);
    sha256_update(hash, bytes_of(w->digest.b, sizeof w->digest.b));
    sha256_update(hash, bytes_of(head, sizeof head));
    for (size_t i = 0; i < count; i++) {
        int64_t balance = state_balance(w->books, postings[i].account);
        assert_false(__builtin_add_overflow(balance, postings[i].amount, &balance));
        if (balance < 0 && !account_may_be_negative(postings[i].account)) {
            fail_msg("sequence %llu, %s: an account went to %lld", (unsigned long long)sequence,
                     event->type->name, (long long)balance);
        }
        store_put(w->books, &STATE_BALANCES, bytes_of(postings[i].account, ACCOUNT_KEY_SIZE),
                  bytes_of(&balance, sizeof balance));
        sum += postings[i].amount;
        put_be64(head, (uint64_t)postings[i].amount);
        sha256_update(hash, bytes_of(head, 8));
    }
    w->digest = sha256_final(hash);
    sha256_destroy(hash);
    if (sum != 0) {
        fail_msg("sequence %llu, %s: moves %lld out of nothing", (unsigned long long)sequence,
                 event->type->name, (long long)sum);
    }
    check_signer(w, event);
    check_pause(w, event);
    assert_true(event->type->number < sizeof w->events / sizeof *w->events);
    w->events[event->type->number]++;
}

static void check_events(struct virtual_world *w)
{
    struct log_reader *reader;
    struct arena arena;
    struct err err = {0};
    arena_init(&arena, 1 << 20);
    assert_int_equal(log_reader_open(ledger_log(w->ledger), &reader, &err), ERR_OK);
    while (w->seen < log_reader_size(reader)) {
        struct bytes record;
        struct event event;
        arena_clear(&arena);
        if (log_reader_record(reader, ++w->seen, &record, &err) != ERR_OK ||
            record_decode(record, &arena, &event, &err) != ERR_OK) {
            fail_msg("sequence %llu: %s", (unsigned long long)w->seen, err.message);
            break; /* not reached, which cmocka does not declare */
        }
        check_event(w, w->seen, &event);
    }
    log_reader_close(reader);
    arena_deinit(&arena);
}

struct key32 virtual_digest(const struct virtual_world *w)
{
    return w->digest;
}

/* ── commands ──────────────────────────────────────────────────────────────────────────────────── */

struct command virtual_command(struct virtual_world *w, enum command_type type,
                               enum actor_kind actor, struct id16 actor_id)
{
    return (struct command){
        .type = type, .actor_kind = actor, .actor_id = actor_id, .command_id = virtual_id(w)};
}

enum err_code virtual_submit(struct virtual_world *w, const struct command *command,
                             struct err *err)
{
    struct ledger_answer answer = ledger_submit_wait(w->ledger, command, CLASS_SETTLEMENT);
    check_events(w);
    if (answer.code != ERR_OK && err != NULL) {
        *err = answer.err;
    }
    return answer.code;
}

void virtual_must(struct virtual_world *w, const struct command *command)
{
    struct err err = {0};
    if (virtual_submit(w, command, &err) != ERR_OK) {
        fail_msg("command %d: %s", (int)command->type, err.message);
    }
}

/* ── opening and closing ───────────────────────────────────────────────────────────────────────── */

static void open_ledger_as(struct virtual_world *w, bool no_writer)
{
    struct ledger_options options = {.data_dir = w->folder,
                                     .checkpoint_key = &w->key,
                                     .checkpoint_copy = w->checkpoint,
                                     .map_size = UINT64_C(1) << 30,
                                     .no_writer = no_writer,
                                     .wall_ns = virtual_wall_ns};
    struct err err = {0};
    if (ledger_open(&options, &w->ledger, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

static void open_ledger(struct virtual_world *w)
{
    open_ledger_as(w, false);
}

static void write_seed(struct virtual_world *w)
{
    assert_true(w->seeds < OPERATOR_KEYS_MAX);
    struct operator_key *key = &w->operator_keys[w->seeds++];
    *key = (struct operator_key){
        .network = NETWORK_LOCAL, .log_id = w->operator_keys[0].log_id, .key_id = w->seeds};
    memset(key->seed, 'o', sizeof key->seed);
    key->seed[0] = (char)('a' + w->seeds % 26);
    key->seed[1] = (char)('a' + w->seeds / 26);
}

static void add_key(struct virtual_world *w)
{
    struct command c = virtual_command(w, COMMAND_KEY_ADD, ACTOR_OPERATOR, (struct id16){0});
    const struct operator_key *key = &w->operator_keys[w->key_id];
    assert_true(w->key_id < w->seeds);
    c.u.key = (struct ev_settlement_key_added){.key_id = key->key_id,
                                               .check_identity = operator_check_identity(key)};
    virtual_must(w, &c);
    w->key_id++;
}

static void first_commands(struct virtual_world *w)
{
    struct arena arena;
    struct id16 nobody = {0};
    struct command c = virtual_command(w, COMMAND_LEDGER_OPEN, ACTOR_OPERATOR, nobody);
    arena_init(&arena, 1 << 16);
    c.u.open = (struct ev_ledger_opened){.log_id = w->operator_keys[0].log_id,
                                         .generation = 1,
                                         .network = NETWORK_LOCAL,
                                         .record_format = RECORD_FORMAT,
                                         .checkpoint_key = w->key.public_key,
                                         .settlement_key_id = 1,
                                         .name = bytes_of_text("tally.test")};
    virtual_must(w, &c);
    c = virtual_command(w, COMMAND_TERMS_SET, ACTOR_OPERATOR, nobody);
    assert_int_equal(terms_default(NETWORK_LOCAL, &arena, &c.u.terms, NULL), ERR_OK);
    c.u.terms.fee_bps = 250;
    c.u.terms.fee_identity = w->fee_identity;
    c.u.terms.queue_max_s = 300;
    virtual_must(w, &c);
    add_key(w);
    c = virtual_command(w, COMMAND_LEDGER_START, ACTOR_LEDGER, nobody);
    c.u.start.software = bytes_of_text("test");
    virtual_must(w, &c);
    arena_deinit(&arena);
}

static void make_folder(char ret[64])
{
    /* Thousands of commands, each waited for: what a disk costs is not what is tested here. */
    (void)snprintf(ret, 64, "/dev/shm/tally-test-XXXXXX");
    if (mkdtemp(ret) == NULL) {
        (void)temp_folder_create(ret);
    }
}

struct fault_plan virtual_faults(uint64_t seed)
{
    static const struct {
        enum fault_setting setting;
        uint32_t number;
    } SETTINGS[] = {{FAULT_EMPTY_TICK, 60},   {FAULT_SKIPPED_TICK, 60}, {FAULT_EPOCH_PAUSE, 12},
                    {FAULT_ARCHIVE_LAG, 200}, {FAULT_NO_MONEY, 60},     {FAULT_ZERO_BALANCE, 60},
                    {FAULT_DUPLICATE, 100},   {FAULT_TOO_SOON, 60},     {FAULT_NOT_FOUND, 60},
                    {FAULT_BUSY, 20},         {FAULT_SERVER_ERROR, 20}, {FAULT_NOT_JSON, 20},
                    {FAULT_SLOW, 30},         {FAULT_CUT, 20},          {FAULT_SLOW_MS, 3000},
                    {FAULT_PAUSE_TICKS, 10}};
    struct fault_plan ret = fault_plan_none();
    ret.seed = seed;
    for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++) {
        ret.settings[SETTINGS[i].setting] = SETTINGS[i].number;
    }
    return ret;
}

void virtual_open(struct virtual_world *w, const struct virtual_options *options)
{
    struct chain_options chain = {
        .start_tick = VIRTUAL_FIRST_TICK, .epoch = 100, .min_offset = 3, .tick_seconds = 1};
    struct err err = {0};
    uint8_t key_seed[32];
    *w = (struct virtual_world){.random = options->seed,
                                .anchor = options->anchor,
                                .honest = options->honest,
                                .second = options->second,
                                .latency_ms = options->latency_ms,
                                .requests_per_s = options->requests_per_s,
                                .crash_permille = options->crash_permille};
    w->lies.seed = virtual_random(w);
    world = w;
    atomic_store(&now_ns, BEGIN);
    make_folder(w->folder);
    (void)snprintf(w->checkpoint, sizeof w->checkpoint, "%s.checkpoint", w->folder);
    (void)snprintf(w->cursor, sizeof w->cursor, "%s.cursor", w->folder);
    memset(key_seed, 7, sizeof key_seed);
    note_key_from_seed(key_seed, &w->key);
    w->operator_keys[0].log_id = virtual_id(w);
    write_seed(w);
    w->fee_identity = virtual_key(w);
    w->books = memory_store_create();
    if (network_create(&chain, &options->faults, &w->network, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    open_ledger(w);
    first_commands(w);
}

/* ── time that passes while settlement works ───────────────────────────────────────────────────── */

void virtual_live_on(int64_t ns)
{
    int64_t const until = atomic_load(&now_ns) + ns;
    while (atomic_load(&now_ns) < until) {
        int64_t const now = atomic_load(&now_ns);
        int64_t const next = (now / SECOND + 1) * SECOND;
        atomic_store(&now_ns, next < until ? next : until);
        if (next <= until) {
            bool ticked = false;
            assert_int_equal(network_tick(world->network, next / NS_PER_MS, &ticked, NULL), ERR_OK);
        }
    }
}

/* ── settlement ────────────────────────────────────────────────────────────────────────────────── */

static void load_keys(const struct virtual_world *w, struct settlement *s)
{
    for (size_t i = 0; i < w->seeds; i++) {
        struct operator_key key = w->operator_keys[i];
        if (key.key_id == w->hidden_key) {
            if (!w->hidden_is_wrong) {
                continue;
            }
            key.seed[10] = 'x';
        }
        s->keys[s->key_count++] = key;
    }
}

static void begin_settlement(struct virtual_world *w)
{
    struct settlement *s = calloc(1, sizeof *s);
    struct qubic_io io;
    struct err err = {0};
    assert_non_null(s);
    s->options = (struct settlement_options){.ledger = w->ledger,
                                             .anchor = w->anchor,
                                             .mono_ns = virtual_wall_ns,
                                             .wall_ns = virtual_wall_ns};
    load_keys(w, s);
    if (settlement_check_keys(s, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(s->newest_key_id, w->key_id);
    (void)snprintf(s->cursor_path, sizeof s->cursor_path, "%s", w->cursor);
    assert_int_equal(uv_loop_init(&s->loop), 0);
    assert_int_equal(pthread_mutex_init(&s->mutex, NULL), 0);
    struct qubic_client_options client = {.live_url = "http://virtual/live/v1",
                                          .query_url = "http://virtual/query/v1",
                                          .timeout_ms = TIMEOUT_MS,
                                          .attempts_max = 1 + (uint32_t)virtual_below(w, 3),
                                          .requests_per_s = w->requests_per_s,
                                          .jitter_seed = virtual_random(w) | 1};
    const struct virtual_http_options http = {.loop = &s->loop,
                                              .now_ns = virtual_wall_ns,
                                              .pass = w->latency_ms != 0 ? virtual_live_on : NULL,
                                              .latency_ms = w->latency_ms};
    virtual_http_create(&http, &io);
    if (qubic_client_create_on(&io, &client, &s->client, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    if (w->second) {
        client.live_url = "http://virtual" SECOND_PATH "/live/v1";
        virtual_http_create(&http, &io);
        if (qubic_client_create_on(&io, &client, &s->second, &err) != ERR_OK) {
            fail_msg("%s", err.message);
        }
    }
    w->settlement = s;
    w->prepared = false;
}

static void end_settlement(struct virtual_world *w)
{
    struct settlement *s = w->settlement;
    if (s == NULL) {
        return;
    }
    qubic_client_destroy(s->second);
    qubic_client_destroy(s->client);
    while (uv_run(&s->loop, UV_RUN_DEFAULT) != 0) {
    }
    assert_int_equal(uv_loop_close(&s->loop), 0);
    (void)pthread_mutex_destroy(&s->mutex);
    free(s);
    w->settlement = NULL;
}

static void close_ledger(struct virtual_world *w)
{
    ledger_close(w->ledger);
    w->ledger = NULL;
}

/* The server's next start: after the command, after the death of it, or in a folder that was put back. */
static void start_again(struct virtual_world *w)
{
    struct command c = virtual_command(w, COMMAND_LEDGER_START, ACTOR_LEDGER, (struct id16){0});
    c.u.start.software = bytes_of_text("again");
    close_ledger(w);
    open_ledger(w);
    virtual_must(w, &c);
}

/* What the next one finds: mostly all as it was; now and then no cursor, or a ledger that ended, too. */
static void after_crash(struct virtual_world *w)
{
    end_settlement(w);
    w->crashed = false;
    if (virtual_chance(w, 200)) {
        (void)unlink(w->cursor);
    }
    if (virtual_chance(w, 20)) {
        start_again(w);
        w->reopened++;
    }
}

static void in_folders(struct virtual_world *w, const char *script)
{
    char command[256];
    (void)snprintf(command, sizeof command, "a='%s'; %s", w->folder, script);
    assert_int_equal(system(command), 0); /* NOLINT: a fixed text and our own name */
}

void virtual_back_up(struct virtual_world *w)
{
    end_settlement(w);
    close_ledger(w);
    in_folders(w, "cp -r $a $a.old");
    start_again(w);
}

static uint64_t newest_key_id(struct virtual_world *w)
{
    struct views_snapshot *snapshot;
    struct ledger_row ledger;
    assert_int_equal(views_snapshot_open(ledger_views(w->ledger), &snapshot, NULL), ERR_OK);
    assert_true(state_ledger(views_snapshot_store(snapshot), &ledger));
    views_snapshot_close(snapshot);
    return ledger.settlement_key_id;
}

void virtual_put_back(struct virtual_world *w)
{
    struct restore_report report;
    struct err err = {0};
    end_settlement(w);
    close_ledger(w);
    in_folders(w, "rm -r $a && mv $a.old $a");
    open_ledger_as(w, true);
    if (restore_run(w->ledger, &report, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    in_folders(w, "rm $a.checkpoint.generation-1");
    close_ledger(w);
    memory_store_destroy(w->books); /* of the history that is no more */
    w->books = memory_store_create();
    w->seen = 0;
    memset(w->events, 0, sizeof w->events);
    w->hidden_key = 0; /* all seeds are there; a key that was added since is not in the log */
    start_again(w);
    w->key_id = newest_key_id(w);
}

enum err_code virtual_resume_with(struct virtual_world *w, uint64_t unread_max)
{
    struct command c =
        virtual_command(w, COMMAND_SETTLEMENT_RESUME, ACTOR_OPERATOR, (struct id16){0});
    c.u.resume = (struct command_resume){.generation = 2, .unread_max = unread_max};
    return virtual_submit(w, &c, NULL);
}

void virtual_resume(struct virtual_world *w)
{
    if (w->settlement == NULL || !w->settlement->status.reread) {
        return;
    }
    assert_int_equal(virtual_resume_with(w, 0), ERR_OK);
    w->settlement->status.reread = false; /* it hears of it in its next round */
}

void virtual_round(struct virtual_world *w)
{
    struct err err = {0};
    if (w->settlement == NULL) {
        begin_settlement(w);
    }
    w->rounds++;
    if (!w->prepared) {
        w->prepared = settlement_prepare(w->settlement, &err) == ERR_OK && !w->crashed;
    } else {
        enum err_code code = settlement_round(w->settlement, &err);
        w->hidden_waits += strstr(err.message, "waits for settlement key") != NULL ? 1 : 0;
        w->troubles += code != ERR_OK ? 1 : 0; /* told, and tried again in the next round */
        if (!w->crashed) {
            cursor_save(w->settlement, false);
        }
    }
    if (w->crashed) {
        after_crash(w);
    }
}

void virtual_pass(int64_t ns)
{
    atomic_fetch_add(&now_ns, ns);
}

/* ── keys ──────────────────────────────────────────────────────────────────────────────────────── */

bool virtual_rotate(struct virtual_world *w)
{
    end_settlement(w);
    if (w->seeds == w->key_id) {
        write_seed(w);
    }
    if (virtual_chance(w, 300)) {
        w->rotations_cut[0]++;
        start_again(w);
        return false;
    }
    add_key(w);
    if (virtual_chance(w, 300)) {
        w->rotations_cut[1]++;
        start_again(w);
    }
    return true;
}

void virtual_hide_key(struct virtual_world *w, uint64_t key_id, bool wrong)
{
    end_settlement(w);
    w->hidden_key = key_id;
    w->hidden_is_wrong = wrong;
}

void virtual_tick(struct virtual_world *w)
{
    bool ticked = false;
    struct err err = {0};
    atomic_fetch_add(&now_ns, SECOND);
    if (network_tick(w->network, atomic_load(&now_ns) / NS_PER_MS, &ticked, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

uint32_t virtual_now_tick(const struct virtual_world *w)
{
    return chain_current_tick(network_chain(w->network));
}

void virtual_close(struct virtual_world *w)
{
    end_settlement(w);
    close_ledger(w);
    network_destroy(w->network);
    memory_store_destroy(w->books);
    (void)unlink(w->checkpoint);
    (void)unlink(w->cursor);
    temp_folder_remove(w->folder);
    world = NULL;
}
