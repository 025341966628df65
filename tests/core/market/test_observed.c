/* What finished jobs teach: through the whole ledger, from quote to end. */
// SPDX-License-Identifier: Apache-2.0
#include "core/event/codec.h"
#include "core/market/estimate.h"
#include "core/market/evolve.h"
#include "core/market/observed.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/market_driver.h"
#include "tests/support/memory_store.h"

#include <stdio.h>
#include <string.h>

struct scene {
    struct market market;
    struct store *store;
    struct id16 consumer;
    struct id16 provider;
    struct id16 host;
    struct id16 offer;
    bool other_work; /* jobs are started with other settings than their quotes are for */
};

static struct id16 publish_gpus(struct scene *s, const char *model, uint64_t gpus)
{
    struct command command = market_command(&s->market, COMMAND_OFFER_PUBLISH, ACTOR_HOST, s->host);
    struct id16 id = market_new_id(&s->market);
    command.u.offer.offer_id = id;
    command.u.offer.offer = (struct ev_offer_published){.host_id = s->host,
                                                        .device = DEVICE_GPU,
                                                        .model = bytes_of_text(model),
                                                        .gpus = gpus,
                                                        .vram_mib = 24564,
                                                        .ram_mib = 65536,
                                                        .storage_mib = 1 << 20,
                                                        .compute_capability = 89,
                                                        .cpu_cores = 8,
                                                        .speed_permille = 1000,
                                                        .rate = 3600000};
    assert_int_equal(market_submit(&s->market, &command), ERR_OK);
    return id;
}

static struct id16 publish_gpu(struct scene *s, const char *model)
{
    return publish_gpus(s, model, 1);
}

static void open_scene(struct scene *s, uint64_t seed)
{
    memset(s, 0, sizeof *s);
    s->store = memory_store_create();
    assert_non_null(s->store);
    market_open(&s->market, seed, s->store, 0);
    s->consumer = market_sign_in(&s->market, market_new_key(&s->market));
    s->provider = market_sign_in(&s->market, market_new_key(&s->market));
    s->host = market_enrol(&s->market, s->provider);
    assert_int_equal(market_host_online(&s->market, s->host), ERR_OK);
    s->offer = publish_gpu(s, "NVIDIA GeForce RTX 4090");
}

static void close_scene(struct scene *s)
{
    market_close(&s->market);
    memory_store_destroy(s->store);
}

/* MNIST, 5 epochs, as the server would record it: 180 s on the reference. `task` "": of no benchmark's kind. */
static struct id16 upload(struct scene *s, struct id16 account, const char *task)
{
    struct command command =
        market_command(&s->market, COMMAND_UPLOAD_RECEIVE, ACTOR_ACCOUNT, account);
    struct id16 id = market_new_id(&s->market);
    command.u.upload = (struct command_upload){
        .upload_id = id,
        .upload = {.size = 10, .file_name = bytes_of_text("mnist.py")},
        .analysed = true,
        .analysis = {.kind = UPLOAD_PYTHON,
                     .job_type = JOB_TYPE_MNIST,
                     .framework = FRAMEWORK_PYTORCH,
                     .device = DEVICE_GPU,
                     .gpus = 1,
                     .vram_mib = 2048,
                     .ram_mib = 1024,
                     .storage_mib = 1024,
                     .reference_p50_ms = 180000,
                     .reference_p90_ms = 270000},
        .workload = {.task = bytes_of_text(task), .work_micro = WORKLOAD_ONE},
    };
    assert_int_equal(market_submit(&s->market, &command), ERR_OK);
    return id;
}

static struct quote_row quote_of(struct scene *s, struct id16 account, const char *task,
                                 struct id16 *ret_id)
{
    struct quote_row quote;
    *ret_id = market_quote(&s->market, account, upload(s, account, task), s->offer);
    assert_true(state_quote(s->store, *ret_id, &quote));
    return quote;
}

