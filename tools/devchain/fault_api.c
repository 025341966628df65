// SPDX-License-Identifier: Apache-2.0
#include "tools/devchain/fault_api.h"

#include "core/base/text.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

enum err_code fault_api_parse(struct bytes body, struct fault_plan *plan, struct err *err)
{
    struct fault_plan changed = *plan;
    enum err_code code = ERR_OK;
    const char *name;
    json_t *value;
    json_error_t error = {0};
    json_t *root = json_loadb(body.size > 0 ? (const char *)body.data : "", body.size,
                              JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        json_decref(root);
        return err_set(err, ERR_INVALID, "expected a JSON object of settings, each once%s%.100s",
                       error.text[0] != '\0' ? ": " : "", error.text);
    }
    json_object_foreach(root, name, value)
    {
        int64_t number = 0;
        if (json_is_integer(value)) {
            number = json_integer_value(value);
        } else if (!json_is_string(value) ||
                   i64_parse(bytes_of(json_string_value(value), json_string_length(value)), &number,
                             NULL) != ERR_OK) {
            code = err_set(err, ERR_INVALID, "%.20s: expected a whole number", name);
            break;
        }
        code = fault_plan_set(&changed, bytes_of_text(name), number, err);
        if (code != ERR_OK) {
            break;
        }
    }
    json_decref(root);
    if (code == ERR_OK) {
        *plan = changed;
    }
    return code;
}

void fault_api_build(const struct devnet *network, struct buf *body)
{
    const struct fault_plan *plan = network_plan(network);
    const struct network_counts *counts = network_counts(network);
    buf_printf(body, "{\"seed\":\"%" PRIu64 "\",\"settings\":{", plan->seed);
    for (enum fault_setting i = 0; i < FAULT_SETTING_COUNT; i++) {
        buf_printf(body, "%s\"%s\":%" PRIu32, i > 0 ? "," : "", fault_plan_name(i),
                   plan->settings[i]);
    }
    buf_append_text(body, "},\"hits\":{");
    for (enum fault_setting i = 0; i < FAULT_COUNT; i++) {
        buf_printf(body, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", fault_plan_name(i),
                   counts->hits[i]);
    }
    buf_append_text(body, "},\"lost\":{");
    for (enum fault_setting i = 0; i < FAULT_COUNT; i++) {
        buf_printf(body, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", fault_plan_name(i),
                   counts->lost[i]);
    }
    buf_append_text(body, "}}");
}
