// SPDX-License-Identifier: Apache-2.0
#include "worker/background.h"

#include <stdlib.h>

struct background {
    uv_work_t request;
    void (*work)(void *ctx);
    void (*done)(void *ctx);
    void *ctx;
};

static void on_work(uv_work_t *request)
{
    const struct background *background = request->data;
    background->work(background->ctx);
}

static void on_done(uv_work_t *request, int status)
{
    struct background *background = request->data;
    void (*done)(void *) = background->done;
    void *ctx = background->ctx;
    (void)status; /* never cancelled */
    free(background);
    done(ctx);
}

bool background_run(uv_loop_t *loop, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx)
{
    struct background *background = calloc(1, sizeof *background);
    if (background == NULL) {
        return false;
    }
    *background = (struct background){.work = work, .done = done, .ctx = ctx};
    background->request.data = background;
    if (uv_queue_work(loop, &background->request, on_work, on_done) != 0) {
        free(background);
        return false;
    }
    return true;
}