/* A job bought, run for `used_ms` and ended. */
static void run_job(struct scene *s, struct id16 account, const char *task, uint64_t used_ms,
                    enum ending ending)
{
    struct id16 quote_id;
    (void)quote_of(s, account, task, &quote_id);
    s->market.other_work = s->other_work;
    struct id16 job = market_create_job(&s->market, account, quote_id);
    assert_false(id_is_zero(job));
    struct command lock = market_lock_of(&s->market, job);
    assert_int_equal(market_submit(&s->market, &lock), ERR_OK);
    for (uint64_t i = 0; i < s->market.terms.confirmations; i++) {
        assert_int_equal(market_confirm(&s->market, job), ERR_OK);
    }
    assert_int_equal(market_claim(&s->market, s->host), ERR_OK);
    assert_int_equal(market_start(&s->market, s->host, job), ERR_OK);
    for (uint64_t told = 0; told < used_ms;) {
        uint64_t step = used_ms - told < 5000 ? used_ms - told : 5000;
        told += step;
        s->market.now += (int64_t)step * 1000000;
        assert_int_equal(market_progress(&s->market, s->host, job, 500, told), ERR_OK);
    }
    enum end_reason reason =
        ending == ENDING_COMPLETED ? REASON_EXITED_ZERO : REASON_EXITED_NONZERO;
    assert_int_equal(market_end(&s->market, s->host, job, ending, reason, used_ms), ERR_OK);
}

/* R16.3: the same log teaches the same. */
static void assert_replays(struct scene *s)
{
    char where[200];
    struct store *again = memory_store_create();
    struct arena arena;
    struct event event;
    assert_non_null(again);
    arena_init(&arena, 1 << 20);
    for (uint64_t sequence = 1; sequence <= s->market.sequence; sequence++) {
        arena_clear(&arena);
        assert_int_equal(record_decode(market_record(&s->market, sequence), &arena, &event, NULL),
                         ERR_OK);
        market_evolve(again, sequence, &event);
    }
    if (!memory_store_equal(s->store, again, where, sizeof where)) {
        fail_msg("replayed otherwise: %s", where);
    }
    arena_deinit(&arena);
    memory_store_destroy(again);
}

/* R12.1: after jobs that take twice (or half) as long, the next estimate moves there, each one nearer, and its range with it. */
static void finished_jobs_move_the_next_estimate(void **state)
{
    (void)state;
    static const uint64_t USED[] = {240000, 60000};
    for (size_t k = 0; k < 2; k++) {
        struct scene s;
        struct id16 id;
        open_scene(&s, 7 + k);
        struct quote_row before = quote_of(&s, s.consumer, "mnist_5ep", &id);
        assert_int_equal(before.p50_ms, 120000);
        assert_int_equal(before.p90_ms, 180000);
        uint64_t last = before.p50_ms;
        for (int i = 0; i < 20; i++) {
            /* the cap allows no more than the p90 and its margin: 225 s at first */
            struct quote_row now = quote_of(&s, s.consumer, "mnist_5ep", &id);
            uint64_t used = USED[k] < now.limit_ms ? USED[k] : now.limit_ms - 1000;
            run_job(&s, s.consumer, "mnist_5ep", used, ENDING_COMPLETED);
            struct quote_row next = quote_of(&s, s.consumer, "mnist_5ep", &id);
            assert_int_equal(next.untaught_ms, 120000);
            assert_true(k == 0 ? next.p50_ms >= last : next.p50_ms <= last);
            assert_true(next.p90_ms >= next.p50_ms);
            last = next.p50_ms;
        }
        assert_replays(&s);
        assert_true(k == 0 ? last > 210000 && last <= 241000 : last < 70000 && last >= 59000);
        close_scene(&s);
    }
}

