// SPDX-License-Identifier: Apache-2.0
#include "core/ledger/command_queue.h"

#include "core/base/time.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct ring {
    struct queued_command *items;
    size_t first;
    size_t count;
};

struct command_queue {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    struct ring rings[COMMAND_CLASSES];
    size_t class_max;
    size_t count; /* over all classes */
    bool stopped;
};

struct command_queue *command_queue_create(size_t class_max)
{
    struct command_queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL) {
        return NULL;
    }
    queue->class_max = class_max;
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&queue->mutex, NULL);
    (void)pthread_cond_init(&queue->filled, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    for (size_t i = 0; i < COMMAND_CLASSES; i++) {
        queue->rings[i].items = calloc(class_max, sizeof *queue->rings[i].items);
        if (queue->rings[i].items == NULL) {
            command_queue_destroy(queue);
            return NULL;
        }
    }
    return queue;
}

void command_queue_destroy(struct command_queue *queue)
{
    if (queue == NULL) {
        return;
    }
    for (size_t i = 0; i < COMMAND_CLASSES; i++) {
        free(queue->rings[i].items);
    }
    (void)pthread_cond_destroy(&queue->filled);
    (void)pthread_mutex_destroy(&queue->mutex);
    free(queue);
}

enum err_code command_queue_push(struct command_queue *queue, enum command_class class,
                                 const struct queued_command *command, struct err *err)
{
    enum err_code code = ERR_OK;
    (void)pthread_mutex_lock(&queue->mutex);
    struct ring *ring = &queue->rings[class];
    if (queue->stopped) {
        code = err_set(err, ERR_UNAVAILABLE, "stopping: the ledger takes no more commands");
    } else if (ring->count == queue->class_max) {
        code = err_set(err, ERR_BUSY, "queue_full: too many commands are waiting; try again");
    } else {
        ring->items[(ring->first + ring->count) % queue->class_max] = *command;
        ring->count++;
        queue->count++;
        (void)pthread_cond_signal(&queue->filled);
    }
    (void)pthread_mutex_unlock(&queue->mutex);
    return code;
}

static void wait_until(struct command_queue *queue, int timeout_ms)
{
    struct timespec deadline;
    int64_t at = time_mono_ns() + timeout_ms * NS_PER_MS;
    deadline.tv_sec = (time_t)(at / NS_PER_S);
    deadline.tv_nsec = (long)(at % NS_PER_S);
    while (queue->count == 0 && !queue->stopped) {
        if (pthread_cond_timedwait(&queue->filled, &queue->mutex, &deadline) != 0) {
            return;
        }
    }
}

size_t command_queue_take(struct command_queue *queue, struct queued_command *ret, size_t max,
                          int timeout_ms, bool *ret_stopped)
{
    size_t taken = 0;
    (void)pthread_mutex_lock(&queue->mutex);
    wait_until(queue, timeout_ms);
    for (size_t i = 0; i < COMMAND_CLASSES; i++) {
        struct ring *ring = &queue->rings[i];
        while (ring->count > 0 && taken < max) {
            ret[taken++] = ring->items[ring->first];
            ring->first = (ring->first + 1) % queue->class_max;
            ring->count--;
            queue->count--;
        }
    }
    *ret_stopped = queue->stopped;
    (void)pthread_mutex_unlock(&queue->mutex);
    return taken;
}

void command_queue_stop(struct command_queue *queue)
{
    (void)pthread_mutex_lock(&queue->mutex);
    queue->stopped = true;
    (void)pthread_cond_broadcast(&queue->filled);
    (void)pthread_mutex_unlock(&queue->mutex);
}

void command_queue_lengths(struct command_queue *queue, uint64_t ret[COMMAND_CLASSES])
{
    (void)pthread_mutex_lock(&queue->mutex);
    for (size_t i = 0; i < COMMAND_CLASSES; i++) {
        ret[i] = queue->rings[i].count;
    }
    (void)pthread_mutex_unlock(&queue->mutex);
}
