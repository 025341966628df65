// SPDX-License-Identifier: Apache-2.0
#include "api/upload_json.h"

#include "api/offer_stock.h"
#include "core/market/storage.h"
#include "projections/streams.h"

bool upload_read(struct reading *reading, struct id16 id, struct upload_facts *ret)
{
    struct upload_row row;
    uint64_t first = 0;
    *ret = (struct upload_facts){0};
    if (!state_upload(reading->store, id, &row) ||
        !id_equal(row.account_id, reading->call->principal.account_id) ||
        streams_after(reading->store, STREAM_UPLOAD, id, 0, &first, 1) == 0 ||
        !reading_event(reading, first, &ret->received)) {
        return false;
    }
    ret->row = row;
    ret->is_rejected = row.rejected != 0;
    ret->sequence = row.overridden_sequence != 0 ? row.overridden_sequence
                    : row.analysis_sequence != 0 ? row.analysis_sequence
                                                 : first;
    ret->is_analysed =
        row.analysis_sequence != 0 && reading_event(reading, row.analysis_sequence, &ret->analysis);
    ret->is_overridden = row.overridden_sequence != 0 &&
                         reading_event(reading, row.overridden_sequence, &ret->override);
    struct event erased;
    uint64_t const gone = state_storage(reading->store, STREAM_UPLOAD, id).erased;
    if (gone != 0 && reading_event(reading, gone, &erased)) {
        ret->erased_at = erased.time;
        ret->sequence = gone;
    }
    return true;
}

json_t *upload_json_of_analysis(const struct upload_facts *facts)
{
    if (!facts->is_analysed) {
        return json_null();
    }
    struct bytes detail = facts->analysis.u.analysis_completed.detail;
    if (detail.size > 0) {
        json_t *json = json_loadb((const char *)detail.data, detail.size, 0, NULL);
        return json == NULL ? json_null() : json;
    }
    struct buf text; /* the private part was erased: the public fields */
    buf_init(&text, 65536);
    event_render_data(&text, &facts->analysis, &API_NAMES);
    json_t *json = json_loadb(buf_text(&text), text.size, 0, NULL);
    buf_deinit(&text);
    return json == NULL ? json_null() : json;
}

/* What it is called; NULL: that is not known (any more). The caller's. */
static json_t *name_as_found(const struct upload_facts *facts, const char *member)
{
    json_t *analysis = upload_json_of_analysis(facts);
    json_t *name = json_incref(json_object_get(json_object_get(analysis, "requirements"), member));
    json_decref(analysis);
    return name;
}

json_t *upload_json_of_needed(const struct upload_facts *facts)
{
    const struct requirements *needs = upload_needs(&facts->row);
    json_t *name = NULL;
    if (needs->item_kind != 0 && facts->is_overridden) {
        name = json_of_text(facts->override.u.analysis_overridden.item_name);
    } else if (needs->item_kind != 0) {
        name = name_as_found(facts, needs->item_kind == STOCK_IMAGE ? "image" : "model");
    }
    return name == NULL ? json_null() : name;
}

/* One level of names, as offers have them; what a form fills in is sent back under the same. Takes `item`. */
static json_t *json_of_figures(uint64_t job_type, const struct requirements *needs, json_t *item)
{
    bool const is_image = needs->item_kind == STOCK_IMAGE;
    return json_pack(
        "{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:I,s:I,s:o,s:o,s:o}", "job_type",
        enum_word(&job_type_words, (uint32_t)job_type), "device",
        enum_word(&device_words, (uint32_t)needs->device), "gpus", (json_int_t)needs->gpus,
        "vram_mib", (json_int_t)needs->vram_mib, "tflops_milli", (json_int_t)needs->tflops_milli,
        "ram_mib", (json_int_t)needs->ram_mib, "storage_mib", (json_int_t)needs->storage_mib,
        "compute_capability", (json_int_t)needs->compute_capability, "driver",
        json_of_driver(needs->driver), "p50_ms", (json_int_t)needs->reference_p50_ms, "p90_ms",
        (json_int_t)needs->reference_p90_ms, "packages", json_of_packages(needs->packages), "model",
        is_image ? json_null() : item, "image", is_image ? item : json_null());
}

