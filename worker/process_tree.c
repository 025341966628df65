/* worker/process_tree.c: /proc is read into a table, then the rows below the root are marked. */
// SPDX-License-Identifier: Apache-2.0
#include "worker/process_tree.h"

#include "core/base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROCESSES_MAX 65536

struct process {
    pid_t pid;
    pid_t parent;
    bool below;
    uint64_t ticks;
    uint64_t pages;
};

struct table {
    struct process *rows;
    size_t count;
    size_t capacity;
};

/* Fields 4 (parent), 14 to 17 (times) and 24 (resident pages) of a stat line. The name in field 2 may hold anything, so
 * counting starts behind its last parenthesis. */
static bool read_stat(pid_t pid, struct process *ret)
{
    char path[64];
    char line[1024];
    char *rest = NULL;
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    int const fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t const size = read(fd, line, sizeof line - 1);
    (void)close(fd);
    if (size <= 0) {
        return false;
    }
    line[size] = 0;
    char *at = strrchr(line, ')');
    if (at == NULL) {
        return false;
    }
    *ret = (struct process){.pid = pid};
    int field = 3;
    for (char *word = strtok_r(at + 1, " ", &rest); word != NULL && field <= 24;
         word = strtok_r(NULL, " ", &rest), field++) {
        uint64_t number = 0;
        if (field == 3 || u64_parse(bytes_of_text(word), &number, NULL) != ERR_OK) {
            continue;
        }
        if (field == 4 && number <= INT_MAX) {
            ret->parent = (pid_t)number;
        } else if (field >= 14 && field <= 17) {
            ret->ticks += number;
        } else if (field == 24) {
            ret->pages = number;
        }
    }
    return field > 24;
}

static bool add_row(struct table *table, const struct process *row)
{
    if (table->count == table->capacity) {
        size_t const capacity = table->capacity == 0 ? 256 : table->capacity * 2;
        struct process *rows =
            capacity > PROCESSES_MAX ? NULL : realloc(table->rows, capacity * sizeof *rows);
        if (rows == NULL) {
            return false;
        }
        table->rows = rows;
        table->capacity = capacity;
    }
    table->rows[table->count++] = *row;
    return true;
}

/* True if something was found. The caller frees the rows. */
static bool read_below(pid_t root, struct table *ret)
{
    DIR *folder = opendir("/proc");
    bool more = folder != NULL;
    bool found = false;
    *ret = (struct table){0};
    while (more) {
        const struct dirent *entry = readdir(folder); // NOLINT(concurrency-mt-unsafe): own stream
        uint64_t pid;
        struct process row;
        if (entry == NULL) {
            break;
        }
        if (u64_parse(bytes_of_text(entry->d_name), &pid, NULL) == ERR_OK && pid <= INT_MAX &&
            read_stat((pid_t)pid, &row)) {
            row.below = row.pid == root;
            found = found || row.below;
            more = add_row(ret, &row);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    /* Parents mostly have smaller numbers than their children, so few passes are needed. */
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < ret->count; i++) {
            for (size_t j = 0; j < ret->count && !ret->rows[i].below; j++) {
                if (ret->rows[j].below && ret->rows[j].pid == ret->rows[i].parent) {
                    ret->rows[i].below = true;
                    changed = true;
                }
            }
        }
    }
    return found;
}

bool process_tree_measure(pid_t root, struct process_totals *ret)
{
    struct table table;
    struct process_totals totals = {0};
    bool const found = read_below(root, &table);
    long const hertz = sysconf(_SC_CLK_TCK);
    long const page = sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < table.count; i++) {
        if (table.rows[i].below) {
            totals.count++;
            totals.cpu_ms += table.rows[i].ticks * 1000 / (uint64_t)(hertz > 0 ? hertz : 100);
            totals.resident_bytes += table.rows[i].pages * (uint64_t)(page > 0 ? page : 4096);
        }
    }
    free(table.rows);
    if (found) {
        *ret = totals;
    }
    return found;
}

void process_tree_signal(pid_t root, int signal)
{
    struct table table;
    (void)read_below(root, &table);
    for (size_t i = 0; i < table.count; i++) {
        if (table.rows[i].below && table.rows[i].pid != root) {
            (void)kill(table.rows[i].pid, signal);
        }
    }
    free(table.rows);
}
