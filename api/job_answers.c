/* A request goes down as far as it must:
 *
 *     nothing committed since ──▶ kept answer
 *     rows as they were       ──▶ kept answer, from now on as of this commit
 *     else                    ──▶ made anew, and kept if it depends on rows alone */
// SPDX-License-Identifier: Apache-2.0
#include "api/job_answers.h"

#include "api/encoding.h"
#include "api/job_access.h"
#include "api/job_json.h"
#include "projections/jobs.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 4 /* slots that a job may be in */
#define LEGS_MAX                                                                                   \
    4 /* refund, payout, fee, one returned deposit; of a job with more nothing is kept */

/* All that an answer is made of. Compared as bytes: rows have no padding, and what is not filled is zero. */
struct facts {
    struct job_row
        job; /* whose it is; the rest stays zero, it changes with reports and does not show */
    struct job_view view;
    struct job_progress_view progress;
    struct escrow_row escrow;
    uint64_t confirmations; /* that the terms ask for */
    uint64_t leg_count;
    struct job_leg_view legs[LEGS_MAX + 1];
};

struct answer {
    char *text; /* NULL: not made yet */
    char tag[ENCODING_TAG_SIZE];
};

struct entry {
    struct id16 job_id;
    uint64_t changes; /* the answers are right as of here */
    struct facts facts;
    struct answer answers[2]; /* without private parts, and with them */
};

struct job_answers {
    struct entry *slots[JOB_ANSWERS_MAX];
    size_t next; /* of the ways, the one to give up next */
};

struct job_answers *job_answers_create(void)
{
    return calloc(1, sizeof(struct job_answers));
}

static void entry_free(struct entry *entry)
{
    if (entry != NULL) {
        free(entry->answers[0].text);
        free(entry->answers[1].text);
        free(entry);
    }
}

void job_answers_destroy(struct job_answers *answers)
{
    for (size_t i = 0; answers != NULL && i < JOB_ANSWERS_MAX; i++) {
        entry_free(answers->slots[i]);
    }
    free(answers);
}

/* The ways of a job begin here: ids end in random bytes. */
static struct entry **ways_of(struct job_answers *answers, struct id16 job_id)
{
    uint32_t random;
    memcpy(&random, job_id.b + 12, sizeof random);
    return &answers->slots[random % (JOB_ANSWERS_MAX / WAYS) * WAYS];
}

static struct entry **find(struct job_answers *answers, struct id16 job_id)
{
    struct entry **ways = ways_of(answers, job_id);
    for (size_t i = 0; i < WAYS; i++) {
        if (ways[i] != NULL && id_equal(ways[i]->job_id, job_id)) {
            return &ways[i];
        }
    }
    return NULL;
}

void job_answers_forget(struct job_answers *answers, struct id16 job_id)
{
    struct entry **found = answers == NULL ? NULL : find(answers, job_id);
    if (found != NULL) {
        entry_free(*found);
        *found = NULL;
    }
}

static struct entry **place_for(struct job_answers *answers, struct id16 job_id)
{
    struct entry **found = find(answers, job_id);
    struct entry **ways = ways_of(answers, job_id);
    for (size_t i = 0; found == NULL && i < WAYS; i++) {
        found = ways[i] == NULL ? &ways[i] : NULL;
    }
    return found != NULL ? found : &ways[answers->next++ % WAYS];
}

/* ── what an answer is made of ─────────────────────────────────────────────────────────────────── */

