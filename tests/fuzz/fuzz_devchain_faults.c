/* The faults' settings from any bytes, and what the local network answers under them. Input: settings as JSON, "\n", method ('G' or 'P') and
 * path, "\n", the body. What is accepted is in range and told again as it was set; the network goes on, and its money is whole. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "tests/fuzz/fuzz_target.h"
#include "tools/devchain/fault_api.h"
#include "tools/devchain/service.h"

#include <string.h>

#define FUNDS 1000

static struct bytes take_line(struct bytes *rest)
{
    const uint8_t *end = rest->size > 0 ? memchr(rest->data, '\n', rest->size) : NULL;
    size_t const size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    struct bytes const line = bytes_of(rest->data, size);
    *rest = bytes_from(*rest, end != NULL ? size + 1 : size);
    return line;
}

/* What was told can be set, and is the same. */
static void check_plan(const struct fault_plan *plan)
{
    struct fault_plan again = fault_plan_none();
    struct buf text;
    buf_init(&text, 1U << 16);
    buf_printf(&text, "{\"seed\":\"%llu\"", (unsigned long long)plan->seed);
    for (enum fault_setting i = 0; i < FAULT_SETTING_COUNT; i++) {
        buf_printf(&text, ",\"%s\":%u", fault_plan_name(i), plan->settings[i]);
    }
    buf_append_text(&text, "}");
    INVARIANT(fault_api_parse(buf_bytes(&text), &again, NULL) == ERR_OK);
    INVARIANT(memcmp(again.settings, plan->settings, sizeof again.settings) == 0);
    INVARIANT(again.seed == plan->seed);
    buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct chain_options options = {.start_tick = 1000, .epoch = 200};
    struct bytes rest = bytes_of(data, size);
    struct fault_plan plan = fault_plan_none();
    struct fault_plan const before = plan;
    struct devnet *network = NULL;
    struct key32 const owner = {{1}};
    char path[128] = "";
    uint32_t in;
    if (size == 0 || size > 65536) {
        return 0;
    }
    if (fault_api_parse(take_line(&rest), &plan, NULL) != ERR_OK) {
        INVARIANT(memcmp(plan.settings, before.settings, sizeof plan.settings) == 0);
        INVARIANT(plan.seed == before.seed);
    }
    check_plan(&plan);
    struct bytes const target = take_line(&rest);
    if (target.size < 2 || target.size >= sizeof path) {
        return 0;
    }
    memcpy(path, target.data + 1, target.size - 1);
    INVARIANT(network_create(&options, &plan, &network, NULL) == ERR_OK);
    INVARIANT(chain_credit(network_chain(network), &owner, FUNDS, &in, NULL) == ERR_OK);
    for (int i = 0; i < 8; i++) {
        struct service_reply reply;
        bool ticked;
        uint32_t const shown = network_archived_tick(network);
        service_ask(network, target.data[0] == 'P', path, rest, &reply);
        INVARIANT(reply.status >= 200 && reply.status < 600);
        INVARIANT(!reply.cut || reply.cut_size <= reply.body.size);
        service_reply_deinit(&reply);
        INVARIANT(network_tick(network, i, &ticked, NULL) == ERR_OK);
        INVARIANT(network_archived_tick(network) >= shown);
    }
    int64_t const supply = chain_supply(network_chain(network));
    INVARIANT(supply == FUNDS || supply == 0); /* the first tick may be long in coming */
    network_destroy(network);
    return 0;
}
