// SPDX-License-Identifier: Apache-2.0
#include "worker/job_verdict.h"

#include "core/base/text.h"
#include "worker/job_diagnosis.h"

#include <string.h>

#define TAIL_KEEP 900
#define TAIL_MAX 4096

void job_verdict_init(struct job_verdict *verdict)
{
    *verdict = (struct job_verdict){.ending = "host_fault", .reason = "sandbox_failed"};
    buf_init(&verdict->detail, 2 * TAIL_MAX);
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        buf_init(&verdict->tail[i], TAIL_MAX);
    }
}

void job_verdict_deinit(struct job_verdict *verdict)
{
    buf_deinit(&verdict->detail);
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        buf_deinit(&verdict->tail[i]);
    }
}

/* Keep the end of `tail`, from the beginning of a line on. */
static void trim(struct buf *tail)
{
    if (tail->size <= TAIL_KEEP) {
        return;
    }
    size_t const cut = tail->size - TAIL_KEEP;
    const uint8_t *line = memchr(tail->data + cut, '\n', TAIL_KEEP);
    size_t const start = line == NULL ? cut : (size_t)(line - tail->data) + 1;
    buf_consume(tail, start < tail->size ? start : cut);
}

void job_verdict_line(struct job_verdict *verdict, enum worker_stream stream, struct bytes line)
{
    struct buf *tail = &verdict->tail[stream];
    if (line.size > TAIL_KEEP) {
        line = bytes_from(line, line.size - TAIL_KEEP);
    }
    buf_append_bytes(tail, line);
    buf_append_byte(tail, '\n');
    if (tail->size > TAIL_MAX - TAIL_KEEP - 2) {
        trim(tail);
    }
}

static void decide(struct job_verdict *verdict, const char *ending, const char *reason,
                   const char *sentence)
{
    verdict->decided = true;
    verdict->ending = ending;
    verdict->reason = reason;
    buf_clear(&verdict->detail);
    utf8_append_lossy(&verdict->detail, bytes_of_text(sentence));
}

void job_verdict_host_fault(struct job_verdict *verdict, const char *reason, const char *detail)
{
    decide(verdict, "host_fault", reason, detail);
    verdict->keeps_results = false;
}

void job_verdict_unready(struct job_verdict *verdict, enum err_code code, const char *detail)
{
    if (code == ERR_INVALID) {
        decide(verdict, "program_failed", "entry_missing", detail);
        verdict->keeps_results = false;
    } else {
        job_verdict_host_fault(verdict,
                               code == ERR_CORRUPT     ? "input_missing"
                               : code == ERR_NOT_FOUND ? "kind_not_runnable"
                                                       : "sandbox_failed",
                               detail);
    }
}

/* A blank for every zero byte: the text goes to places that end there. */
static void append_tail(struct job_verdict *verdict)
{
    struct buf *tail = verdict->tail[STREAM_STDERR].size > 0 ? &verdict->tail[STREAM_STDERR]
                                                             : &verdict->tail[STREAM_STDOUT];
    trim(tail);
    for (size_t i = 0; i < tail->size; i++) {
        tail->data[i] = tail->data[i] == 0 ? ' ' : tail->data[i];
    }
    struct bytes const text = bytes_of(tail->data, tail->size > 0 ? tail->size - 1 : 0);
    if (text.size > 0) {
        buf_append_text(&verdict->detail, verdict->detail.size > 0 ? ":\n" : "");
        utf8_append_lossy(&verdict->detail, text);
    }
}

/* Why it failed, in the order of how sure that is: what was measured, then what it wrote, then how it ended. */
static const char *failed_because(struct job_verdict *verdict,
                                  const struct job_verdict_facts *facts)
{
    const struct sandbox_end *end = &facts->end->sandbox;
    struct job_diagnosis found;
    if (facts->over_disk != NULL) { /* stopped for it, or failed with it */
        return "disk_limit";
    }
    if (facts->out_of_memory) {
        return "out_of_memory";
    }
    if (job_diagnose(buf_bytes(&verdict->tail[STREAM_STDERR]), &found)) {
        return found.reason;
    }
    if (facts->out_of_processes) {
        return "process_limit";
    }
    return end->signal != 0 ? "killed_by_signal" : "exited_nonzero";
}

