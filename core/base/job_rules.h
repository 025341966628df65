/* core/base/job_rules.h: what a job may consist of, for both ends of the wire: the server refuses by these rules what a worker could not run or
 * send, so a job that was taken can be run, and a file that a worker sends is one the server takes.
 *
 * Numbers: a worker is not asked to know a newer server's larger ones, so raising one is a change of the API.
 * Thread:  any; pure. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_JOB_RULES_H
#define CORE_BASE_JOB_RULES_H

#include <stdbool.h>
#include <stdint.h>

#define JOB_ARGUMENTS_MAX 64
#define JOB_VARIABLES_MAX 254 /* of the environment; the worker sets two more */
#define JOB_VARIABLE_NAME_MAX 256
#define JOB_SAMPLES_MAX 64                       /* in one report of metrics */
#define JOB_REPORTS_MAX 64                       /* of metrics and output, in one request */
#define JOB_RESULTS_MAX 1000                     /* files stored for one job, replaced ones too */
#define JOB_RESULTS_SIZE_MAX (UINT64_C(2) << 30) /* all of them together */
#define JOB_RESULT_NAME_MAX 200                  /* bytes */
#define JOB_IMAGE_NAME_MAX 255                   /* bytes */
#define JOB_RESULTS_FOLDER "results"             /* unless the settings name another */

/* [A-Za-z_][A-Za-z0-9_]*, of 1 to 256 characters: what any shell and any C library take for an environment variable. */
bool job_variable_name_is_good(const char *name);
/* A relative path of plain names, 1 to 200 bytes of UTF-8: no empty, "." or ".." part, no backslash, no control character. */
bool job_result_name_is_good(const char *name);
/* A container image's, as a Dockerfile's FROM has it: 1 to 255 letters, digits and "._-/:@", not "-" first, and not "scratch", which is none. */
bool job_image_name_is_good(const char *name);

#endif
