/* How long and how much, before anything is bought: of an upload or of a described job, with any setting, on one GPU or all; how often estimates were
 * right; and what the big clouds ask. Nothing here writes. */
// SPDX-License-Identifier: Apache-2.0
#include "api/asked_work.h"
#include "api/fields.h"
#include "api/job_settings.h"
#include "api/route.h"
#include "core/analysis/analysis.h"
#include "core/market/billing.h"
#include "core/market/estimate_json.h"
#include "projections/calibration.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const ADJUSTABLE[] = {"epochs", "rows",      "resolution", "inference_steps",
                                         "images", "max_steps", "batch_size", "tokens"};
#define ADJUSTABLE_COUNT (sizeof ADJUSTABLE / sizeof *ADJUSTABLE)

#define ANSWER_MAX ((size_t)256 << 10)

/* ── what is asked ─────────────────────────────────────────────────────────────────────────────── */

/* Settings that somebody asks with: known names, numbers above zero; a model is text. */
static json_t *parameters_of(struct fields *fields)
{
    json_t *parameters = fields_optional_object(fields, "parameters");
    const char *name;
    json_t *value;
    json_object_foreach(parameters, name, value)
    {
        bool known = strcmp(name, "model") == 0;
        for (size_t i = 0; i < ADJUSTABLE_COUNT; i++) {
            known = known || strcmp(name, ADJUSTABLE[i]) == 0;
        }
        if (!known) {
            fields_error(fields, "parameters",
                         "one of them is unknown; accepted: model, epochs, rows, resolution, "
                         "inference_steps, images, max_steps, batch_size, tokens");
        } else if (strcmp(name, "model") == 0
                       ? !json_is_string(value)
                       : !(json_number_value(value) > 0 && json_number_value(value) <= 1e12)) {
            fields_error(fields, "parameters", "%s is %s", name,
                         strcmp(name, "model") == 0 ? "a text" : "a number from above 0 to 10^12");
        }
    }
    return parameters;
}

static void ask_described(enum job_type type, enum analysis_mode mode, json_t *settings,
                          struct estimate_question *asked)
{
    struct work work = asked_work(type, mode, DEVICE_GPU, "", NULL, settings);
    struct workload workload = workload_size(&work);
    asked->job.job_type = type;
    asked->job.needs.device = DEVICE_GPU;
    estimate_resize(&asked->job, &workload);
}

/* ── routes ────────────────────────────────────────────────────────────────────────────────────── */

static void reply_json(struct call *call, const struct buf *text)
{
    call_reply(call, 200,
               json_loadb(buf_text(text), text->size, 0, NULL)); /* NULL: out of memory */
}

static void estimate(struct call *call)
{
    struct reading reading;
    struct estimate_times times;
    struct fields fields = fields_of(call);
    struct estimate_question asked = {.offer = {.device = DEVICE_CPU, .speed_permille = 1000}};
    struct id16 upload_id = fields_optional_id(&fields, "upload_id");
    struct id16 offer_id = fields_optional_id(&fields, "offer_id");
    struct bytes type_word = fields_optional_text(&fields, "job_type", 40);
    struct bytes mode_word = fields_optional_text(&fields, "mode", 20);
    struct bytes gpu = fields_optional_text(&fields, "gpu", OFFER_MODEL_MAX);
    asked.rate = (int64_t)fields_optional_u64(&fields, "rate", 0, AMOUNT_MAX, 0);
    json_t *parameters = parameters_of(&fields);
    json_t *settings = fields_optional_object(&fields, "settings");
    json_t *said = NULL;
    if (settings != NULL) {
        job_settings_check(&fields, settings);
    }
    uint32_t type = enum_number(&job_type_words, (const char *)type_word.data, type_word.size);
    char mode_text[24] = "train";
    if (mode_word.size > 0) {
        memcpy(mode_text, mode_word.data, mode_word.size);
        mode_text[mode_word.size] = '\0';
    } else if (type == JOB_TYPE_STABLE_DIFFUSION || type == JOB_TYPE_LLM_INFERENCE) {
        (void)snprintf(mode_text, sizeof mode_text, "inference");
    }
    asked.gpu = scale_gpu((const char *)gpu.data, gpu.size);
    if (id_is_zero(upload_id) == (type == 0)) {
        fields_error(&fields, "job_type",
                     "either an upload_id, or a job_type: mnist, stable_diffusion, … custom");
    }
    if (asked_mode(mode_text) == 0) {
        fields_error(&fields, "mode",
                     "a mode is train, pretrain, finetune, inference, serve, prep, "
                     "env, service or na");
    }
    if (settings != NULL && id_is_zero(upload_id)) {
        fields_error(&fields, "settings",
                     "are of an upload's program; a described job has parameters");
    }
    if (gpu.size > 0 && asked.gpu == 0) {
        fields_error(&fields, "gpu",
                     "this model is in no table; GET /v1/estimates/gpus lists those that are");
    }
    if (!fields_good(&fields) || !reading_open(&reading, call)) {
        return;
    }
    bool found = true;
    if (!id_is_zero(upload_id)) {
        found =
            call->principal.known && asked_upload(&reading, call->principal.account_id, upload_id,
                                                  parameters, settings, &asked.job, &said);
    } else {
        ask_described((enum job_type)type, (enum analysis_mode)asked_mode(mode_text), parameters,
                      &asked);
    }
    bool offered = id_is_zero(offer_id) || (state_offer(reading.store, offer_id, &asked.offer) &&
                                            asked.offer.withdrawn == 0);
    asked.has_offer = !id_is_zero(offer_id) && offered;
    if (asked.has_offer) {
        asked.rate = asked.offer.rate;
    }
    struct ledger_row ledger;
    struct buf answer;
    buf_init(&answer, ANSWER_MAX);
    if (found && offered && state_ledger(reading.store, &ledger)) {
        asked.margin_bps = ledger.margin_bps;
        asked.lock_min = ledger.lock_min;
        estimate_load(reading.store, &asked.job, &times);
        estimate_json(&asked, &times, NULL, &answer);
    }
    reading_close(&reading);
    if (!found) {
        call_problem(call, 404, "no_such_upload", "you have no such analysed upload");
    } else if (!offered) {
        call_problem(call, 404, "no_such_offer", "this offer is not there any more");
    } else {
        json_t *json = json_loadb(buf_text(&answer), answer.size, 0, NULL);
        (void)json_object_set_new(json, "settings", said == NULL ? json_array() : said);
        said = NULL;
        call_reply(call, 200, json); /* NULL: out of memory */
    }
    json_decref(said);
    buf_deinit(&answer);
}

