/* What a server asks a worker to run: any JSON. An order that is taken keeps the limits of worker/job_order.h, its command is one that the sandbox takes, and
 * file names made harmless stay what they are when made harmless again. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "tests/fuzz/fuzz_target.h"
#include "worker/job_order.h"

#include <string.h>

static void check_name(const char *name, const char *results)
{
    char again[SCRATCH_FILE_NAME_SIZE];
    size_t const size = strlen(name);
    INVARIANT(size > 0 && size < SCRATCH_FILE_NAME_SIZE);
    INVARIANT(strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
              size);
    INVARIANT(name[0] != '.' && name[0] != '-');
    INVARIANT(strlen(name) != strcspn(results, "/") || strncmp(name, results, strlen(name)) != 0);
    scratch_file_name(name, results, again);
    INVARIANT(strcmp(name, again) == 0);
}

static void check_order(struct job_order *order)
{
    struct box_key key;
    struct id16 id;
    char program_path[SCRATCH_FILE_NAME_SIZE + 5];
    const char *command[SANDBOX_COMMAND_MAX] = {0};
    INVARIANT(id_parse(bytes_of_text(order->id), &id, NULL) == ERR_OK);
    INVARIANT(order->input_size <= JOB_INPUT_MAX && order->limit_ms >= 1);
    INVARIANT(order->heartbeat_ms >= 1000 && order->lease_ms >= 1000);
    INVARIANT(order->argument_count <= JOB_ARGUMENTS_MAX);
    INVARIANT(order->environment_count <= SANDBOX_ENVIRONMENT_MAX - 2);
    for (size_t i = 0; i < order->environment_count; i++) {
        INVARIANT(strchr(order->environment[i].name, '=') == NULL);
        INVARIANT(strncmp(order->environment[i].name, "TALLY_", 6) != 0);
        INVARIANT(order->environment[i].value != NULL);
    }
    INVARIANT(job_result_name_is_good(order->results));
    INVARIANT(order->image == NULL ||
              (order->kind == JOB_KIND_CONTAINER && job_image_name_is_good(order->image)) ||
              !order->kind_is_known);
    check_name(order->file_name, order->results);
    box_key_from_secret((const uint8_t *)"01234567890123456789012345678901", &key);
    if (job_order_unseal(order, &key, NULL) == ERR_OK) {
        INVARIANT(order->environment_count <= SANDBOX_ENVIRONMENT_MAX - 3);
    }
    job_order_command(order, program_path, command);
    size_t count = 0;
    while (command[count] != NULL) {
        count++;
        INVARIANT(count < SANDBOX_COMMAND_MAX);
    }
    size_t const words = order->kind == JOB_KIND_PYTHON                              ? 3
                         : order->kind == JOB_KIND_BUNDLE && order->entry[0] != '\0' ? 8
                                                                                     : 6;
    INVARIANT(count == words + order->argument_count);
    INVARIANT(order->kind < JOB_KIND_COUNT);
    INVARIANT(order->entry[0] == '\0' || job_result_name_is_good(order->entry));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct job_order order;
    struct id16 id;
    struct err err = {0};
    char name[SCRATCH_FILE_NAME_SIZE];
    char wanted[256];
    size_t const cut = size < sizeof wanted - 1 ? size : sizeof wanted - 1;
    if (size > 0) {
        memcpy(wanted, data, cut);
    }
    wanted[cut] = '\0';
    scratch_file_name(wanted, JOB_RESULTS_FOLDER, name);
    check_name(name, JOB_RESULTS_FOLDER);
    /* As worker/server.c reads an answer. */
    json_t *claim = json_loadb(size > 0 ? (const char *)data : "", size, JSON_ALLOW_NUL, NULL);
    if (job_order_read(claim, &order, &err) == ERR_OK) {
        check_order(&order);
        job_order_deinit(&order);
    } else {
        INVARIANT(err.code == ERR_INVALID || err.code == ERR_TOO_LARGE);
        INVARIANT(utf8_is_valid(bytes_of_text(err.message)));
        INVARIANT(order.json == NULL && order.lease_ms >= 1000);
        INVARIANT(order.id[0] == '\0' || id_parse(bytes_of_text(order.id), &id, NULL) == ERR_OK);
    }
    json_decref(claim);
    return 0;
}