/* Not from failures, not from oneself, not for programs that no benchmark is like; and another GPU learns half as much at most. */
static void only_what_the_program_took_teaches(void **state)
{
    (void)state;
    struct scene s;
    struct id16 id;
    open_scene(&s, 11);
    run_job(&s, s.consumer, "mnist_5ep", 20000, ENDING_PROGRAM_FAILED);
    run_job(&s, s.provider, "mnist_5ep", 20000, ENDING_COMPLETED);
    run_job(&s, s.consumer, "", 20000, ENDING_COMPLETED);
    assert_int_equal(memory_store_rows(s.store, &STATE_OBSERVED), 0);
    assert_int_equal(quote_of(&s, s.consumer, "mnist_5ep", &id).p50_ms, 120000);
    for (int i = 0; i < 8; i++) {
        run_job(&s, s.consumer, "mnist_5ep", 60000, ENDING_COMPLETED);
    }
    assert_int_equal(memory_store_rows(s.store, &STATE_OBSERVED), 2); /* this GPU, and the type */
    uint64_t own = quote_of(&s, s.consumer, "mnist_5ep", &id).p50_ms;
    s.offer = publish_gpu(&s, "NVIDIA GeForce RTX 3090");
    uint64_t other = quote_of(&s, s.consumer, "mnist_5ep", &id).p50_ms;
    assert_true(own < 70000); /* of 120 */
    assert_true(other > 110000 &&
                other < 130000); /* of 180: the type's median counts eight of twelve */
    close_scene(&s);
}

/* One estimate that is wildly wrong, or a liar among honest ones, moves little; rows are bounded whatever happens. */
static void odd_ones_move_little_and_rows_stay_bounded(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    assert_non_null(store);
    uint64_t seed = 5;
    for (int i = 0; i < 20000; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1;
        uint64_t ratio = (seed >> 33) % 100 < 10 ? UINT64_C(1000000) : 1000 + (seed >> 40) % 100;
        observed_add(store, 1 + (seed >> 20) % JOB_TYPE_CUSTOM,
                     1 + (seed >> 50) % (ESTIMATE_GPU_COUNT - 1), 1000, ratio);
    }
    for (uint64_t type = 1; type <= JOB_TYPE_CUSTOM; type++) {
        for (uint64_t on = 1; on < ESTIMATE_GPU_COUNT; on++) {
            struct observed_shift shift = observed_shift(store, type, on, SCALE_OCTAVE);
            assert_in_range(shift.p50, 0, SCALE_OCTAVE / 3);
            assert_in_range(shift.spread, 0, 3 * SCALE_OCTAVE);
        }
    }
    assert_true(memory_store_rows(store, &STATE_OBSERVED) <= JOB_TYPE_CUSTOM * ESTIMATE_GPU_COUNT);
    observed_add(store, 1, 1, 1, UINT64_MAX); /* clamped, not overflowing */
    observed_add(store, 1, 1, UINT64_MAX, 1);
    (void)observed_shift(store, 1, 1, 0);
    memory_store_destroy(store);
}

/* A match and a quote say the same of an offer, whichever way the times were loaded. */
static void one_offer_and_all_offers_have_the_same_time(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 13);
    for (int i = 0; i < 5; i++) {
        run_job(&s, s.consumer, "mnist_5ep", 77000, ENDING_COMPLETED);
    }
    struct upload_row row;
    assert_true(state_upload(s.store, upload(&s, s.consumer, "mnist_5ep"), &row));
    struct estimate_times all;
    estimate_load(s.store, &row, &all);
    for (uint64_t on = 0; on < ESTIMATE_GPU_COUNT; on++) {
        struct offer_row offer = {.device = DEVICE_GPU, .gpu_model = on, .speed_permille = 700};
        struct estimate_times one;
        estimate_load_one(s.store, &row, &offer, &one);
        struct estimate_time a = estimate_on(&all, &offer);
        struct estimate_time b = estimate_on(&one, &offer);
        assert_true(a.p50_ms == b.p50_ms && a.p90_ms == b.p90_ms && a.basis == b.basis &&
                    a.observed == b.observed);
        assert_true(a.p50_ms > 0 && a.p90_ms >= a.p50_ms);
    }
    close_scene(&s);
}

/* The owner's own time counts as it is said, no benchmark and no job of others moves it, and its end teaches nobody; with other
 * figures overridden the benchmark's time stays, and still the end teaches nobody. */
