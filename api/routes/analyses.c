/* What was found out about an upload, and what its owner says instead: figure by figure; what is not sent stays as it counts now. */
// SPDX-License-Identifier: Apache-2.0
#include "api/fields.h"
#include "api/route.h"
#include "api/upload_json.h"
#include "core/base/driver_version.h"
#include "core/base/time.h"

#define SIZE_MAX_MIB (UINT64_C(1) << 40)
#define TIME_MAX_MS (UINT64_C(365) * 24 * 3600 * 1000)
#define REASON_SIZE_MAX 500

static void reply_analysis(struct call *call, int status)
{
    struct reading reading;
    struct upload_facts facts;
    json_t *json = NULL;
    if (!reading_open(&reading, call)) {
        return;
    }
    if (upload_read(&reading, call->id, &facts) && facts.is_analysed) {
        json = json_pack("{s:o,s:o,s:o,s:o,s:o}", "upload_id", json_of_id(call->id), "analysis",
                         upload_json_of_analysis(&facts), "override",
                         upload_json_of_override(&facts), "effective",
                         upload_json_of_effective(&facts), "sequence", json_of_u64(facts.sequence));
    }
    reading_close(&reading);
    if (json == NULL) {
        call_problem(call, 404, "no_such_upload", "you have no such analysed upload");
    } else {
        call_reply(call, status, json);
    }
}

static void get_analysis(struct call *call)
{
    reply_analysis(call, 200);
}

static void overridden(struct call *call)
{
    reply_analysis(call, 201);
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

/* What is sent, over what counts now. A changed device takes the count of GPUs with it unless that is said. */
static struct ev_analysis_overridden override_of(struct fields *fields,
                                                 const struct upload_row *row)
{
    const struct call *call = fields->call;
    const struct requirements *now = upload_needs(row);
    uint32_t job = is_sent(call, "job_type") ? fields_word(fields, "job_type", &job_type_words)
                                             : (uint32_t)upload_job_type(row);
    uint32_t device = is_sent(call, "device") ? fields_word(fields, "device", &device_words)
                                              : (uint32_t)now->device;
    uint64_t gpus = device != DEVICE_GPU ? 0 : now->gpus == 0 ? 1 : now->gpus;
    uint64_t p50 = fields_optional_u64(fields, "p50_ms", 1, TIME_MAX_MS, now->reference_p50_ms);
    uint64_t p90 = p50 > now->reference_p90_ms ? p50 : now->reference_p90_ms;
    return (struct ev_analysis_overridden){
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
        .detail = fields_optional_text(fields, "reason", REASON_SIZE_MAX),
    };
}

static void post_override(struct call *call)
{
    struct reading reading;
    struct upload_facts facts;
    if (!reading_open(&reading, call)) {
        return;
    }
    bool known = upload_read(&reading, call->id, &facts) && facts.is_analysed;
    reading_close(&reading);
    if (!known) {
        call_problem(call, 404, "no_such_upload", "you have no such analysed upload");
        return;
    }
    struct fields fields = fields_of(call);
    struct ev_analysis_overridden override = override_of(&fields, &facts.row);
    size_t said = json_object_size(call->body) - (is_sent(call, "reason") ? 1 : 0);
    if (said == 0) {
        fields_error(&fields, "",
                     "say at least one of job_type, device, gpus, vram_mib, "
                     "tflops_milli, ram_mib, storage_mib, compute_capability, driver, p50_ms, "
                     "p90_ms");
    }
    if (!fields_good(&fields)) {
        return;
    }
    call_command(call, COMMAND_ANALYSIS_OVERRIDE);
    call->command.u.override =
        (struct command_override){.upload_id = call->id, .override = override};
    call_submit(call, CLASS_CONSUMER, overridden);
}

static const struct route ROUTES[] = {
    {HTTP_GET, "/v1/analyses/{id}", SCOPE_CONSUMER, BODY_NONE, get_analysis},
    {HTTP_POST, "/v1/analyses/{id}/override", SCOPE_CONSUMER, BODY_JSON, post_override},
};
const struct route_table ROUTES_ANALYSES = {ROUTES, sizeof ROUTES / sizeof *ROUTES};