/* "exit status 1; what to do about it:\n<the last lines>" */
static void decide_failed(struct job_verdict *verdict, const struct job_verdict_facts *facts)
{
    const struct sandbox_end *end = &facts->end->sandbox;
    const char *reason = failed_because(verdict, facts);
    const char *advice = job_advice(reason);
    struct buf sentence;
    buf_init(&sentence, JOB_DETAIL_MAX);
    if (facts->over_disk != NULL) {
        buf_append_text(&sentence, facts->over_disk);
    } else if (facts->out_of_memory) {
        buf_append_text(&sentence, "the program used up the memory it may have");
    } else if (end->signal != 0) {
        buf_printf(&sentence, "killed by signal %d (%s)", end->signal,
                   sigdescr_np(end->signal) != NULL ? sigdescr_np(end->signal) : "?");
    } else {
        buf_printf(&sentence, "exit status %d", end->exit_status);
    }
    if (advice != NULL) {
        buf_printf(&sentence, "; %s", advice);
    }
    decide(verdict, "program_failed", reason, buf_text(&sentence));
    append_tail(verdict);
    buf_deinit(&sentence);
}

/* A program or a folder that a Dockerfile names, and that its image has not, or not for nobody: bubblewrap says so, and nothing else has spoken
 * before the program is started. What the machine ran out of is the machine's. */
static bool cannot_be_started(const struct job_verdict *verdict)
{
    static const char *const asked[] = {"bwrap: execvp ", "bwrap: Can't chdir to "};
    static const char *const short_of[] = {
        ": Cannot allocate memory\n", ": Resource temporarily unavailable\n",
        ": Input/output error\n", ": Too many open files\n", ": Too many open files in system\n"};
    const struct buf *said = &verdict->tail[STREAM_STDERR];
    bool is_asked = false;
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        size_t const size = strlen(asked[i]);
        is_asked = is_asked || (said->size >= size && memcmp(said->data, asked[i], size) == 0);
    }
    for (size_t i = 0; i < sizeof short_of / sizeof short_of[0]; i++) {
        size_t const size = strlen(short_of[i]);
        is_asked = is_asked && (said->size < size ||
                                memcmp(said->data + said->size - size, short_of[i], size) != 0);
    }
    return is_asked;
}

void job_verdict_decide(struct job_verdict *verdict, const struct job_verdict_facts *facts)
{
    const struct sandbox_end *end = &facts->end->sandbox;
    if (facts->worker_stopping) {
        job_verdict_host_fault(verdict, "worker_stopped", "the provider stopped the worker");
    } else if (facts->gpu_lost != NULL) {
        job_verdict_host_fault(verdict, "gpu_lost", facts->gpu_lost);
    } else if (facts->end->limit_reached) {
        decide(verdict, "cap_reached", "paid_limit", "stopped at the time that was paid for");
        verdict->keeps_results = true;
    } else if (!end->started && facts->in_container && cannot_be_started(verdict)) {
        decide(verdict, "program_failed", "entry_missing",
               "the image has not what is to be started, or not so that user 65534 may");
        append_tail(verdict);
    } else if (!end->started) {
        job_verdict_host_fault(verdict, "sandbox_failed", "the sandbox could not be made");
        append_tail(verdict);
    } else if (end->exit_status == 0) {
        decide(verdict, "completed", "exited_zero", "");
        verdict->keeps_results = true;
    } else if (facts->over_disk == NULL && facts->disk_low) {
        job_verdict_host_fault(verdict, "sandbox_failed", "the machine's disk is nearly full");
    } else {
        decide_failed(verdict, facts);
    }
}

void job_verdict_left_out(struct job_verdict *verdict, size_t count)
{
    if (count > 0) {
        buf_printf(&verdict->detail, "%s%zu result file%s could not be stored",
                   verdict->detail.size > 0 ? "; " : "", count, count == 1 ? "" : "s");
    }
}

void job_verdict_body(const struct job_verdict *verdict, uint64_t used_ms,
                      const struct sandbox_end *end, struct buf *ret)
{
    buf_printf(ret,
               "{\"ending\":\"%s\",\"reason\":\"%s\",\"worker_ms\":%llu,\"exit_status\":%d,"
               "\"signal\":%d,\"detail\":",
               verdict->ending, verdict->reason, (unsigned long long)used_ms, end->exit_status,
               end->signal);
    json_append_string(ret, buf_bytes(&verdict->detail));
    buf_append_byte(ret, '}');
}
