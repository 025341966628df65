/* Erasing what is private of an upload or of a job, and how much an account may hold. What is public stays: ids, kinds, times, and all of the money. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/invariant.h"
#include "core/market/decide_internal.h"

enum err_code decide_not_erased(struct deciding *d, struct id16 upload_id)
{
    return state_storage(d->state, STREAM_UPLOAD, upload_id).erased == 0
               ? ERR_OK
               : refuse(d, ERR_CONFLICT, "upload_erased",
                        "this upload was erased; upload the file again");
}

enum err_code decide_job_not_erased(struct deciding *d, struct id16 job_id)
{
    return state_storage(d->state, STREAM_JOB, job_id).erased == 0
               ? ERR_OK
               : refuse(d, ERR_CONFLICT, "job_erased",
                        "this job's data was erased; nothing can be added to it");
}

enum err_code decide_storage(struct deciding *d, struct id16 account_id, uint64_t more,
                             uint64_t max)
{
    uint64_t const held = state_storage(d->state, STREAM_ACCOUNT, account_id).bytes;
    return max == 0 || (held < max && more <= max - held)
               ? ERR_OK
               : refuse(d, ERR_CONFLICT, "storage_full",
                        "your uploads and results hold %llu of at most %llu bytes, and this needs "
                        "%llu more: delete uploads, or the data of jobs that have ended",
                        (unsigned long long)held, (unsigned long long)max,
                        (unsigned long long)(more == 0 ? 1 : more));
}

/* Whether more has come to it than what is named, or what is named is nothing of a list of ours. */
static enum err_code check_parts(struct deciding *d, const struct storage_row *storage)
{
    const struct command_erase *c = &d->command->u.erase;
    const struct ev_erased *parts = c->sequences.items;
    if (c->sequences.count > ERASE_PARTS_MAX || (c->sequences.count == 0 && !c->is_last)) {
        return refuse(d, ERR_INTERNAL, "erasure_invalid", "%zu private parts in one command",
                      c->sequences.count);
    }
    for (size_t i = 0; i < c->sequences.count; i++) {
        if (parts[i].sequence == 0 || (i > 0 && parts[i].sequence <= parts[i - 1].sequence)) {
            return refuse(d, ERR_INTERNAL, "erasure_invalid", "private parts out of order");
        }
    }
    return c->changes == storage->changes
               ? ERR_OK
               : refuse(d, ERR_CONFLICT, "changed_meanwhile",
                        "more came to it while it was being erased; try again");
}

static void say_erased(struct deciding *d, enum event_type_number type, struct id16 account_id,
                       uint64_t freed)
{
    const struct command_erase *c = &d->command->u.erase;
    if (c->is_last) {
        decide_event(d, type, c->id)->u.upload_erased =
            (struct ev_data_erased){.account_id = account_id, .freed = freed};
    }
    if (c->sequences.count > 0) {
        decide_event(d, EVENT_PRIVATE_ERASED, (struct id16){0})->u.private_erased.sequences =
            c->sequences;
    }
}

static enum err_code erase_upload(struct deciding *d)
{
    struct id16 const id = d->command->u.erase.id;
    struct storage_row const storage = state_storage(d->state, STREAM_UPLOAD, id);
    struct upload_row upload;
    if (!state_upload(d->state, id, &upload) || !decide_may_act_for(d, upload.account_id)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_upload", "you have no such upload");
    }
    enum err_code code = decide_not_erased(d, id);
    if (code != ERR_OK) {
        return code;
    }
    if (storage.jobs_open != 0) {
        return refuse(d, ERR_CONFLICT, "upload_in_use",
                      "%llu of its jobs have not ended; cancel them, or wait for their end",
                      (unsigned long long)storage.jobs_open);
    }
    code = check_parts(d, &storage);
    if (code == ERR_OK) {
        say_erased(d, EVENT_UPLOAD_ERASED, upload.account_id, storage.bytes);
    }
    return code;
}

/* What is private of a job is what its two sides go by while there is money to move. */
static enum err_code erase_job(struct deciding *d)
{
    struct id16 const id = d->command->u.erase.id;
    struct storage_row const storage = state_storage(d->state, STREAM_JOB, id);
    struct job_row job;
    struct escrow_row escrow;
    if (!state_job(d->state, id, &job) || !decide_may_act_for(d, job.account_id)) {
        return refuse(d, ERR_NOT_FOUND, "no_such_job", "you have no such job");
    }
    enum err_code code = decide_job_not_erased(d, id);
    if (code != ERR_OK) {
        return code;
    }
    if (job.status != JOB_ENDED) {
        return refuse(d, ERR_CONFLICT, "job_not_ended",
                      "the job has not ended; cancel it, or wait for its end");
    }
    if (!state_escrow(d->state, job.escrow_id, &escrow) || escrow_is_open(&escrow)) {
        return refuse(d, ERR_CONFLICT, "job_not_settled",
                      "money of this job is still on its way; try again when all of it has come");
    }
    code = check_parts(d, &storage);
    if (code == ERR_OK) {
        say_erased(d, EVENT_JOB_ERASED, job.account_id, storage.bytes);
    }
    return code;
}

enum err_code decide_erase(struct deciding *d)
{
    switch ((int)d->command->type) {
    case COMMAND_UPLOAD_ERASE:
        return erase_upload(d);
    case COMMAND_JOB_ERASE:
        return erase_job(d);
    default:
        IMPOSSIBLE("not a command that erases");
    }
}