json_t *upload_json_of_override(const struct upload_facts *facts)
{
    if (!facts->is_overridden) {
        return json_null();
    }
    json_t *json = json_of_figures(facts->row.overridden_job_type, &facts->row.overridden,
                                   upload_json_of_needed(facts));
    struct bytes reason = facts->override.u.analysis_overridden.detail;
    (void)json_object_set_new(json, "reason",
                              reason.size == 0 ? json_null() : json_of_text(reason));
    (void)json_object_set_new(json, "at", json_of_time(facts->override.time));
    (void)json_object_set_new(json, "sequence", json_of_u64(facts->row.overridden_sequence));
    return json;
}

json_t *upload_json_of_effective(const struct upload_facts *facts)
{
    return json_of_figures(upload_job_type(&facts->row), upload_needs(&facts->row),
                           upload_json_of_needed(facts));
}

json_t *upload_json(const struct upload_facts *facts, struct id16 id)
{
    if (facts->is_rejected) {
        const struct ev_upload_rejected *rejected = &facts->received.u.upload_rejected;
        return json_pack("{s:o,s:o,s:I,s:n,s:o,s:n,s:{s:s,s:o},s:o,s:o}", "id", json_of_id(id),
                         "file_name", json_of_text(rejected->file_name), "size",
                         (json_int_t)rejected->size, "digest", "received_at",
                         json_of_time(facts->received.time), "analysis", "rejected", "reason",
                         enum_word(&reject_reason_words, rejected->reason), "detail",
                         json_of_text(rejected->detail), "erased_at",
                         json_of_time(facts->erased_at), "sequence", json_of_u64(facts->sequence));
    }
    const struct ev_upload_received *received = &facts->received.u.upload_received;
    return json_pack("{s:o,s:o,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "id", json_of_id(id), "file_name",
                     json_of_text(received->file_name), "size", (json_int_t)received->size,
                     "digest", json_of_hash(received->digest), "media_type",
                     json_of_text(received->media_type), "received_at",
                     json_of_time(facts->received.time), "analysis", upload_json_of_analysis(facts),
                     "override", upload_json_of_override(facts), "erased_at",
                     json_of_time(facts->erased_at), "sequence", json_of_u64(facts->sequence));
}

json_t *upload_json_of_partial(const struct partial *partial)
{
    return json_pack("{s:o,s:s,s:I,s:I,s:o,s:n}", "id", json_of_id(partial->id), "file_name",
                     partial->file_name, "size", (json_int_t)partial->size, "offset",
                     (json_int_t)partial->offset, "expires_at", json_of_time(partial->expires_at),
                     "upload_id");
}

json_t *upload_json_of_item(const struct upload_facts *facts, struct id16 id)
{
    const struct upload_row *row = &facts->row;
    struct bytes const name = facts->is_rejected ? facts->received.u.upload_rejected.file_name
                                                 : facts->received.u.upload_received.file_name;
    bool const is_known = facts->is_analysed;
    const char *status = facts->erased_at != 0 ? "erased"
                         : facts->is_rejected  ? "rejected"
                         : is_known            ? "analysed"
                                               : "received";
    return json_pack(
        "{s:o,s:o,s:I,s:o,s:s,s:s?,s:s?,s:s?,s:b,s:s?,s:o}", "id", json_of_id(id), "file_name",
        json_of_text(name), "size", (json_int_t)row->size, "received_at",
        json_of_time(facts->received.time), "status", status, "kind",
        is_known ? enum_word(&upload_kind_words, (uint32_t)row->kind) : NULL, "job_type",
        is_known ? enum_word(&job_type_words, (uint32_t)upload_job_type(row)) : NULL, "device",
        is_known ? enum_word(&device_words, (uint32_t)upload_needs(row)->device) : NULL,
        "overridden", (int)facts->is_overridden, "reason",
        facts->is_rejected
            ? enum_word(&reject_reason_words, facts->received.u.upload_rejected.reason)
            : NULL,
        "sequence", json_of_u64(facts->sequence));
}
