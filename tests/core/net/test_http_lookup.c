/* R16: a name whose servers do not answer holds up its own call and nothing else. The resolver is ours: it answers when it is let. */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/http_client.h"
#include "tests/support/net_peer.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned inside; /* lookups that have not returned */
static bool asked;
static bool released;
static bool gave_up; /* nobody let it answer: whoever should have was waiting for it */

/* libcurl's, too: a program's own functions go before a library's. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    struct timespec until;
    (void)name;
    (void)service;
    (void)hints;
    *ret = NULL;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    (void)pthread_mutex_lock(&mutex);
    inside++;
    asked = true;
    while (!released && !gave_up) {
        gave_up = pthread_cond_timedwait(&changed, &mutex, &until) == ETIMEDOUT;
    }
    inside--;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&mutex);
    return EAI_AGAIN;
}

static bool was_asked(void)
{
    (void)pthread_mutex_lock(&mutex);
    bool was = asked;
    (void)pthread_mutex_unlock(&mutex);
    return was;
}

/* Nobody waits for the thread of a lookup that was given up: one of the test before may not have seen yet that it is released. */
static void begin(void)
{
    (void)pthread_mutex_lock(&mutex);
    while (inside > 0) {
        (void)pthread_cond_wait(&changed, &mutex);
    }
    asked = false;
    released = false;
    gave_up = false;
    (void)pthread_mutex_unlock(&mutex);
}

/* Whether the lookup was still under way until now. */
static bool release(void)
{
    (void)pthread_mutex_lock(&mutex);
    bool still = !gave_up;
    released = true;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&mutex);
    return still;
}

struct fixture {
    uv_loop_t loop;
    struct http_client *client;
    bool done;
    bool closed;
    enum err_code code;
};

static void on_done(void *ctx, const struct http_call_result *result)
{
    struct fixture *f = ctx;
    f->done = true;
    f->code = result->code;
}

static void on_closed(void *ctx)
{
    ((struct fixture *)ctx)->closed = true;
}

static void call_by_name(struct fixture *f, uint64_t timeout_ms, struct http_call **ret)
{
    const struct http_call_options options = {.url = "http://slow.example.com/",
                                              .connect_timeout_ms = timeout_ms};
    *f = (struct fixture){0};
    begin();
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(http_client_create(&f->loop, &f->client, NULL), ERR_OK);
    assert_int_equal(http_client_send(f->client, &options, on_done, f, ret, NULL), ERR_OK);
}

static void close_all(struct fixture *f)
{
    http_client_close(f->client, on_closed, f);
    peer_wait(&f->loop, &f->closed);
    assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&f->loop), 0);
}

static void a_lookup_that_takes_too_long_is_not_waited_for(void **state)
{
    struct fixture f;
    struct http_call *call;
    (void)state;
    call_by_name(&f, 200, &call);
    peer_wait(&f.loop, &f.done);
    assert_int_equal(f.code, ERR_TIMEOUT);
    close_all(&f);
    assert_true(release());
}

static void a_call_is_cancelled_while_its_name_is_looked_up(void **state)
{
    struct fixture f;
    struct http_call *call;
    (void)state;
    call_by_name(&f, 60000, &call);
    for (int64_t until = peer_now_ms() + PEER_PATIENCE_MS; !was_asked();) {
        peer_turn(&f.loop);
        assert_true(peer_now_ms() < until);
    }
    http_call_cancel(call);
    close_all(&f);
    assert_true(release());
    assert_false(f.done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lookup_that_takes_too_long_is_not_waited_for),
        cmocka_unit_test(a_call_is_cancelled_while_its_name_is_looked_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
