/* tests/support/virtual_chain.h: the local network and a chain client in one process and in virtual time.
 *
 *     virtual_chain_step ─▶ the next of: a tick, an answer's arrival, the client's timer ─▶ now_ms jumps there
 *
 * Nothing waits, nothing depends on the machine: the same plan and the same questions give the same run. A question is answered by
 * the network when it is sent, and the answer arrives `latency_ms` and the fault's delay later; one that takes longer than the attempt's
 * time is a timeout, and what it asked for was done.
 * Owner:   caller's storage, which must not move; virtual_chain_end frees.
 * Thread:  one. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_VIRTUAL_CHAIN_H
#define TESTS_SUPPORT_VIRTUAL_CHAIN_H

#include "core/base/invariant.h"
#include "core/qubic/client.h"
#include "tests/support/cmocka_all.h"
#include "tools/devchain/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIRTUAL_TICK_MS 1000
#define VIRTUAL_URL "http://virtual"

struct virtual_flight {
    struct virtual_flight *next; /* in the order they were sent */
    int64_t due_ms;
    bool timed_out;
    struct service_reply reply;
    http_call_cb on_done;
    void *ctx;
};

struct virtual_chain {
    struct devnet *network;
    struct chain *chain;
    struct qubic_client *client;
    int64_t now_ms;
    int64_t tick_due_ms;
    int64_t timer_ms; /* INT64_MAX: not set */
    int64_t latency_ms;
    struct virtual_flight *flights;
};

static inline int64_t virtual_now_ms(void *ctx)
{
    return ((struct virtual_chain *)ctx)->now_ms;
}

static inline enum err_code virtual_send(void *ctx, const struct http_call_options *options,
                                         http_call_cb on_done, void *done_ctx, void **ret_call,
                                         struct err *err)
{
    struct virtual_chain *v = ctx;
    struct virtual_flight *flight = calloc(1, sizeof *flight);
    if (flight == NULL) {
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    INVARIANT(strncmp(options->url, VIRTUAL_URL, strlen(VIRTUAL_URL)) == 0);
    service_ask(v->network, options->body.size > 0, options->url + strlen(VIRTUAL_URL),
                options->body, &flight->reply);
    int64_t const takes_ms = v->latency_ms + flight->reply.delay_ms;
    int64_t const patience_ms = (int64_t)options->total_timeout_ms;
    flight->timed_out = takes_ms > patience_ms;
    flight->due_ms = v->now_ms + (flight->timed_out ? patience_ms : takes_ms);
    flight->on_done = on_done;
    flight->ctx = done_ctx;
    struct virtual_flight **at = &v->flights;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = flight;
    *ret_call = flight;
    return ERR_OK;
}

static inline void virtual_flight_unlink(struct virtual_chain *v, struct virtual_flight *flight)
{
    for (struct virtual_flight **at = &v->flights; *at != NULL; at = &(*at)->next) {
        if (*at == flight) {
            *at = flight->next;
            return;
        }
    }
    IMPOSSIBLE("a flight that nobody sent");
}

static inline void virtual_flight_free(struct virtual_flight *flight)
{
    service_reply_deinit(&flight->reply);
    free(flight);
}

static inline void virtual_cancel(void *ctx, void *call)
{
    virtual_flight_unlink(ctx, call);
    virtual_flight_free(call);
}

static inline void virtual_set_timer(void *ctx, struct qubic_client *client, int64_t after_ms)
{
    struct virtual_chain *v = ctx;
    (void)client;
    v->timer_ms = after_ms < 0 ? INT64_MAX : v->now_ms + after_ms;
}

/* `options`: of the client; the URLs are set here. */
static inline void virtual_chain_start(struct virtual_chain *v, const struct fault_plan *plan,
                                       struct qubic_client_options options)
{
    struct chain_options const chain = {.start_tick = 1000, .epoch = 200, .tick_seconds = 1};
    struct qubic_io const io = {.ctx = v,
                                .now_ms = virtual_now_ms,
                                .send = virtual_send,
                                .cancel = virtual_cancel,
                                .set_timer = virtual_set_timer};
    *v = (struct virtual_chain){
        .tick_due_ms = VIRTUAL_TICK_MS, .timer_ms = INT64_MAX, .latency_ms = 20};
    assert_int_equal(network_create(&chain, plan, &v->network, NULL), ERR_OK);
    v->chain = network_chain(v->network);
    options.live_url = VIRTUAL_URL "/live/v1";
    options.query_url = VIRTUAL_URL "/query/v1";
    assert_int_equal(qubic_client_create_on(&io, &options, &v->client, NULL), ERR_OK);
}

static inline void virtual_chain_end(struct virtual_chain *v)
{
    qubic_client_destroy(v->client);
    assert_null(v->flights);
    network_destroy(v->network);
}

static inline void virtual_arrive(struct virtual_chain *v, struct virtual_flight *flight)
{
    struct http_call_result result = {.status = flight->reply.status,
                                      .body = buf_bytes(&flight->reply.body)};
    virtual_flight_unlink(v, flight);
    if (flight->timed_out) {
        result.code = err_set(&result.err, ERR_TIMEOUT, "no answer in time");
    } else if (flight->reply.cut) {
        result.code = err_set(&result.err, ERR_UNAVAILABLE, "the connection was cut");
    }
    flight->on_done(flight->ctx, &result);
    virtual_flight_free(flight);
}

/* One thing happens: at the same time a tick before an answer, an answer before the timer. */
static inline void virtual_chain_step(struct virtual_chain *v)
{
    struct virtual_flight *first = v->flights;
    for (struct virtual_flight *at = v->flights; at != NULL; at = at->next) {
        first = at->due_ms < first->due_ms ? at : first;
    }
    int64_t const answer_ms = first != NULL ? first->due_ms : INT64_MAX;
    if (v->tick_due_ms <= answer_ms && v->tick_due_ms <= v->timer_ms) {
        bool ticked;
        v->now_ms = v->tick_due_ms;
        v->tick_due_ms += VIRTUAL_TICK_MS;
        assert_int_equal(network_tick(v->network, v->now_ms, &ticked, NULL), ERR_OK);
    } else if (answer_ms <= v->timer_ms) {
        v->now_ms = answer_ms;
        virtual_arrive(v, first);
    } else {
        v->now_ms = v->timer_ms;
        v->timer_ms = INT64_MAX;
        qubic_client_wake(v->client);
    }
}

static inline void virtual_chain_pass(struct virtual_chain *v, int64_t ms)
{
    int64_t const until_ms = v->now_ms + ms;
    while (v->now_ms < until_ms) {
        virtual_chain_step(v);
    }
}

struct virtual_answer {
    bool done;
    struct qubic_answer answer; /* without its slices */
};

static inline void virtual_answered_cb(void *ctx, const struct qubic_answer *answer)
{
    struct virtual_answer *a = ctx;
    a->answer = *answer;
    a->done = true;
}

/* VIRTUAL_ASK(v, a, qubic_client_tick_info(v->client, l, NULL, NULL)): once, whatever the answer. */
#define VIRTUAL_ASK(v, a, question)                                                                \
    do {                                                                                           \
        struct qubic_listener const l = {.on_answer = virtual_answered_cb, .ctx = &(a)};           \
        (a) = (struct virtual_answer){0};                                                          \
        assert_int_equal(question, ERR_OK);                                                        \
        while (!(a).done) {                                                                        \
            virtual_chain_step(v);                                                                 \
        }                                                                                          \
    } while (0)

#endif
