/* worker/scratch.h: the folders of one job, and what it leaves in them.
 *
 *     DIR/scratch/<job id>/input          as downloaded
 *                         /output.log     everything the program wrote
 *                         /reports        what the server has still to hear (job_kept.h)
 *                         /job            shown in the sandbox as /job
 *                         /job/<file>     the program
 *                         /job/results    what it leaves for its owner, unless it named another folder
 *
 * Rules:   what is in job/ was made by a stranger: nothing here follows a symbolic link in it, opens anything but regular
 *          files, or trusts its depth. It is looked at only after the sandbox is gone, but for how much there is.
 * Thread:  any, one at a time per folder.
 * Errors:  ERR_IO, ERR_FULL, ERR_TOO_LARGE, ERR_NOMEM. */
// SPDX-License-Identifier: Apache-2.0
#ifndef WORKER_SCRATCH_H
#define WORKER_SCRATCH_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/job_rules.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Fewer than the server takes: output.log is one, and a file whose answer was lost is sent and counted again. */
#define SCRATCH_RESULTS_MAX (JOB_RESULTS_MAX - 100)
#define SCRATCH_FILE_NAME_SIZE 101
#define SCRATCH_OUTPUT_LOG "output.log"

struct scratch {
    uid_t owner;           /* of job and results; (uid_t)-1: who made them */
    char folder[PATH_MAX]; /* "" if there is none */
    char input[PATH_MAX];
    char output_log[PATH_MAX];
    char job[PATH_MAX];
    char results[PATH_MAX]; /* below job */
};

struct scratch_result {
    char name[JOB_RESULT_NAME_MAX + 1]; /* relative to the results, '/' between folders */
    uint64_t size;
};

struct scratch_results {
    struct scratch_result *items; /* by name */
    size_t count;
    size_t left_out; /* files that were too many, too large, badly named, or no files */
};

/* A file name of letters, digits, '.', '_' and '-' that begins with a letter, digit or '_' and is not where
 * the folder `results` begins. */
void scratch_file_name(const char *wanted, const char *results, char ret[SCRATCH_FILE_NAME_SIZE]);

/* The folders of a job that an earlier worker made, results in the usual place; nothing is looked at. */
MUST_CHECK enum err_code scratch_locate(const char *parent, const char *job_id, struct scratch *ret,
                                        struct err *err);
/* Where the results are: a path in the job's folder, as job_result_name_is_good has it. */
MUST_CHECK enum err_code scratch_set_results(struct scratch *scratch, const char *results,
                                             struct err *err);
/* Make the folders anew; the job's and all below belong to `owner` unless it is (uid_t)-1. */
MUST_CHECK enum err_code scratch_create(const char *parent, const char *job_id, const char *results,
                                        uid_t owner, struct scratch *ret, struct err *err);
/* Copy the input to job/<file_name>, with the same owner. */
MUST_CHECK enum err_code scratch_place_input(const struct scratch *scratch, const char *file_name,
                                             struct err *err);
/* Regular files below the results' folder, sorted by name; none if a link is on the way there. A file called output.log is left out: that is our own. */
MUST_CHECK enum err_code scratch_list_results(const struct scratch *scratch,
                                              struct scratch_results *ret, struct err *err);
void scratch_results_deinit(struct scratch_results *results);
/* Open one of them for reading; no link is followed on the way. */
MUST_CHECK enum err_code scratch_open_result(const struct scratch *scratch, const char *name,
                                             int *ret_fd, uint64_t *ret_size, struct err *err);

/* Remove a folder with all that is in it, however deep; a missing one is fine. Does not leave its file system. */
MUST_CHECK enum err_code scratch_remove(const char *folder, struct err *err);
/* Free space of the file system, in bytes; 0 if unknown. */
uint64_t scratch_free_bytes(const char *folder);
/* Files that can still be made there; UINT64_MAX where there is no such limit. */
uint64_t scratch_free_inodes(const char *folder);

/* Folders in folders; each holds a descriptor while it is looked at. */
#define SCRATCH_USAGE_DEPTH_MAX 100

struct scratch_usage {
    uint64_t bytes;  /* of blocks; a file with several names counts once, as far as they are here */
    uint64_t inodes; /* files and folders */
    bool is_too_deep; /* folders below SCRATCH_USAGE_DEPTH_MAX are not in the sums */
};

/* What is in a folder, as well as it can be seen while somebody works in it: no link is followed, no other file system entered, what vanishes
 * meanwhile is left out. Ends after `inodes_max` and one more. */
void scratch_measure(const char *folder, uint64_t inodes_max, struct scratch_usage *ret);

#endif
