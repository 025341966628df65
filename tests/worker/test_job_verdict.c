/* How a job ended, in the words of the API: what was measured before what was written, what was written before how it ended. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.h"
#include "tests/support/cmocka_all.h"
#include "worker/job_diagnosis.h"
#include "worker/job_verdict.h"

#include <string.h>

static struct program_end ended(int exit_status, int signal)
{
    return (struct program_end){
        .sandbox = {.started = true, .exit_status = exit_status, .signal = signal}};
}

static void assert_verdict(struct job_verdict_facts facts, struct program_end end, const char *said,
                           const char *ending, const char *reason, const char *detail)
{
    struct job_verdict verdict;
    job_verdict_init(&verdict);
    if (said[0] != 0) {
        job_verdict_line(&verdict, STREAM_STDERR, bytes_of_text(said));
    }
    facts.end = &end;
    job_verdict_decide(&verdict, &facts);
    assert_string_equal(verdict.ending, ending);
    assert_string_equal(verdict.reason, reason);
    if (strstr(buf_text(&verdict.detail), detail) == NULL) {
        fail_msg("'%s' is not in '%s'", detail, buf_text(&verdict.detail));
    }
    job_verdict_deinit(&verdict);
}

/* R11.5 */
static void each_failure_has_its_reason_and_its_advice(void **state)
{
    static const struct {
        const char *said;
        const char *reason;
        const char *advice;
    } rows[] = {
        {"ModuleNotFoundError: No module named 'x'", "module_missing", "pure Python wheel"},
        {"tally-runner: requirements: this machine has not: x", "module_missing", "wheels/"},
        {"tally-runner: entry point: none was named", "entry_missing", "settings.entry"},
        {"torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
         "gpu_out_of_memory", "smaller batch"},
        {"RuntimeError: CUDA error: out of memory", "gpu_out_of_memory", "half precision"},
        {"numpy.core._exceptions._ArrayMemoryError: Unable to allocate", "out_of_memory",
         "more memory"},
        {"RuntimeError: can't start new thread", "process_limit", "fewer processes"},
        {"OSError: [Errno 28] No space left on device", "disk_limit", "write less"},
        {"KeyError: 'price'", "exited_nonzero", "exit status 1"},
        {"", "exited_nonzero", "exit status 1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct job_verdict_facts const nothing = {0};
        assert_verdict(nothing, ended(1, 0), rows[i].said, "program_failed", rows[i].reason,
                       rows[i].advice);
        assert_verdict(nothing, ended(1, 0), rows[i].said, "program_failed", rows[i].reason,
                       rows[i].said);
    }
}

static void what_was_measured_counts_before_what_was_written(void **state)
{
    static const char said[] = "ModuleNotFoundError: No module named 'x'";
    (void)state;
    assert_verdict((struct job_verdict_facts){.out_of_memory = true}, ended(137, 9), said,
                   "program_failed", "out_of_memory", "the program used up the memory");
    assert_verdict((struct job_verdict_facts){.over_disk = "its files took 97 MiB"}, ended(137, 9),
                   said, "program_failed", "disk_limit", "its files took 97 MiB; write less");
    assert_verdict((struct job_verdict_facts){.out_of_processes = true}, ended(1, 0), "oops",
                   "program_failed", "process_limit", "fewer processes");
    assert_verdict((struct job_verdict_facts){.out_of_processes = true}, ended(1, 0), said,
                   "program_failed", "module_missing", "wheels/");
    assert_verdict((struct job_verdict_facts){0}, ended(139, 11), "oops", "program_failed",
                   "killed_by_signal", "signal 11");
    assert_verdict((struct job_verdict_facts){.gpu_lost = "GPU 0 is gone"}, ended(137, 9), said,
                   "host_fault", "gpu_lost", "GPU 0 is gone");
    assert_verdict((struct job_verdict_facts){.disk_low = true}, ended(1, 0), said, "host_fault",
                   "sandbox_failed", "nearly full");
    assert_verdict((struct job_verdict_facts){.worker_stopping = true}, ended(1, 0), said,
                   "host_fault", "worker_stopped", "stopped the worker");
}

/* What is measured is not asked of a program that ended well. */
static void success_is_success(void **state)
{
    (void)state;
    assert_verdict((struct job_verdict_facts){.out_of_processes = true, .over_disk = "much"},
                   ended(0, 0), "MemoryError", "completed", "exited_zero", "");
    struct program_end end = ended(137, 9);
    end.limit_reached = true;
    assert_verdict((struct job_verdict_facts){.out_of_memory = true}, end, "", "cap_reached",
                   "paid_limit", "paid for");
}

/* R11.5: a Dockerfile that names what its image has not is not the machine's fault; what the machine ran out of is, and so is a sandbox that could not
 * be made, and each of them outside a container. */
static void what_an_image_has_not_is_the_jobs_fault(void **state)
{
    static const struct {
        const char *said;
        bool in_container;
        bool is_ours;
    } rows[] = {
        {"bwrap: execvp /absent: No such file or directory", true, false},
        {"bwrap: Can't chdir to /run: Permission denied", true, false},
        {"bwrap: execvp /big: Cannot allocate memory", true, true},
        {"bwrap: Can't find source path /mnt/x: Permission denied", true, true},
        {"bwrap: execvp /usr/bin/python3: No such file or directory", false, true},
    };
    struct program_end const unstarted = {.sandbox = {.exit_status = 1}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_verdict((struct job_verdict_facts){.in_container = rows[i].in_container}, unstarted,
                       rows[i].said, rows[i].is_ours ? "host_fault" : "program_failed",
                       rows[i].is_ours ? "sandbox_failed" : "entry_missing", rows[i].said);
    }
}

static void the_last_sentence_counts(void **state)
{
    struct job_diagnosis found;
    (void)state;
    assert_true(
        job_diagnose(bytes_of_text("MemoryError\nhandled\nModuleNotFoundError: x\n"), &found));
    assert_string_equal(found.reason, "module_missing");
    assert_true(job_diagnose(bytes_of_text("ModuleNotFoundError: x\nretry\nMemoryError"), &found));
    assert_string_equal(found.reason, "out_of_memory");
    assert_false(job_diagnose(bytes_of_text("all is well"), &found));
    assert_false(job_diagnose((struct bytes){0}, &found));
    assert_null(job_advice("exited_nonzero"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failure_has_its_reason_and_its_advice),
        cmocka_unit_test(what_was_measured_counts_before_what_was_written),
        cmocka_unit_test(success_is_success),
        cmocka_unit_test(what_an_image_has_not_is_the_jobs_fault),
        cmocka_unit_test(the_last_sentence_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
