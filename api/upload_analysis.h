/* api/upload_analysis.h: what an upload is, and of several files the one blob that is kept of them. On the thread pool.
 *
 * Several: files that cannot be read are dropped, each with its reason in the analysis. What is left is one tar: paths in order, times,
 *          owners and modes zero, so that the same files are the same blob (docs/decisions/0018); of one file left that file itself.
 * Maps:    the content is mapped, not read: it is a file of ours under a name nobody else has, and nobody cuts it short. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_UPLOAD_ANALYSIS_H
#define API_UPLOAD_ANALYSIS_H

#include "api/blob_body.h"

struct upload {
    struct ev_analysis_completed analysis;
    struct ev_workload_sized workload; /* task empty: no benchmark is like it */
    enum reject_reason rejected;       /* 0: not */
    struct bytes reason; /* of a rejected one: in the call's arena; may be longer than an error */
};

/* body->state is a struct upload. body->file_name and media_type become the bundle's. */
MUST_CHECK enum err_code upload_analyse(struct blob_body *body, struct blob_inspection *inspection,
                                        struct err *err);
/* Can the analysis take more than some milliseconds? Several files, archives and large ones can. Any thread. */
bool upload_is_slow(const struct blob_body *body);

#endif
