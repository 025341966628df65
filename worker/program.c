// SPDX-License-Identifier: Apache-2.0
#include "worker/program.h"

#include "core/base/invariant.h"
#include "core/base/time.h"
#include "core/base/trace.h"

#include <fcntl.h>
#include <stdlib.h>

#define CHUNK 65536
#define PIPE_SIZE (1 << 20) /* what an ordinary user may ask for */
#define STATUS_TICK_MS 20   /* until bwrap has told the first process's number */
#define REST_MS                                                                                    \
    20 /* a program that writes a line at a time wakes us this often, not with each line */
#define HANDLES 6

struct program {
    struct program_options options;
    struct sandbox sandbox;
    uv_pipe_t pipes[STREAM_COUNT];
    bool pipe_ended[STREAM_COUNT];
    bool resting;  /* little came: what comes meanwhile waits in the pipe */
    size_t recent; /* bytes, the older ones counted for less */
    uv_poll_t exit_poll;
    uv_timer_t limit_timer; /* the limit, then the end of the grace */
    uv_timer_t status_timer;
    uv_timer_t rest_timer;
    int open_handles;
    int64_t started_ns;
    int64_t ended_ns; /* 0 while it runs */
    bool stopping;
    struct program_end end;
    bool told;
    char chunk[CHUNK];
};

static void on_closed(uv_handle_t *handle)
{
    struct program *program = handle->data;
    if (--program->open_handles == 0) {
        sandbox_deinit(&program->sandbox);
        free(program);
    }
}

/* ── output ────────────────────────────────────────────────────────────────────────────────────── */

static void check_end(struct program *program)
{
    if (program->ended_ns != 0 && program->pipe_ended[STREAM_STDOUT] &&
        program->pipe_ended[STREAM_STDERR] && !program->told) {
        program->told = true;
        program->options.on_end(program->options.ctx, &program->end);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct program *program = handle->data;
    (void)suggested;
    *ret = uv_buf_init(program->chunk, CHUNK); /* used up before the next read */
}

static void on_read(uv_stream_t *pipe, ssize_t size, const uv_buf_t *buf);

static void set_reading(struct program *program)
{
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        if (!program->pipe_ended[i]) {
            (void)(program->resting
                       ? uv_read_stop((uv_stream_t *)&program->pipes[i])
                       : uv_read_start((uv_stream_t *)&program->pipes[i], on_alloc, on_read));
        }
    }
}

static void on_rested(uv_timer_t *timer)
{
    struct program *program = timer->data;
    program->resting = false;
    set_reading(program);
}

static void on_read(uv_stream_t *pipe, ssize_t size, const uv_buf_t *buf)
{
    struct program *program = pipe->data;
    enum worker_stream const stream =
        (uv_pipe_t *)pipe == &program->pipes[STREAM_STDOUT] ? STREAM_STDOUT : STREAM_STDERR;
    if (size > 0) {
        program->recent += (size_t)size;
        if (size < CHUNK / 4) {
            program->recent /= 2;
        }
        if (program->recent < CHUNK / 4 && program->ended_ns == 0 && !program->resting) {
            program->resting = true;
            (void)uv_timer_start(&program->rest_timer, on_rested, REST_MS, 0);
            set_reading(program);
        }
        program->options.on_output(program->options.ctx, stream, bytes_of(buf->base, (size_t)size));
    } else if (size < 0) {
        (void)uv_read_stop(pipe);
        program->pipe_ended[stream] = true;
        check_end(program);
    }
}

/* ── end ───────────────────────────────────────────────────────────────────────────────────────── */

uint64_t program_used_ms(const struct program *program)
{
    int64_t const end = program->ended_ns != 0 ? program->ended_ns : time_mono_ns();
    uint64_t const used = (uint64_t)((end - program->started_ns) / NS_PER_MS);
    return used < program->options.limit_ms ? used : program->options.limit_ms;
}

static void on_exit_ready(uv_poll_t *poll, int status, int events)
{
    struct program *program = poll->data;
    (void)status;
    (void)events;
    (void)uv_poll_stop(poll);
    (void)uv_timer_stop(&program->limit_timer);
    (void)uv_timer_stop(&program->status_timer);
    program->ended_ns = time_mono_ns();
    sandbox_reap(&program->sandbox, &program->end.sandbox);
    program->end.used_ms = program_used_ms(program);
    (void)uv_timer_stop(&program->rest_timer);
    program->resting = false;
    set_reading(program);
    check_end(program);
}

