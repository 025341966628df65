// SPDX-License-Identifier: Apache-2.0
#include "tools/devchain/node.h"

#include "core/base/file.h"
#include "core/base/invariant.h"
#include "core/base/time.h"
#include "core/base/trace.h"
#include "tools/devchain/journal.h"

#include <limits.h>
#include <stdlib.h>

struct node {
    struct node_options options;
    uv_loop_t *loop;
    struct devnet *network;
    struct journal *journal;
    uv_timer_t timer;
    uv_work_t work;
    bool writing;
    bool closing;
    int64_t last_wall_ms;
    struct buf payload;
    enum err_code append_code; /* set on the pool, read on the loop after it */
    struct err append_err;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

static enum err_code replay_tick(void *ctx, struct bytes payload, struct err *err)
{
    struct node *node = ctx;
    return network_replay(node->network, payload, err);
}

static void node_free(struct node *node)
{
    journal_close(node->journal);
    network_destroy(node->network);
    buf_deinit(&node->payload);
    free(node);
}

enum err_code node_create(uv_loop_t *loop, const struct node_options *options, struct node **ret,
                          struct err *err)
{
    char path[PATH_MAX];
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    node->options = *options;
    node->loop = loop;
    buf_init(&node->payload, JOURNAL_PAYLOAD_MAX);
    enum err_code code = network_create(&options->chain, &options->plan, &node->network, err);
    if (code == ERR_OK) {
        code = dir_create(options->folder, 0755, err);
    }
    if (code == ERR_OK) {
        code = path_join(path, sizeof path, options->folder, "journal", err);
    }
    if (code == ERR_OK) {
        code = journal_open(path, replay_tick, node, &node->journal, err);
    }
    if (code != ERR_OK) {
        node_free(node);
        return code;
    }
    const struct chain *chain = network_chain(node->network);
    uint32_t const last = chain_last_tick(chain);
    if (last >= options->chain.start_tick) {
        node->last_wall_ms = chain_tick_timestamp(chain, last);
    }
    *ret = node;
    return ERR_OK;
}

static void timer_closed(uv_handle_t *handle)
{
    struct node *node = handle->data;
    void (*on_closed)(void *ctx) = node->on_closed;
    void *ctx = node->closed_ctx;
    node_free(node);
    on_closed(ctx);
}

static void close_if_idle(struct node *node)
{
    if (node->closing && !node->writing) {
        uv_close((uv_handle_t *)&node->timer, timer_closed);
    }
}

static void write_tick(uv_work_t *work)
{
    struct node *node = work->data;
    node->append_code = journal_append(node->journal, buf_bytes(&node->payload), &node->append_err);
}

_Noreturn static void die(const struct err *err)
{
    trace_err(TRACE_ERROR, "devchain.failed", err);
    exit(1); // NOLINT(concurrency-mt-unsafe): nothing is left to be saved
}

static void tick_written(uv_work_t *work, int status)
{
    struct node *node = work->data;
    struct err err = {0};
    INVARIANT(status == 0); /* never cancelled */
    node->writing = false;
    if (node->append_code != ERR_OK) {
        die(&node->append_err);
    }
    bool ticked = false;
    if (network_end(node->network, buf_bytes(&node->payload), &ticked, &err) != ERR_OK) {
        die(&err);
    }
    buf_clear(&node->payload);
    if (ticked) {
        node->options.on_tick(node->options.ctx, chain_last_tick(network_chain(node->network)));
    }
    close_if_idle(node);
}

static void on_timer(uv_timer_t *timer)
{
    struct node *node = timer->data;
    struct err err = {0};
    if (node->writing || node->closing) {
        return;
    }
    int64_t const now_ms = time_wall_ns() / NS_PER_MS;
    node->last_wall_ms = now_ms > node->last_wall_ms ? now_ms : node->last_wall_ms;
    if (network_begin(node->network, node->last_wall_ms, &node->payload, &err) != ERR_OK) {
        die(&err);
    }
    if (node->payload.size == 0) {
        return; /* an epoch has ended; the next has not begun */
    }
    node->writing = true;
    node->work.data = node;
    int const rc = uv_queue_work(node->loop, &node->work, write_tick, tick_written);
    INVARIANT(rc == 0);
}

enum err_code node_start(struct node *node, struct err *err)
{
    int rc = uv_timer_init(node->loop, &node->timer);
    node->timer.data = node;
    if (rc == 0) {
        rc = uv_timer_start(&node->timer, on_timer, node->options.tick_ms, node->options.tick_ms);
    }
    return rc == 0 ? ERR_OK
                   : err_set_origin(err, ERR_INTERNAL, rc, "start the clock: %s", uv_strerror(rc));
}

void node_close(struct node *node, void (*on_closed)(void *ctx), void *ctx)
{
    INVARIANT(!node->closing);
    node->closing = true;
    node->on_closed = on_closed;
    node->closed_ctx = ctx;
    uv_timer_stop(&node->timer);
    close_if_idle(node);
}

struct devnet *node_network(struct node *node)
{
    return node->network;
}
