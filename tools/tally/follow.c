// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/follow.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP_US 250000
#define BAR_WIDTH 24

static void end_bar(struct follower *f)
{
    if (f->bar) {
        (void)fputs("\r\033[K", stdout);
        f->bar = false;
    }
}

static void say(struct follower *f, const char *mark, const char *format, ...) PRINTF_LIKE(3, 4);

static void say(struct follower *f, const char *mark, const char *format, ...)
{
    char text[1024];
    va_list args;
    end_bar(f);
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    printf("  %s ", mark);
    cli_put(bytes_of_text(text), stdout);
    (void)putchar('\n');
}

/* Lines of a program, each behind a bar. */
static void print_output(struct follower *f, const char *text)
{
    end_bar(f);
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        (void)fputs("    │ ", stdout);
        cli_put(bytes_of(text, size), stdout);
        (void)putchar('\n');
        text += size + (text[size] == '\n' ? 1 : 0);
    }
}

static void draw_bar(struct follower *f, int64_t permille, const char *operation)
{
    if (!f->terminal) {
        return;
    }
    (void)fputs("\r\033[K    ", stdout);
    for (int64_t i = 0; i < BAR_WIDTH; i++) {
        (void)fputs(i * 1000 < permille * BAR_WIDTH ? "█" : "░", stdout);
    }
    printf(" %3" PRId64 " %%  ", permille / 10);
    cli_put(bytes_of_text(operation), stdout);
    (void)fflush(stdout);
    f->bar = true;
}

/* What a person wants to hear of an event; the rest stays quiet. */
static void show_event(struct follower *f, json_t *event)
{
    const char *type = json_text(event, "type");
    json_t *data = json_object_get(event, "data");
    char amount[32];
    if (strcmp(type, "escrow.requested") == 0) {
        say(f, "·", "escrow %s waits for %s QUBIC", json_text(data, "identity"),
            cli_amount(json_number(data, "amount"), amount));
    } else if (strcmp(type, "deposit.observed") == 0) {
        say(f, "·", "%s QUBIC arrived (%s)", cli_amount(json_number(data, "amount"), amount),
            json_text(data, "class"));
    } else if (strcmp(type, "escrow.confirmed") == 0) {
        say(f, "·", "confirmation %" PRId64 "/%" PRId64, json_number(data, "confirmations"),
            json_number(data, "required"));
    } else if (strcmp(type, "escrow.locked") == 0) {
        say(f, "✓", "locked %s QUBIC", cli_amount(json_number(data, "amount"), amount));
    } else if (strcmp(type, "job.assigned") == 0) {
        say(f, "·", "a machine took the job");
    } else if (strcmp(type, "job.started") == 0) {
        say(f, "▶", "running");
    } else if (strcmp(type, "job.output") == 0) {
        print_output(f, json_text(data, "text"));
    } else if (strcmp(type, "job.progressed") == 0) {
        draw_bar(f, json_number(data, "permille"), json_text(data, "operation"));
    } else if (strcmp(type, "result.stored") == 0) {
        say(f, "·", "result %s (%" PRId64 " bytes)", json_text(data, "file_name"),
            json_number(data, "size"));
    } else if (strcmp(type, "job.completed") == 0) {
        bool to_its_end = strcmp(json_text(data, "ending"), "completed") == 0;
        say(f, "✓", "completed%s", to_its_end ? "" : ": what was paid for is used up");
    } else if (strcmp(type, "job.failed") == 0) {
        say(f, "✗", "failed: %s (%s)", json_text(data, "reason"), json_text(data, "ending"));
    } else if (strcmp(type, "job.cancelled") == 0) {
        say(f, "✗", "cancelled (%s)", json_text(data, "reason"));
    } else if (strcmp(type, "payout.confirmed") == 0) {
        say(f, "✓", "paid %s QUBIC to the provider",
            cli_amount(json_number(data, "amount"), amount));
    } else if (strcmp(type, "refund.confirmed") == 0) {
        say(f, "✓", "%s QUBIC came back", cli_amount(json_number(data, "amount"), amount));
    } else if (strcmp(type, "payout.lost") == 0 || strcmp(type, "refund.lost") == 0) {
        say(f, "!", "%s: the chain did not take it; another attempt follows", type);
    }
    (void)fflush(stdout);
}

static enum err_code show_new(struct follower *f, struct err *err)
{
    bool more = true;
    while (more) {
        char path[160];
        json_t *page = NULL;
        (void)snprintf(path, sizeof path, "/v1/jobs/%s/events?after=%" PRId64 "&limit=200",
                       f->job_id, f->after);
        enum err_code code = remote_call(f->remote, "GET", path, NULL, &page, err);
        if (code != ERR_OK) {
            return code;
        }
        json_t *items = json_object_get(page, "items");
        for (size_t i = 0; i < json_array_size(items); i++) {
            json_t *event = json_array_get(items, i);
            f->after = strtoll(json_text(event, "id"), NULL, 10);
            if (f->json) {
                (void)json_dumpf(event, stdout, JSON_COMPACT);
                (void)putchar('\n');
                (void)fflush(stdout);
            } else {
                show_event(f, event);
            }
        }
        more = json_is_integer(json_object_get(page, "next"));
        json_decref(page);
    }
    return ERR_OK;
}

enum err_code follow_step(struct follower *f, json_t **ret_job, struct err *err)
{
    char path[80];
    json_t *job = NULL;
    /* The job first: what it says has its events before or at the next look. */
    (void)snprintf(path, sizeof path, "/v1/jobs/%s", f->job_id);
    enum err_code code = remote_call(f->remote, "GET", path, NULL, &job, err);
    if (code == ERR_OK) {
        code = show_new(f, err);
    }
    if (code != ERR_OK) {
        json_decref(job);
        return code;
    }
    *ret_job = job;
    return ERR_OK;
}

enum err_code follow_to_end(struct follower *f, json_t **ret_job, struct err *err)
{
    int away = 0;
    for (;;) {
        json_t *job = NULL;
        enum err_code code = follow_step(f, &job, err);
        if (code == ERR_UNAVAILABLE || code == ERR_TIMEOUT) {
            if (++away > 240) { /* a minute without an answer */
                return code;
            }
        } else if (code != ERR_OK) {
            return code;
        } else {
            away = 0;
            if (json_is_true(json_object_get(job, "settled"))) {
                end_bar(f);
                *ret_job = job;
                return ERR_OK;
            }
            json_decref(job);
        }
        (void)usleep(STEP_US);
    }
}

void follow_print_bill(json_t *job)
{
    char amount[32];
    char duration[32];
    json_t *legs = json_object_get(job, "legs");
    printf("\n    price (at most)  %16s QUBIC\n", cli_amount(json_number(job, "cap"), amount));
    printf("    used             %16s\n", cli_duration(json_number(job, "used_ms"), duration));
    printf("    paid             %16s QUBIC\n", cli_amount(json_number(job, "gross"), amount));
    printf("    came back        %16s QUBIC\n", cli_amount(json_number(job, "refund"), amount));
    for (size_t i = 0; i < json_array_size(legs); i++) {
        json_t *leg = json_array_get(legs, i);
        printf("    %-7s %s  %s\n", json_text(leg, "kind"), json_text(leg, "status"),
               json_text(leg, "tx_id"));
    }
}
