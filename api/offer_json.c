// SPDX-License-Identifier: Apache-2.0
#include "api/offer_json.h"

#include "api/offer_stock.h"

json_t *json_of_offer(struct reading *reading, const struct market_entry *entry)
{
    const struct offer_view *offer = &entry->offer;
    struct event published;
    json_t *json = json_pack(
        "{s:o,s:o,s:o,s:s,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:I,s:I,s:I,s:b,s:b,s:b}", "id",
        json_of_id(entry->offer_id), "provider_id", json_of_id(offer->account_id), "host_id",
        json_of_id(offer->host_id), "device", enum_word(&device_words, (uint32_t)offer->device),
        "model", json_of_text(bytes_of(offer->model, offer->model_size)), "gpus",
        (json_int_t)offer->gpus, "vram_mib", (json_int_t)offer->vram_mib, "tflops_milli",
        (json_int_t)offer->tflops_milli, "ram_mib", (json_int_t)offer->ram_mib, "storage_mib",
        (json_int_t)offer->storage_mib, "compute_capability", (json_int_t)offer->compute_capability,
        "driver", json_of_driver(offer->driver), "cpu_cores", (json_int_t)offer->cpu_cores,
        "speed_permille", (json_int_t)offer->speed_permille, "rate", (json_int_t)offer->rate,
        "network_allowed", (int)(offer->network_allowed != 0), "online", entry->online, "busy",
        entry->busy);
    if (reading_event(reading, offer->published_sequence, &published)) {
        offer_stock_show(&published.u.offer_published, json);
    }
    return json;
}