/* false: there is no such job, or its answer depends on more than this. */
static bool facts_read(const struct reading *reading, struct id16 job_id, struct facts *ret)
{
    struct job_row job;
    struct ledger_row ledger;
    memset(ret, 0, sizeof *ret);
    if (!state_job(reading->store, job_id, &job) || !state_ledger(reading->store, &ledger) ||
        !jobs_get(reading->store, job_id, &ret->view) ||
        !state_escrow(reading->store, ret->view.escrow_id, &ret->escrow)) {
        return false;
    }
    ret->job.account_id = job.account_id;
    ret->job.provider_id = job.provider_id;
    ret->confirmations = ledger.confirmations;
    jobs_get_progress(reading->store, job_id, &ret->progress);
    ret->leg_count = jobs_get_legs(reading->store, job_id, 0, ret->legs, LEGS_MAX + 1);
    bool is_timed = ret->escrow.status == ESCROW_OBSERVED;
    for (size_t i = 0; i < ret->leg_count; i++) {
        is_timed = is_timed || ret->legs[i].status == JOB_LEG_SIGNED;
    }
    return !is_timed && ret->leg_count <= LEGS_MAX && store_check(reading->store, NULL) == ERR_OK;
}

/* ── answering ─────────────────────────────────────────────────────────────────────────────────── */

static struct answer *answer_for(const struct call *call, struct entry *entry)
{
    return &entry->answers[job_shows_private(call, &entry->facts.job) ? 1 : 0];
}

/* false: it has to be made. */
static bool reply_kept(struct call *call, struct entry *entry)
{
    const struct answer *answer = answer_for(call, entry);
    if (!job_concerns(call, &entry->facts.job)) {
        job_is_missing(call);
        return true;
    }
    if (answer->text == NULL) {
        return false;
    }
    call_reply_tagged(call, bytes_of_text(answer->text), answer->tag);
    return true;
}

/* Without memory it is just not kept. */
static void keep(const struct call *call, const struct facts *facts, uint64_t changes,
                 const char *text)
{
    struct entry **place = place_for(call->api->job_answers, call->id);
    if (*place == NULL || memcmp(&(*place)->facts, facts, sizeof *facts) != 0) {
        entry_free(*place);
        *place = calloc(1, sizeof **place);
    }
    if (*place != NULL) {
        (*place)->job_id = call->id;
        (*place)->changes = changes;
        (*place)->facts = *facts;
        struct answer *answer = answer_for(call, *place);
        free(answer->text);
        answer->text = strdup(text);
        encoding_tag(bytes_of_text(text), answer->tag);
    }
}

/* `facts` NULL: not to be kept. */
static void make(struct call *call, struct reading *reading, const struct facts *facts,
                 uint64_t changes)
{
    struct job_row job;
    json_t *json = NULL;
    if (job_is_visible(call, reading, &job)) {
        json = json_of_job(reading, call->id, job_shows_private(call, &job));
    }
    reading_close(reading);
    if (json == NULL) {
        job_is_missing(call);
        return;
    }
    char *text = call_json_text(json);
    if (text == NULL) {
        call_problem(call, 500, "internal", "the answer could not be rendered");
        return;
    }
    if (facts != NULL && call->read_err.code == ERR_OK && strlen(text) < ENCODING_GZIP_MIN) {
        keep(call, facts, changes, text);
    }
    call_reply_text(call, 200, "application/json", bytes_of_text(text));
    free(text);
}

void job_answers_reply(struct call *call)
{
    struct views *views = ledger_views(call->api->ledger);
    struct entry **kept = find(call->api->job_answers, call->id);
    struct reading reading;
    struct facts facts;
    uint64_t changes = views_changes(views);
    if (kept != NULL && changes != 0 && (*kept)->changes == changes && reply_kept(call, *kept)) {
        return;
    }
    if (!reading_open(&reading, call)) {
        return;
    }
    changes = views_changes(views) == changes ? changes : 0; /* 0: as of some time in between */
    bool is_whole = facts_read(&reading, call->id, &facts);
    if (is_whole && kept != NULL && memcmp(&(*kept)->facts, &facts, sizeof facts) == 0) {
        (*kept)->changes = changes;
        if (answer_for(call, *kept)->text != NULL) {
            reading_close(&reading);
            (void)reply_kept(call, *kept);
            return;
        }
    }
    make(call, &reading, is_whole ? &facts : NULL, changes);
}
