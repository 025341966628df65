/* What was found out about an upload, and what its owner says instead: figure by figure; what is not sent stays as it counts now. */
// SPDX-License-Identifier: Apache-2.0
#include "api/fields.h"
#include "api/if_match.h"
#include "api/route.h"
#include "api/upload_json.h"
#include "core/base/driver_version.h"
#include "core/base/software.h"
#include "core/base/time.h"
#include "core/market/stock.h"

#include <stdlib.h>

#define SIZE_MAX_MIB (UINT64_C(1) << 40)
#define TIME_MAX_MS (UINT64_C(365) * 24 * 3600 * 1000)
#define REASON_SIZE_MAX 500

/* The answer, in the arena, and its tag. NULL: the caller has no such analysed upload, or there is no memory. */
static const char *analysis_text(struct reading *reading, const struct upload_facts *facts,
                                 char ret_tag[ENCODING_TAG_SIZE])
{
    struct call *call = reading->call;
    char *text = call_json_text(json_pack(
        "{s:o,s:o,s:o,s:o,s:o}", "upload_id", json_of_id(call->id), "analysis",
        upload_json_of_analysis(facts), "override", upload_json_of_override(facts), "effective",
        upload_json_of_effective(facts), "sequence", json_of_u64(facts->sequence)));
    const char *kept = text == NULL ? NULL : arena_text(&call->arena, bytes_of_text(text));
    free(text);
    if (kept != NULL) {
        if_match_tag(facts->sequence, bytes_of_text(kept), ret_tag);
    }
    return kept;
}

static void is_missing(struct call *call)
{
    call_problem(call, 404, "no_such_upload", "you have no such analysed upload");
}

/* NULL: the problem was sent. */
static const char *read_analysis(struct call *call, char ret_tag[ENCODING_TAG_SIZE])
{
    struct reading reading;
    struct upload_facts facts;
    const char *text = NULL;
    if (!reading_open(&reading, call)) {
        return NULL;
    }
    bool const found = upload_read(&reading, call->id, &facts) && facts.is_analysed;
    if (found) {
        text = analysis_text(&reading, &facts, ret_tag);
    }
    reading_close(&reading);
    if (!found) {
        is_missing(call);
    } else if (text == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
    }
    return text;
}

static void get_analysis(struct call *call)
{
    char tag[ENCODING_TAG_SIZE] = "";
    const char *text = read_analysis(call, tag);
    if (text != NULL) {
        call_reply_tagged(call, bytes_of_text(text), tag);
    }
}

static void overridden(struct call *call)
{
    char tag[ENCODING_TAG_SIZE] = "";
    const char *text = read_analysis(call, tag);
    if (text != NULL) {
        if_match_tell(call, tag);
        call_reply_text(call, 201, "application/json", bytes_of_text(text));
    }
}

static bool is_sent(const struct call *call, const char *name)
{
    return json_object_get(call->body, name) != NULL;
}

/* "535.183.01"; "" is any. */
static uint64_t driver_of(struct fields *fields, uint64_t now)
{
    uint64_t driver = 0;
    if (!is_sent(fields->call, "driver")) {
        return now;
    }
    struct bytes text = fields_optional_text(fields, "driver", DRIVER_VERSION_TEXT_SIZE);
    if (text.size > 0 && !driver_version_parse(text, &driver)) {
        fields_error(fields, "driver", "is a version like 535.183.01, or empty for any");
    }
    return driver;
}

/* The names of packages as the event has them. */
static struct bytes packages_of(struct fields *fields, uint64_t now)
{
    struct buf names;
    const json_t *list = fields_optional_array(fields, "packages");
    uint64_t said = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        int const place = name == NULL ? -1 : software_package(bytes_of_text(name));
        if (place < 0) {
            fields_error(
                fields, "packages",
                "holds names as programs import them, as torch, diffusers or sklearn: %s is "
                "none that machines tell of",
                name == NULL ? "something else" : name);
            return (struct bytes){0};
        }
        said |= UINT64_C(1) << (unsigned)place;
    }
    buf_init(&names, SOFTWARE_LIST_MAX);
    software_packages_append(list == NULL ? now : said, " ", &names);
    struct bytes const kept = arena_copy(&fields->call->arena, buf_bytes(&names));
    buf_deinit(&names);
    return kept;
}

/* The model it needs: as sent, "" for none, else as it is now. Of a Dockerfile there is an image, which its FROM or its settings name. */
static void set_item(struct fields *fields, const struct upload_facts *facts,
                     struct ev_analysis_overridden *ret)
{
    struct call *call = fields->call;
    if (!is_sent(call, "model")) {
        json_t *name = upload_json_of_needed(facts);
        ret->item = upload_needs(&facts->row)->item;
        ret->item_name =
            arena_copy(&call->arena, bytes_of(json_string_value(name), json_string_length(name)));
        json_decref(name);
        return;
    }
    struct bytes const name = fields_optional_text(fields, "model", SOFTWARE_MODEL_MAX);
    if (facts->row.kind == UPLOAD_DOCKERFILE) {
        fields_error(fields, "model",
                     "is of programs: what a Dockerfile needs is its image, which "
                     "its FROM or settings.image names");
    } else if (name.size > 0 && !software_model_name_is_good(name)) {
        fields_error(fields, "model",
                     "is the name of a model, as stabilityai/sd-turbo, or empty for none");
    } else if (name.size > 0) {
        ret->item = stock_item(STOCK_MODEL, name);
        ret->item_name = name;
    }
}

