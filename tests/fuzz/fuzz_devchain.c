/* The local network's HTTP services. A request as in fuzz_http.h; every answer is JSON and no server's fault, but for the 500 that the network itself gives to
 * broken identities and transactions. The ticks stand still and no fault outlives its input, so that an input means the same each time. */
// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/fuzz_file.h"
#include "tests/fuzz/fuzz_http.h"
#include "tests/fuzz/fuzz_target.h"
#include "tools/devchain/api.h"

#include <signal.h>

static struct {
    uv_loop_t loop;
    struct api *api;
    struct node *node;
    struct http_server *server;
    char folder[64];
    bool is_up;
} chain;

static void remove_folder(void)
{
    fuzz_folder_remove(chain.folder);
}

static void start(void)
{
    const struct http_server_options server = {.host = "127.0.0.1"};
    fuzz_folder_create(chain.folder);
    (void)atexit(remove_folder);
    (void)signal(SIGPIPE, SIG_IGN);
    const struct node_options node = {
        .chain = {.start_tick = 1000, .epoch = 200},
        .plan = fault_plan_none(),
        .folder = chain.folder,
        .tick_ms = 1000,
        .on_tick = api_on_tick,
    };
    struct node_options with_ctx = node;
    INVARIANT(uv_loop_init(&chain.loop) == 0);
    INVARIANT(api_create(&chain.loop, &chain.api, NULL) == ERR_OK);
    with_ctx.ctx = chain.api;
    INVARIANT(node_create(&chain.loop, &with_ctx, &chain.node, NULL) == ERR_OK);
    api_set_node(chain.api, chain.node);
    INVARIANT(http_server_create(&chain.loop, &server, api_on_request, chain.api, &chain.server,
                                 NULL) == ERR_OK);
    chain.is_up = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf request;
    struct buf answer;
    if (size == 0 || size > 65536) {
        return 0;
    }
    if (!chain.is_up) {
        start();
    }
    buf_init(&request, 1U << 20);
    buf_init(&answer, 64U << 20);
    const struct fault_plan none = fault_plan_none();
    network_set_plan(node_network(chain.node), &none);
    fuzz_http_write(bytes_of(data, size), "", &request);
    fuzz_http_ask(&chain.loop, http_server_port(chain.server), buf_bytes(&request), &answer);
    (void)fuzz_http_check(&answer);
    buf_deinit(&answer);
    buf_deinit(&request);
    return 0;
}