static void an_overridden_upload_teaches_nobody(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, 17);
    for (int i = 0; i < 2; i++) {
        bool const says_time = i == 1;
        struct id16 upload_id = upload(&s, s.consumer, "mnist_5ep");
        struct command command =
            market_command(&s.market, COMMAND_ANALYSIS_OVERRIDE, ACTOR_ACCOUNT, s.consumer);
        command.u.override =
            (struct command_override){.upload_id = upload_id,
                                      .override = {.job_type = JOB_TYPE_MNIST,
                                                   .device = DEVICE_GPU,
                                                   .gpus = 1,
                                                   .vram_mib = 4096,
                                                   .tflops_milli = 1000,
                                                   .ram_mib = 1024,
                                                   .storage_mib = 1024,
                                                   .reference_p50_ms = says_time ? 20000 : 180000,
                                                   .reference_p90_ms = says_time ? 40000 : 270000}};
        assert_int_equal(market_submit(&s.market, &command), ERR_OK);
        struct upload_row row;
        assert_true(state_upload(s.store, upload_id, &row));
        assert_int_equal(upload_needs(&row)->vram_mib, 4096);
        assert_int_equal(upload_needs(&row)->task == 0, says_time);
        struct quote_row quote;
        struct id16 quote_id = market_quote(&s.market, s.consumer, upload_id, s.offer);
        assert_true(state_quote(s.store, quote_id, &quote));
        assert_true(says_time ? quote.p50_ms < 60000 : quote.p50_ms == 120000);
        assert_int_equal(quote.untaught_ms, 0);
    }
    close_scene(&s);
}

/* What it took on several says nothing of one, and both would be under the same name. */
static void a_job_on_several_gpus_teaches_nothing(void **state)
{
    (void)state;
    struct scene s;
    struct id16 id;
    open_scene(&s, 77);
    uint64_t before = quote_of(&s, s.consumer, "mnist_5ep", &id).p50_ms;
    struct id16 one = s.offer;
    s.offer = publish_gpus(&s, "NVIDIA GeForce RTX 4090", 2);
    assert_int_equal(quote_of(&s, s.consumer, "mnist_5ep", &id).p50_ms, before);
    for (int i = 0; i < 3; i++) {
        run_job(&s, s.consumer, "mnist_5ep", before / 2, ENDING_COMPLETED);
    }
    s.offer = one;
    assert_int_equal(quote_of(&s, s.consumer, "mnist_5ep", &id).p50_ms, before);
    run_job(&s, s.consumer, "mnist_5ep", before / 2, ENDING_COMPLETED);
    assert_true(quote_of(&s, s.consumer, "mnist_5ep", &id).p50_ms < before);
    assert_replays(&s);
    close_scene(&s);
}

/* Its time is that of other settings, so it says nothing of the quote's. */
static void a_job_started_with_other_settings_teaches_nothing(void **state)
{
    (void)state;
    struct scene s;
    struct id16 id;
    open_scene(&s, 81);
    uint64_t before = quote_of(&s, s.consumer, "mnist_5ep", &id).p50_ms;
    s.other_work = true;
    for (int i = 0; i < 3; i++) {
        run_job(&s, s.consumer, "mnist_5ep", before / 2, ENDING_COMPLETED);
    }
    assert_int_equal(memory_store_rows(s.store, &STATE_OBSERVED), 0);
    assert_int_equal(quote_of(&s, s.consumer, "mnist_5ep", &id).p50_ms, before);
    s.other_work = false;
    run_job(&s, s.consumer, "mnist_5ep", before / 2, ENDING_COMPLETED);
    assert_true(quote_of(&s, s.consumer, "mnist_5ep", &id).p50_ms < before);
    assert_replays(&s);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_started_with_other_settings_teaches_nothing),
        cmocka_unit_test(a_job_on_several_gpus_teaches_nothing),
        cmocka_unit_test(finished_jobs_move_the_next_estimate),
        cmocka_unit_test(only_what_the_program_took_teaches),
        cmocka_unit_test(odd_ones_move_little_and_rows_stay_bounded),
        cmocka_unit_test(one_offer_and_all_offers_have_the_same_time),
        cmocka_unit_test(an_overridden_upload_teaches_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