/* The same with the question in the address: a link can be kept. */
static void estimate_by_query(struct call *call)
{
    static const char *const TEXTS[] = {"upload_id", "offer_id", "job_type", "mode", "gpu"};
    const struct http_head *head = http_request_head(call->request);
    json_t *settings = json_object();
    call->body = json_object();
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        const char *text = http_head_param(head, TEXTS[i]);
        if (text != NULL) {
            (void)json_object_set_new(call->body, TEXTS[i], json_string(text));
        }
    }
    const char *rate = http_head_param(head, "rate");
    if (rate != NULL) {
        char *end;
        long long value = strtoll(rate, &end, 10);
        (void)json_object_set_new(call->body, "rate",
                                  *end == '\0' ? json_integer(value) : json_string(rate));
    }
    for (size_t i = 0; i < ADJUSTABLE_COUNT; i++) {
        const char *text = http_head_param(head, ADJUSTABLE[i]);
        if (text != NULL) {
            (void)json_object_set_new(settings, ADJUSTABLE[i], json_real(strtod(text, NULL)));
        }
    }
    if (http_head_param(head, "model") != NULL) {
        (void)json_object_set_new(settings, "model", json_string(http_head_param(head, "model")));
    }
    (void)json_object_set_new(call->body, "parameters", settings);
    estimate(call);
}

static void list_calibration(struct call *call)
{
    struct reading reading;
    if (!reading_open(&reading, call)) {
        return;
    }
    struct calibration_entry *entries =
        arena_alloc_array(&call->arena, CALIBRATION_ROWS_MAX, sizeof *entries);
    size_t count =
        entries == NULL ? 0 : calibration_list(reading.store, entries, CALIBRATION_ROWS_MAX);
    uint64_t sequence = views_snapshot_position(reading.snapshot)->sequence;
    json_t *items = entries == NULL ? NULL : json_array();
    for (size_t i = 0; i < count; i++) {
        const struct calibration_entry *entry = &entries[i];
        const char *on =
            entry->ran_on == CALIBRATION_CPU ? "cpu"
            : entry->ran_on == CALIBRATION_OTHER_GPU || entry->ran_on >= ESTIMATE_GPU_COUNT
                ? "other gpu"
                : ESTIMATE_GPUS[entry->ran_on].name;
        (void)json_array_append_new(items,
                                    json_pack("{s:s,s:s,s:I,s:I,s:I}", "job_type",
                                              enum_word(&job_type_words, (uint32_t)entry->job_type),
                                              "ran_on", on, "finished", (json_int_t)entry->finished,
                                              "within_p50", (json_int_t)entry->within_p50,
                                              "within_p90", (json_int_t)entry->within_p90));
    }
    reading_close(&reading);
    call_reply(call, 200, json_pack("{s:o,s:I}", "items", items, "sequence", (json_int_t)sequence));
}

static void list_prices(struct call *call)
{
    struct buf text;
    const char *sep = "";
    buf_init(&text, ANSWER_MAX);
    buf_append_text(
        &text, "{\"note\":\"US on-demand list prices in USD per GPU and hour, of the date they "
               "have; no exchange rate to QUBIC is assumed\",\"items\":[");
    for (size_t gpu = 1; gpu < ESTIMATE_GPU_COUNT; gpu++) {
        if (ESTIMATE_GPUS[gpu].cloud != NULL) {
            buf_append_text(&text, sep);
            estimate_json_reference_price(gpu, &text);
            sep = ",";
        }
    }
    buf_append_text(&text, "]}");
    reply_json(call, &text);
    buf_deinit(&text);
}

static void list_gpus(struct call *call)
{
    json_t *items = json_array();
    for (size_t gpu = 1; gpu < ESTIMATE_GPU_COUNT; gpu++) {
        (void)json_array_append_new(items, json_string(ESTIMATE_GPUS[gpu].name));
    }
    call_reply(call, 200, json_pack("{s:o}", "items", items));
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/estimates", ROUTE_PUBLIC, BODY_NONE, estimate_by_query},
    {HTTP_POST, "/v1/estimates", ROUTE_PUBLIC, BODY_JSON, estimate},
    {HTTP_GET, "/v1/estimates/calibration", ROUTE_PUBLIC, BODY_NONE, list_calibration},
    {HTTP_GET, "/v1/estimates/reference-prices", ROUTE_PUBLIC, BODY_NONE, list_prices},
    {HTTP_GET, "/v1/estimates/gpus", ROUTE_PUBLIC, BODY_NONE, list_gpus},
};
const struct route_table ROUTES_ESTIMATES = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
