/* Records of former versions. Method: bytes as the program that knew no newer version wrote them, spelled out here for ever; read,
 * written again, evolved and projected. Proves: R16.3 for a log that is older than its program. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/software.h"
#include "core/base/text.h"
#include "core/event/render.h"
#include "core/market/estimate.h"
#include "core/market/evolve.h"
#include "core/market/stock.h"
#include "projections/marketplace.h"
#include "projections/metrics.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/memory_store.h"

#include <string.h>

struct old_record {
    uint8_t bytes[1024];
    size_t size;
    struct arena arena;
    struct event event;
};

/* Reads it, and sees that it is still spelled as it was. */
static void read_old(const char *hex, uint16_t version, struct old_record *ret)
{
    struct err err = {0};
    struct buf again;
    ret->size = strlen(hex) / 2;
    assert_int_equal(hex_decode(bytes_of_text(hex), ret->bytes, ret->size, &err), ERR_OK);
    arena_init(&ret->arena, 1 << 16);
    if (record_decode(bytes_of(ret->bytes, ret->size), &ret->arena, &ret->event, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(ret->event.type->version, version);
    buf_init(&again, RECORD_SIZE_MAX);
    assert_int_equal(record_encode(&ret->event, &again, &err), ERR_OK);
    assert_true(bytes_equal(buf_bytes(&again), bytes_of(ret->bytes, ret->size)));
    buf_deinit(&again);
}

static void no_name(struct key32 key, char ret_text[QUBIC_TEXT_SIZE])
{
    (void)key;
    ret_text[0] = '\0';
}

static void assert_shown(const struct event *event, const char *said, const char *not_said)
{
    const struct render_names names = {.identity = no_name, .transaction = no_name};
    struct buf text;
    buf_init(&text, 1 << 16);
    event_render(&text, event, 1, "test/0/1", &names);
    assert_non_null(strstr(buf_text(&text), said));
    assert_null(strstr(buf_text(&text), not_said));
    buf_deinit(&text);
}

/* Two samples: one of a GPU, one that says only the CPU. */
static const char METRIC_SAMPLED_V1[] =
    "0100003000010803187afca7a364ca0000000000000000006666666666666666"
    "6666666666666666222222222222222222222222222222223434343434343434"
    "3434343434343434000000000000000000000000000000000000000000000000"
    "00000000000000008201c4102222222222222222222222222222222202928901"
    "cd07d002cd03e303cd080004cdfa0005cd03ca06cd2af807cd5ff4084709ce00"
    "04c2c08201cd0fa0020c";

static void samples_of_version_1_say_nothing_of_clocks_and_fans(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct old_record old;
    struct metric_sample got[4];
    struct ev_sample newer = {.at_ms = 6000,
                              .fan_percent = 0,
                              .sm_clock_mhz = 2520,
                              .throttle_reasons = 0x44,
                              .known = SAMPLE_FAN | SAMPLE_SM_CLOCK | SAMPLE_THROTTLE};
    struct event event = {.type = event_type_newest(EVENT_METRIC_SAMPLED)};
    uint64_t first;
    read_old(METRIC_SAMPLED_V1, 1, &old);
    assert_int_equal(old.event.u.metric_sampled.samples.count, 2);
    assert_shown(&old.event, "\"typeversion\":1", "known");

    /* Of one job, an old record and then a new one. */
    event.stream_id = old.event.stream_id;
    event.u.metric_sampled.samples = (struct event_list){&newer, 1};
    assert_shown(&event, "\"known\":11", "\"typeversion\":1");
    PROJECTION_METRICS.apply(store, 1, &old.event);
    PROJECTION_METRICS.apply(store, 2, &event);
    assert_int_equal(metrics_newest(store, event.stream_id, got, 4, &first), 3);
    assert_int_equal(got[0].at_ms, 2000);
    assert_int_equal(got[0].power_mw, 312000);
    assert_int_equal(got[0].known, 0);
    assert_int_equal(got[1].cpu_permille, 12);
    assert_int_equal(got[1].known, 0);
    assert_int_equal(got[2].sm_clock_mhz, 2520);
    assert_int_equal(got[2].throttle_reasons, 0x44);
    assert_int_equal(got[2].known, SAMPLE_FAN | SAMPLE_SM_CLOCK | SAMPLE_THROTTLE);
    assert_int_equal(store_check(store, NULL), ERR_OK);
    arena_deinit(&old.arena);
    memory_store_destroy(store);
}

/* The views do not depend on the version that a fact was written in. */
static void the_same_samples_in_either_version_give_the_same_rows(void **state)
{
    (void)state;
    struct store *as_it_was = memory_store_create();
    struct store *as_it_is = memory_store_create();
    struct old_record old;
    char where[200];
    read_old(METRIC_SAMPLED_V1, 1, &old);
    PROJECTION_METRICS.apply(as_it_was, 1, &old.event);
    old.event.type = event_type_newest(EVENT_METRIC_SAMPLED);
    PROJECTION_METRICS.apply(as_it_is, 1, &old.event);
    assert_true(memory_store_equal(as_it_was, as_it_is, where, sizeof where));
    arena_deinit(&old.arena);
    memory_store_destroy(as_it_was);
    memory_store_destroy(as_it_is);
}

/* A GPU of before drivers were told: model, gpus, memory … rate. */
static const char OFFER_PUBLISHED_V1[] =
    "0100002300010502187afca767ca000000000000000000004444444444444444"
    "4444444444444444555555555555555555555555555555553333333333333333"
    "3333333333333333000000000000000000000000000000000000000000000000"
    "00000000000000008d01c4105555555555555555555555555555555502c41022"
    "222222222222222222222222222222030104b74e5649444941204765466f7263"
    "65205254582034303930050106cd5ff407ce000142a808cdfa0009ce0007a120"
    "0a590b100ccd03e80dce0036ee80";

static void an_offer_of_version_1_does_not_say_its_driver(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct old_record old;
    struct market_entry got;
    struct offer_row row;
    read_old(OFFER_PUBLISHED_V1, 1, &old);
    assert_shown(&old.event, "\"typeversion\":1", "driver");
    market_evolve(store, 1, &old.event);
    PROJECTION_MARKETPLACE.apply(store, 1, &old.event);
    assert_true(marketplace_get(store, old.event.stream_id, &got));
    assert_int_equal(got.offer.vram_mib, 24564);
    assert_int_equal(got.offer.rate, 3600000);
    assert_int_equal(got.offer.driver, 0);

    /* The same in today's version, which tells it. */
    old.event.type = event_type_newest(EVENT_OFFER_PUBLISHED);
    old.event.stream_id.b[15] ^= 1;
    old.event.u.offer_published.driver = bytes_of_text("535.183.01");
    market_evolve(store, 2, &old.event);
    PROJECTION_MARKETPLACE.apply(store, 2, &old.event);
    assert_true(state_offer(store, old.event.stream_id, &row));
    assert_int_equal(row.driver, 535183001);
    assert_true(marketplace_get(store, old.event.stream_id, &got));
    assert_int_equal(got.offer.driver, 535183001);
    assert_int_equal(store_check(store, NULL), ERR_OK);
    arena_deinit(&old.arena);
    memory_store_destroy(store);
}

static const char ANALYSIS_COMPLETED_V1[] =
    "0100001600010302187afca78597650000000000000000007777777777777777"
    "7777777777777777555555555555555555555555555555553535353535353535"
    "3535353535353535000000000000000000000000000000000000000000000000"
    "00000000000000008e010302010301040205cd03a20601070108cd080009cd13"
    "880acd20000bcd28000c320dce0001d4c00ece0003a980";

static const char ANALYSIS_OVERRIDDEN_V1[] =
    "0100001700010302187afca78b8d460000000000000000007777777777777777"
    "7777777777777777555555555555555555555555555555553636363636363636"
    "3636363636363636000000000000000000000000000000000000000000000000"
    "00000000000000008a01010201030204cd100005cd138806cd200007cd280008"
    "4609cdea600ace00015f90";

static void an_analysis_of_version_1_asks_for_no_driver(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct event received = {.type = event_type_newest(EVENT_UPLOAD_RECEIVED)};
    struct old_record analysed;
    struct old_record overridden;
    struct upload_row row;
    read_old(ANALYSIS_COMPLETED_V1, 1, &analysed);
    read_old(ANALYSIS_OVERRIDDEN_V1, 1, &overridden);
    received.stream_id = analysed.event.stream_id;
    market_evolve(store, 1, &received);
    market_evolve(store, 2, &analysed.event);
    assert_true(state_upload(store, received.stream_id, &row));
    assert_int_equal(upload_needs(&row)->compute_capability, 50);
    assert_int_equal(upload_needs(&row)->driver, 0);
    market_evolve(store, 3, &overridden.event);
    assert_true(state_upload(store, received.stream_id, &row));
    assert_int_equal(upload_needs(&row)->gpus, 2);
    assert_int_equal(upload_needs(&row)->driver, 0);

    overridden.event.type = event_type_newest(EVENT_ANALYSIS_OVERRIDDEN);
    overridden.event.u.analysis_overridden.driver = 525060013;
    market_evolve(store, 4, &overridden.event);
    assert_true(state_upload(store, received.stream_id, &row));
    assert_int_equal(upload_needs(&row)->driver, 525060013);
    assert_int_equal(row.needs.driver, 0);
    assert_int_equal(store_check(store, NULL), ERR_OK);
    arena_deinit(&analysed.arena);
    arena_deinit(&overridden.arena);
    memory_store_destroy(store);
}

static const char QUOTE_ISSUED_V1[] =
    "0100002900010702187afca7deff940000000000000000008888888888888888"
    "8888888888888888555555555555555555555555555555553737373737373737"
    "3737373737373737000000000000000000000000000000000000000000000000"
    "00000000000000008d01c4105555555555555555555555555555555502c41077"
    "77777777777777777777777777777703c4104444444444444444444444444444"
    "444404c4105656565656565656565656565656565605c4102222222222222222"
    "222222222222222206ce0036ee8007ce0001d4c008ce0002bf2009cd09c40bce"
    "00036ee80cce00036ee80d030ecf187afd3391c90400";

static void a_quote_of_version_1_is_for_the_upload_as_it_was_sized(void **state)
{
    (void)state;
    struct old_record old;
    struct workload workload;
    read_old(QUOTE_ISSUED_V1, 1, &old);
    assert_shown(&old.event, "\"limit_ms\":225000", "work_micro");
    assert_int_equal(old.event.u.quote_issued.cap, 225000);
    assert_false(estimate_workload_quoted(&old.event.u.quote_issued, &workload));
    struct ev_quote_issued newer = old.event.u.quote_issued;
    newer.task = bytes_of_text("mnist_5ep");
    newer.work_micro = 2000000;
    newer.reference_p50_ms = 360000;
    newer.reference_p90_ms = 540000;
    assert_true(estimate_workload_quoted(&newer, &workload));
    assert_int_equal(workload.work_micro, 2000000);
    newer.task = bytes_of_text("a_task_of_a_newer_table");
    assert_false(estimate_workload_quoted(&newer, &workload));
    arena_deinit(&old.arena);
}

static const char JOB_CREATED_V1[] =
    "0100002a00010802187afca9d0ee000000000000000000006666666666666666"
    "6666666666666666555555555555555555555555555555553838383838383838"
    "3838383838383838000000000000000000000000000000000000000000000000"
    "00000000000000008a01c4105555555555555555555555555555555502c41056"
    "56565656565656565656565656565603c4102222222222222222222222222222"
    "222204c4107777777777777777777777777777777705c4104444444444444444"
    "444444444444444406c4108888888888888888888888888888888807c4109999"
    "999999999999999999999999999908ce0036ee8009ce00036ee80ace00036ee8";

/* Before settings were held against the quote, every job counted as doing what was quoted; a log of then teaches what it taught. */
static void a_job_of_version_1_does_what_was_quoted(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct old_record old;
    struct job_row row;
    read_old(JOB_CREATED_V1, 1, &old);
    assert_shown(&old.event, "\"limit_ms\":225000", "other_work");
    assert_false(old.event.u.job_created.other_work);
    store_put(store, &STATE_QUOTES, id_key(&old.event.u.job_created.quote_id),
              bytes_of(&(struct quote_row){.limit_ms = 1}, sizeof(struct quote_row)));
    store_put(store, &STATE_ACCOUNTS, id_key(&old.event.u.job_created.account_id),
              bytes_of(&(struct account_row){.jobs_started = 1}, sizeof(struct account_row)));
    market_evolve(store, 1, &old.event);
    assert_true(state_job(store, old.event.stream_id, &row));
    assert_int_equal(row.other_work, 0);
    old.event.type = event_type_newest(EVENT_JOB_CREATED);
    old.event.u.job_created.other_work = true;
    assert_shown(&old.event, "\"other_work\":true", "\"typeversion\":1");
    market_evolve(store, 2, &old.event);
    assert_true(state_job(store, old.event.stream_id, &row));
    assert_int_equal(row.other_work, 1);
    assert_int_equal(store_check(store, NULL), ERR_OK);
    arena_deinit(&old.arena);
    memory_store_destroy(store);
}

/* R11: an offer, a match and a job of before there were networks: nobody is given one, nobody asks. */
static const char OFFER_PUBLISHED_V2[] =
    "0100002300020502187afca767ca000000000000000000004444444444444444"
    "4444444444444444555555555555555555555555555555553333333333333333"
    "3333333333333333000000000000000000000000000000000000000000000000"
    "00000000000000008e01c4105555555555555555555555555555555502c41022"
    "222222222222222222222222222222030104b74e5649444941204765466f7263"
    "65205254582034303930050106cd5ff407ce000142a808cdfa0009ce0007a120"
    "0a590b100ccd03e80dce0036ee800eaa3533352e3138332e3031";

static const char MATCH_COMPUTED_V1[] =
    "0100002800010602187afca7deff940000000000000000008888888888888888"
    "8888888888888888555555555555555555555555555555553737373737373737"
    "3737373737373737000000000000000000000000000000000000000000000000"
    "00000000000000008701c4105555555555555555555555555555555502c41077"
    "777777777777777777777777777777030904040505060307c420abababababab"
    "abababababababababababababababababababababababababab";

static const char JOB_CREATED_V2[] =
    "0100002a00020802187afca9d0ee000000000000000000006666666666666666"
    "6666666666666666555555555555555555555555555555553838383838383838"
    "3838383838383838000000000000000000000000000000000000000000000000"
    "00000000000000008b01c4105555555555555555555555555555555502c41056"
    "56565656565656565656565656565603c4102222222222222222222222222222"
    "222204c4107777777777777777777777777777777705c4104444444444444444"
    "444444444444444406c4108888888888888888888888888888888807c4109999"
    "999999999999999999999999999908ce0036ee8009ce00036ee80ace00036ee8"
    "0ec3";

static void what_was_said_before_networks_gives_and_asks_for_none(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct old_record offer;
    struct old_record match;
    struct old_record job;
    struct offer_row offer_row;
    struct job_row job_row;
    struct market_entry entry;
    read_old(OFFER_PUBLISHED_V2, 2, &offer);
    assert_shown(&offer.event, "\"driver\":\"535.183.01\"", "network");
    market_evolve(store, 1, &offer.event);
    PROJECTION_MARKETPLACE.apply(store, 1, &offer.event);
    assert_true(state_offer(store, offer.event.stream_id, &offer_row));
    assert_int_equal(offer_row.network, 0);
    offer.event.type = event_type_newest(EVENT_OFFER_PUBLISHED);
    offer.event.stream_id.b[15] ^= 1;
    offer.event.u.offer_published.network_allowed = true;
    market_evolve(store, 2, &offer.event);
    PROJECTION_MARKETPLACE.apply(store, 2, &offer.event);
    assert_true(state_offer(store, offer.event.stream_id, &offer_row));
    assert_int_equal(offer_row.network, 1);
    assert_true(marketplace_get(store, offer.event.stream_id, &entry));
    assert_int_equal(entry.offer.network_allowed, 1);

    read_old(MATCH_COMPUTED_V1, 1, &match);
    assert_shown(&match.event, "\"offer_count\":3", "network");
    assert_false(match.event.u.match_computed.wants_network);

    read_old(JOB_CREATED_V2, 2, &job);
    assert_shown(&job.event, "\"other_work\":true", "network");
    store_put(store, &STATE_QUOTES, id_key(&job.event.u.job_created.quote_id),
              bytes_of(&(struct quote_row){.limit_ms = 1}, sizeof(struct quote_row)));
    store_put(store, &STATE_ACCOUNTS, id_key(&job.event.u.job_created.account_id),
              bytes_of(&(struct account_row){.jobs_started = 1}, sizeof(struct account_row)));
    market_evolve(store, 3, &job.event);
    assert_true(state_job(store, job.event.stream_id, &job_row));
    assert_int_equal(job_row.network, 0);
    job.event.type = event_type_newest(EVENT_JOB_CREATED);
    job.event.u.job_created.wants_network = true;
    market_evolve(store, 4, &job.event);
    assert_true(state_job(store, job.event.stream_id, &job_row));
    assert_int_equal(job_row.network, 1);
    assert_int_equal(store_check(store, NULL), ERR_OK);
    arena_deinit(&offer.arena);
    arena_deinit(&match.arena);
    arena_deinit(&job.arena);
    memory_store_destroy(store);
}

/* R11: of before machines told what they have: nothing is told, nothing is asked for. */
static const char ANALYSIS_COMPLETED_V2[] =
    "0100001600020302187b728641c0800000000000000000007777777777777777"
    "7777777777777777555555555555555555555555555555554141414141414141"
    "4141414141414141000000000000000000000000000000000000000000000000"
    "00000000000000008e010602010302040205cd03840601070108cd200009cd23"
    "280acd40000bcd4e200dcdea600ece0001d4c010ce1f4bc7ad";

static const char ANALYSIS_OVERRIDDEN_V2[] =
    "0100001700020302187b728641c0800000000000000000007777777777777777"
    "7777777777777777555555555555555555555555555555554141414141414141"
    "4141414141414141000000000000000000000000000000000000000000000000"
    "00000000000000008a01020201030104cd232805cd232806cd400007cd4e2009"
    "cdea600ace0001d4c00cce1f4bc7ad";

static const char OFFER_PUBLISHED_V3[] =
    "0100002300030502187b728641c0800000000000000000004444444444444444"
    "4444444444444444555555555555555555555555555555554141414141414141"
    "4141414141414141000000000000000000000000000000000000000000000000"
    "00000000000000008a01c4105555555555555555555555555555555502c41022"
    "222222222222222222222222222222030204a950726f636573736f7208cd4000"
    "09ce000186a00b080ccd03e80dce0036ee800fc3";

static const char MATCH_COMPUTED_V2[] =
    "0100002800020602187b728641c0800000000000000000008888888888888888"
    "8888888888888888555555555555555555555555555555554141414141414141"
    "4141414141414141000000000000000000000000000000000000000000000000"
    "00000000000000008701c4105555555555555555555555555555555502c41077"
    "777777777777777777777777777777030904040505060309c3";

static const char JOB_CREATED_V3[] =
    "0100002a00030802187b728641c0800000000000000000006666666666666666"
    "6666666666666666555555555555555555555555555555554141414141414141"
    "4141414141414141000000000000000000000000000000000000000000000000"
    "00000000000000008b01c4105555555555555555555555555555555502c41056"
    "56565656565656565656565656565603c4102222222222222222222222222222"
    "222204c4107777777777777777777777777777777705c4104444444444444444"
    "444444444444444406c4108989898989898989898989898989898907c4109999"
    "999999999999999999999999999908ce0036ee8009ce00036ee80ace00036ee8"
    "0fc3";

static void what_was_said_before_machines_told_what_they_have_asks_for_none(void **state)
{
    (void)state;
    struct store *store = memory_store_create();
    struct old_record analysis;
    struct old_record override;
    struct old_record offer;
    struct old_record match;
    struct old_record job;
    struct upload_row upload;
    struct offer_row offer_row;
    struct job_row job_row;
    struct id16 const model = stock_item(STOCK_MODEL, bytes_of_text("stabilityai/sd-turbo"));
    read_old(ANALYSIS_COMPLETED_V2, 2, &analysis);
    assert_shown(&analysis.event, "\"driver\":525060013", "packages");
    market_evolve(store, 1, &analysis.event);
    assert_true(state_upload(store, analysis.event.stream_id, &upload));
    assert_int_equal(upload.needs.packages, 0);
    assert_int_equal(upload.needs.item_kind, 0);
    analysis.event.type = event_type_newest(EVENT_ANALYSIS_COMPLETED);
    analysis.event.u.analysis_completed.packages = bytes_of_text("torch diffusers");
    analysis.event.u.analysis_completed.item = model;
    market_evolve(store, 2, &analysis.event);
    assert_true(state_upload(store, analysis.event.stream_id, &upload));
    assert_int_equal(upload.needs.packages, software_packages_of(bytes_of_text("diffusers torch")));
    assert_int_equal(upload.needs.item_kind, STOCK_MODEL);

    read_old(ANALYSIS_OVERRIDDEN_V2, 2, &override);
    assert_shown(&override.event, "\"vram_mib\":9000", "packages");
    market_evolve(store, 3, &override.event);
    assert_true(state_upload(store, override.event.stream_id, &upload));
    assert_int_equal(upload_needs(&upload)->packages, 0);

    read_old(OFFER_PUBLISHED_V3, 3, &offer);
    assert_shown(&offer.event, "\"network_allowed\":true", "packages");
    market_evolve(store, 4, &offer.event);
    assert_true(state_offer(store, offer.event.stream_id, &offer_row));
    assert_int_equal(offer_row.tells_packages, 0);
    assert_false(stock_has(store, offer.event.stream_id, model));
    offer.event.type = event_type_newest(EVENT_OFFER_PUBLISHED);
    offer.event.stream_id.b[15] ^= 1;
    offer.event.u.offer_published.packages = bytes_of_text("python=3.11 torch=2.1");
    offer.event.u.offer_published.models = bytes_of_text("gpt2 stabilityai/sd-turbo");
    market_evolve(store, 5, &offer.event);
    assert_true(state_offer(store, offer.event.stream_id, &offer_row));
    assert_int_equal(offer_row.tells_packages, 1);
    assert_int_equal(offer_row.packages, software_packages_of(bytes_of_text("torch")));
    assert_true(stock_has(store, offer.event.stream_id, model));
    assert_true(stock_may_have(&offer_row, model));

    read_old(MATCH_COMPUTED_V2, 2, &match);
    assert_shown(&match.event, "\"wants_network\":true", "item");
    assert_true(id_is_zero(match.event.u.match_computed.item));

    read_old(JOB_CREATED_V3, 3, &job);
    assert_shown(&job.event, "\"wants_network\":true", "item");
    store_put(store, &STATE_QUOTES, id_key(&job.event.u.job_created.quote_id),
              bytes_of(&(struct quote_row){.limit_ms = 1}, sizeof(struct quote_row)));
    store_put(store, &STATE_ACCOUNTS, id_key(&job.event.u.job_created.account_id),
              bytes_of(&(struct account_row){.jobs_started = 1}, sizeof(struct account_row)));
    market_evolve(store, 6, &job.event);
    assert_true(state_job(store, job.event.stream_id, &job_row));
    assert_true(id_is_zero(job_row.item));
    job.event.type = event_type_newest(EVENT_JOB_CREATED);
    job.event.u.job_created.item = model;
    market_evolve(store, 7, &job.event);
    assert_true(state_job(store, job.event.stream_id, &job_row));
    assert_true(id_equal(job_row.item, model));
    assert_int_equal(store_check(store, NULL), ERR_OK);
    arena_deinit(&analysis.arena);
    arena_deinit(&override.arena);
    arena_deinit(&offer.arena);
    arena_deinit(&match.arena);
    arena_deinit(&job.arena);
    memory_store_destroy(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_of_version_1_say_nothing_of_clocks_and_fans),
        cmocka_unit_test(the_same_samples_in_either_version_give_the_same_rows),
        cmocka_unit_test(an_offer_of_version_1_does_not_say_its_driver),
        cmocka_unit_test(an_analysis_of_version_1_asks_for_no_driver),
        cmocka_unit_test(a_quote_of_version_1_is_for_the_upload_as_it_was_sized),
        cmocka_unit_test(a_job_of_version_1_does_what_was_quoted),
        cmocka_unit_test(what_was_said_before_networks_gives_and_asks_for_none),
        cmocka_unit_test(what_was_said_before_machines_told_what_they_have_asks_for_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
