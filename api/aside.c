// SPDX-License-Identifier: Apache-2.0
#include "api/aside.h"

#include "core/base/invariant.h"

struct aside {
    uv_work_t work;
    struct call *call;
    struct api *api;
    void *state;
    aside_work *run;
    aside_answer *answer;
    struct aside *next;
};

static void work_cb(uv_work_t *work)
{
    struct aside *aside = work->data;
    aside->run(aside->api, aside->state);
}

static void start_next(struct api *api);

static void worked_cb(uv_work_t *work, int status)
{
    struct aside *aside = work->data;
    struct call *call = aside->call;
    struct api *api = aside->api;
    (void)status; /* never cancelled */
    api->aside.running--;
    call->awaiting = false;
    if (call->request == NULL) {
        call_free(call);
    } else {
        aside->answer(call);
    }
    start_next(api);
}

static void start_next(struct api *api)
{
    while (api->aside.first != NULL && api->aside.running < ASIDE_RUNNING_MAX) {
        struct aside *aside = api->aside.first;
        api->aside.first = aside->next;
        api->aside.waiting--;
        if (aside->call->request == NULL) { /* gone while it waited */
            aside->call->awaiting = false;
            call_free(aside->call);
            continue;
        }
        api->aside.running++;
        int rc = uv_queue_work(api->loop, &aside->work, work_cb, worked_cb);
        INVARIANT(rc == 0);
    }
}

void aside_do(struct call *call, aside_work *work, aside_answer *answer)
{
    struct api *api = call->api;
    struct aside **end = &api->aside.first;
    if (api->aside.waiting == ASIDE_WAITING_MAX) {
        call_problem(call, 503, "busy",
                     "too many ask at once for what takes long to look up; try again");
        return;
    }
    struct aside *aside = arena_alloc(&call->arena, sizeof *aside);
    if (aside == NULL) {
        call_problem(call, 503, "no_memory", "out of memory; try again");
        return;
    }
    *aside = (struct aside){
        .call = call, .api = api, .state = call->state, .run = work, .answer = answer};
    aside->work.data = aside;
    while (*end != NULL) { /* ASIDE_WAITING_MAX at most */
        end = &(*end)->next;
    }
    *end = aside;
    call->awaiting = true;
    api->aside.waiting++;
    start_next(api);
}