/* What is sent, over what counts now. A changed device takes the count of GPUs with it unless that is said. */
static struct ev_analysis_overridden override_of(struct fields *fields,
                                                 const struct upload_facts *facts)
{
    const struct call *call = fields->call;
    const struct upload_row *row = &facts->row;
    const struct requirements *now = upload_needs(row);
    uint32_t job = is_sent(call, "job_type") ? fields_word(fields, "job_type", &job_type_words)
                                             : (uint32_t)upload_job_type(row);
    uint32_t device = is_sent(call, "device") ? fields_word(fields, "device", &device_words)
                                              : (uint32_t)now->device;
    uint64_t gpus = device != DEVICE_GPU ? 0 : now->gpus == 0 ? 1 : now->gpus;
    uint64_t p50 = fields_optional_u64(fields, "p50_ms", 1, TIME_MAX_MS, now->reference_p50_ms);
    uint64_t p90 = p50 > now->reference_p90_ms ? p50 : now->reference_p90_ms;
    struct ev_analysis_overridden override = {
        .job_type = (enum job_type)job,
        .device = (enum device)device,
        .gpus = fields_optional_u64(fields, "gpus", 0, 1024, gpus),
        .vram_mib = fields_optional_u64(fields, "vram_mib", 1, SIZE_MAX_MIB, now->vram_mib),
        .tflops_milli =
            fields_optional_u64(fields, "tflops_milli", 1, SIZE_MAX_MIB, now->tflops_milli),
        .ram_mib = fields_optional_u64(fields, "ram_mib", 1, SIZE_MAX_MIB, now->ram_mib),
        .storage_mib =
            fields_optional_u64(fields, "storage_mib", 1, SIZE_MAX_MIB, now->storage_mib),
        .compute_capability =
            fields_optional_u64(fields, "compute_capability", 0, 1000, now->compute_capability),
        .driver = driver_of(fields, now->driver),
        .reference_p50_ms = p50,
        .reference_p90_ms = fields_optional_u64(fields, "p90_ms", 1, TIME_MAX_MS, p90),
        .packages = packages_of(fields, now->packages),
        .detail = fields_optional_text(fields, "reason", REASON_SIZE_MAX),
    };
    set_item(fields, facts, &override);
    return override;
}

/* What it may be written over: an analysis as it was found whoever says so; what was said before only who knows of it. `ret_if` is for the ledger, which sees what
 * comes meanwhile. False: answered. */
static bool may_override(struct call *call, struct upload_facts *ret, uint64_t *ret_if)
{
    struct reading reading;
    char tag[ENCODING_TAG_SIZE] = "";
    if (!reading_open(&reading, call)) {
        return false;
    }
    if (!upload_read(&reading, call->id, ret) || !ret->is_analysed ||
        analysis_text(&reading, ret, tag) == NULL) {
        reading_close(&reading);
        is_missing(call);
        return false;
    }
    if (!if_match_holds(&reading, tag, ret->is_overridden)) {
        return false;
    }
    reading_close(&reading);
    *ret_if = if_match_is_said(call) || !ret->is_overridden ? ret->sequence : 0;
    return true;
}

static void post_override(struct call *call)
{
    struct upload_facts facts;
    uint64_t if_sequence;
    call_command(call, COMMAND_ANALYSIS_OVERRIDE);
    if (!may_override(call, &facts, &if_sequence)) {
        return;
    }
    struct fields fields = fields_of(call);
    struct ev_analysis_overridden override = override_of(&fields, &facts);
    size_t said = json_object_size(call->body) - (is_sent(call, "reason") ? 1 : 0);
    if (said == 0) {
        fields_error(&fields, "",
                     "say at least one of job_type, device, gpus, vram_mib, "
                     "tflops_milli, ram_mib, storage_mib, compute_capability, driver, p50_ms, "
                     "p90_ms, packages, model");
    }
    if (!fields_good(&fields)) {
        return;
    }
    call->command.u.override = (struct command_override){
        .upload_id = call->id, .if_sequence = if_sequence, .override = override};
    call_submit(call, CLASS_CONSUMER, overridden);
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/analyses/{id}", SCOPE_CONSUMER, BODY_NONE, get_analysis},
    {HTTP_POST, "/v1/analyses/{id}/override", SCOPE_CONSUMER, BODY_JSON, post_override},
};
const struct route_table ROUTES_ANALYSES = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