static void on_grace_over(uv_timer_t *timer)
{
    struct program *program = timer->data;
    sandbox_kill(&program->sandbox);
}

static void begin_stop(struct program *program, uint64_t grace_ms)
{
    if (program->ended_ns != 0) {
        return;
    }
    if (grace_ms == 0) {
        sandbox_kill(&program->sandbox);
    } else if (!program->stopping) {
        sandbox_terminate(&program->sandbox);
    }
    program->stopping = true;
    (void)uv_timer_start(&program->limit_timer, on_grace_over, grace_ms, 0);
}

static void on_limit(uv_timer_t *timer)
{
    struct program *program = timer->data;
    program->end.limit_reached = true;
    begin_stop(program, program->options.grace_ms);
}

void program_stop(struct program *program, uint64_t grace_ms)
{
    program->end.stopped = true;
    begin_stop(program, grace_ms);
}

static void on_status(uv_timer_t *timer)
{
    struct program *program = timer->data;
    if (sandbox_poll_status(&program->sandbox)) {
        (void)uv_timer_stop(timer);
    }
}

pid_t program_root(struct program *program)
{
    return program->ended_ns == 0 && sandbox_poll_status(&program->sandbox)
               ? program->sandbox.init_pid
               : 0;
}

/* ── start ─────────────────────────────────────────────────────────────────────────────────────── */

static void init_handles(struct program *program, uv_loop_t *loop)
{
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        INVARIANT(uv_pipe_init(loop, &program->pipes[i], 0) == 0);
        program->pipes[i].data = program;
    }
    INVARIANT(uv_timer_init(loop, &program->limit_timer) == 0);
    INVARIANT(uv_timer_init(loop, &program->status_timer) == 0);
    program->limit_timer.data = program;
    program->status_timer.data = program;
    INVARIANT(uv_timer_init(loop, &program->rest_timer) == 0);
    program->rest_timer.data = program;
    program->open_handles = HANDLES - 1;
}

static void take_pipes(struct program *program)
{
    int *fds[STREAM_COUNT] = {&program->sandbox.stdout_fd, &program->sandbox.stderr_fd};
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        /* A program that writes much waits for us less often; refused, it is as it was. */
        (void)fcntl(*fds[i], F_SETPIPE_SZ, PIPE_SIZE);
        INVARIANT(uv_pipe_open(&program->pipes[i], *fds[i]) == 0);
        *fds[i] = -1;
        INVARIANT(uv_read_start((uv_stream_t *)&program->pipes[i], on_alloc, on_read) == 0);
    }
}

enum err_code program_start(uv_loop_t *loop, const struct program_options *options,
                            struct program **ret_program, struct err *err)
{
    struct program *program = calloc(1, sizeof *program);
    if (program == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for a program");
    }
    program->options = *options;
    enum err_code code = sandbox_spawn(&options->sandbox, &program->sandbox, err);
    if (code != ERR_OK) {
        sandbox_deinit(&program->sandbox);
        free(program);
        return code;
    }
    program->started_ns = time_mono_ns();
    uv_update_time(loop); /* timers count from the loop's clock */
    init_handles(program, loop);
    INVARIANT(uv_poll_init(loop, &program->exit_poll, program->sandbox.pidfd) == 0);
    program->open_handles++;
    program->exit_poll.data = program;
    INVARIANT(uv_poll_start(&program->exit_poll, UV_READABLE, on_exit_ready) == 0);
    take_pipes(program);
    (void)uv_timer_start(&program->status_timer, on_status, STATUS_TICK_MS, STATUS_TICK_MS);
    (void)uv_timer_start(&program->limit_timer, on_limit, options->limit_ms, 0);
    *ret_program = program;
    return ERR_OK;
}

void program_close(struct program *program)
{
    if (program == NULL) {
        return;
    }
    if (program->ended_ns == 0) {
        sandbox_kill(&program->sandbox);
    }
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        uv_close((uv_handle_t *)&program->pipes[i], on_closed);
    }
    uv_close((uv_handle_t *)&program->exit_poll, on_closed);
    uv_close((uv_handle_t *)&program->limit_timer, on_closed);
    uv_close((uv_handle_t *)&program->status_timer, on_closed);
    uv_close((uv_handle_t *)&program->rest_timer, on_closed);
}
