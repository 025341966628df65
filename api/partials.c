// SPDX-License-Identifier: Apache-2.0
#include "api/partials_internal.h"

#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/invariant.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/base/trace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTES_MAX_DEFAULT ((uint64_t)16 << 30)
#define META_MAX ((size_t)64 << 10)

void partial_path(const struct partials *partials, const struct partial *partial,
                  char ret[PATH_MAX])
{
    char name[ID_TEXT_SIZE];
    id_format(partial->id, name);
    int size = snprintf(ret, PATH_MAX, "%s/%s", partials->folder, name);
    INVARIANT(size > 0 && size < PATH_MAX);
}

void partial_meta_path(const struct partials *partials, const struct partial *partial,
                       char ret[PATH_MAX])
{
    char name[ID_TEXT_SIZE];
    id_format(partial->id, name);
    int size = snprintf(ret, PATH_MAX, "%s/%s.meta", partials->folder, name);
    INVARIANT(size > 0 && size < PATH_MAX);
}

static void partial_free(struct partial *partial)
{
    if (partial != NULL) {
        free(partial->file_name);
        free(partial->media_type);
        free(partial->entry);
        free(partial);
    }
}

struct partial *partials_find(const struct partials *partials, struct id16 id)
{
    struct partial *partial = partials->list;
    while (partial != NULL && !id_equal(partial->id, id)) {
        partial = partial->next;
    }
    return partial;
}

struct partial *partials_first(const struct partials *partials)
{
    return partials->list;
}

static void add(struct partials *partials, struct partial *partial)
{
    partial->next = partials->list;
    partials->list = partial;
    partials->count++;
}

static void take_out(struct partials *partials, struct partial *partial)
{
    struct partial **at = &partials->list;
    while (*at != partial) {
        INVARIANT(*at != NULL);
        at = &(*at)->next;
    }
    *at = partial->next;
    partials->count--;
}

uint64_t partials_held(const struct partials *partials)
{
    uint64_t sum = 0;
    for (const struct partial *at = partials->list; at != NULL; at = at->next) {
        sum += at->is_busy ? at->size : at->offset; /* each at most the terms' upload_max */
    }
    return sum;
}

int64_t partial_end_of_life(int64_t last_piece_at)
{
    return last_piece_at + (int64_t)PARTIAL_LIFE_S * NS_PER_S;
}

/* ── what an earlier run left ──────────────────────────────────────────────────────────────────── */

void partial_first_line(uint64_t offset, int64_t at, char ret[PARTIAL_FIRST_LINE + 1])
{
    (void)snprintf(ret, PARTIAL_FIRST_LINE + 1, "%016" PRIx64 " %016" PRIx64 "\n", offset,
                   (uint64_t)at);
}

static char *copied(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? NULL : strdup(text);
}

static bool number(struct bytes text, size_t at, uint64_t *ret)
{
    uint8_t bytes[8] = {0};
    bool good =
        hex_decode(bytes_of(text.data + at, PARTIAL_DIGITS), bytes, sizeof bytes, NULL) == ERR_OK;
    *ret = get_be64(bytes);
    return good;
}

/* NULL: it is none of ours, or there is no memory. */
static struct partial *parse(struct bytes text)
{
    uint64_t offset;
    uint64_t at;
    struct partial *partial = calloc(1, sizeof *partial);
    if (partial == NULL || text.size <= PARTIAL_FIRST_LINE || !number(text, 0, &offset) ||
        !number(text, PARTIAL_DIGITS + 1, &at) || at > INT64_MAX / 2) {
        free(partial);
        return NULL;
    }
    struct bytes const rest = bytes_from(text, PARTIAL_FIRST_LINE);
    json_t *json = json_loadb((const char *)rest.data, rest.size, 0, NULL);
    const char *account = json_string_value(json_object_get(json, "account"));
    json_int_t size = json_integer_value(json_object_get(json, "size"));
    partial->offset = offset;
    partial->expires_at = partial_end_of_life((int64_t)at);
    partial->size = size > 0 ? (uint64_t)size : 0;
    partial->file_name = copied(json, "file_name");
    partial->media_type = copied(json, "media_type");
    partial->entry = copied(json, "entry");
    bool good = account != NULL &&
                id_parse(bytes_of_text(account), &partial->account_id, NULL) == ERR_OK &&
                partial->file_name != NULL && partial->media_type != NULL &&
                partial->entry != NULL && partial->offset <= partial->size && partial->size > 0;
    json_decref(json);
    if (!good) {
        partial_free(partial);
        return NULL;
    }
    return partial;
}

/* What is behind the offset was never said to be here. */
static bool cut(const struct partials *partials, const struct partial *partial)
{
    char path[PATH_MAX];
    struct stat info;
    partial_path(partials, partial, path);
    return stat(path, &info) == 0 && (uint64_t)info.st_size >= partial->offset &&
           truncate(path, (off_t)partial->offset) == 0;
}

static void load(struct partials *partials, const char *name, struct id16 id)
{
    char path[PATH_MAX];
    struct buf text;
    struct partial *partial = NULL;
    buf_init(&text, META_MAX);
    int size = snprintf(path, sizeof path, "%s/%s", partials->folder, name);
    INVARIANT(size > 0 && size < PATH_MAX);
    if (file_read(path, &text, NULL) == ERR_OK) {
        partial = parse(buf_bytes(&text));
    }
    buf_deinit(&text);
    if (partial != NULL) {
        partial->id = id;
    }
    if (partial != NULL && partials->count < PARTIALS_MAX && cut(partials, partial)) {
        add(partials, partial);
    } else {
        trace(TRACE_WARN, "partials.unreadable", "file=%s", path);
        (void)unlink(path);
        partial_free(partial);
    }
}

/* Only one thread has these streams. */
static void for_each(struct partials *partials, bool metas)
{
    DIR *dir = opendir(partials->folder);
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; /* NOLINT(concurrency-mt-unsafe) */
         entry = readdir(dir)) {                             /* NOLINT(concurrency-mt-unsafe) */
        size_t size = strlen(entry->d_name);
        struct id16 id;
        bool is_ours = size >= ID_TEXT_SIZE - 1 &&
                       id_parse(bytes_of(entry->d_name, ID_TEXT_SIZE - 1), &id, NULL) == ERR_OK;
        bool is_meta = is_ours && strcmp(entry->d_name + ID_TEXT_SIZE - 1, ".meta") == 0;
        if (metas && is_meta) {
            load(partials, entry->d_name, id);
        } else if (!metas && entry->d_name[0] != '.' && !is_meta &&
                   (size != ID_TEXT_SIZE - 1 || !is_ours || partials_find(partials, id) == NULL)) {
            (void)unlinkat(dirfd(dir), entry->d_name, 0); /* without what it is, or half written */
        }
    }
    (void)closedir(dir);
}

enum err_code partials_open(uv_loop_t *loop, const char *data_dir, const struct ledger *ledger,
                            uint64_t bytes_max, struct partials **ret, struct err *err)
{
    char blobs[PATH_MAX];
    struct partials *partials = calloc(1, sizeof *partials);
    if (partials == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for unfinished uploads");
    }
    partials->loop = loop;
    partials->ledger = ledger;
    partials->bytes_max = bytes_max == 0 ? BYTES_MAX_DEFAULT : bytes_max;
    enum err_code code = path_join(blobs, sizeof blobs, data_dir, "blobs", err);
    if (code == ERR_OK) {
        code = path_join(partials->folder, sizeof partials->folder, blobs, "partial", err);
    }
    if (code == ERR_OK) {
        code = dir_create(partials->folder, 0700, err);
    }
    if (code != ERR_OK) {
        free(partials);
        return code;
    }
    for_each(partials, true);
    for_each(partials, false);
    *ret = partials;
    return ERR_OK;
}

void partials_close(struct partials *partials)
{
    if (partials == NULL) {
        return;
    }
    INVARIANT(partials->jobs == 0);
    while (partials->list != NULL) {
        struct partial *partial = partials->list;
        partials->list = partial->next;
        partial_free(partial);
    }
    free(partials);
}

/* ── making and removing ───────────────────────────────────────────────────────────────────────── */

struct job {
    uv_work_t work;
    struct partials *partials;
    struct partial *partial;
    partial_created_cb *created; /* NULL: it is removed */
    void *ctx;
    enum err_code code;
    struct err err;
    struct job *next; /* of the removals */
    struct job *then; /* makes one of the same id: begins when this removal is over */
};

static enum err_code write_meta(const struct partials *partials, const struct partial *partial,
                                struct err *err)
{
    char path[PATH_MAX];
    char line[PARTIAL_FIRST_LINE + 1];
    char account[ID_TEXT_SIZE];
    struct buf text;
    id_format(partial->account_id, account);
    char *json = NULL;
    json_t *object = json_pack("{s:s,s:I,s:s,s:s,s:s}", "account", account, "size",
                               (json_int_t)partial->size, "file_name", partial->file_name,
                               "media_type", partial->media_type, "entry", partial->entry);
    json = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (json == NULL) {
        return err_set(err, ERR_NOMEM, "no memory for an upload");
    }
    buf_init(&text, META_MAX);
    partial_first_line(0, partial->expires_at - partial_end_of_life(0), line);
    buf_append_text(&text, line);
    buf_append_text(&text, json);
    free(json);
    partial_meta_path(partials, partial, path);
    enum err_code code = text.failed ? err_set(err, ERR_NOMEM, "no memory for an upload")
                                     : file_write_atomic(path, buf_bytes(&text), 0600, err);
    buf_deinit(&text);
    return code;
}

/* The content first: what says what it is makes it count. */
static enum err_code make_files(const struct partials *partials, const struct partial *partial,
                                struct err *err)
{
    char path[PATH_MAX];
    partial_path(partials, partial, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_set_errno(err, errno, "create %s", path);
    }
    (void)close(fd);
    enum err_code code = write_meta(partials, partial, err);
    if (code != ERR_OK) {
        (void)unlink(path);
    }
    return code;
}

static void remove_files(const struct partials *partials, const struct partial *partial)
{
    char path[PATH_MAX];
    partial_meta_path(partials, partial, path);
    if (unlink(path) != 0 && errno != ENOENT) {
        trace(TRACE_WARN, "partials.left", "file=%s errno=%d", path, errno);
    }
    partial_path(partials, partial, path);
    if (unlink(path) != 0 && errno != ENOENT) {
        trace(TRACE_WARN, "partials.left", "file=%s errno=%d", path, errno);
    }
}

static void work_cb(uv_work_t *work)
{
    struct job *job = work->data;
    if (job->created != NULL) {
        job->code = make_files(job->partials, job->partial, &job->err);
    } else {
        remove_files(job->partials, job->partial);
    }
}

static void start(struct job *job);

/* Its files are gone: what waited for that may make them anew. */
static void removed(struct job *job)
{
    struct job **at = &job->partials->removals;
    while (*at != job) {
        INVARIANT(*at != NULL);
        at = &(*at)->next;
    }
    *at = job->next;
    if (job->then != NULL) {
        start(job->then);
    }
}

static void worked_cb(uv_work_t *work, int status)
{
    struct job *job = work->data;
    struct partial *partial = job->partial;
    (void)status; /* never cancelled */
    job->partials->jobs--;
    partial->is_busy = false;
    if (job->created != NULL && job->code != ERR_OK) {
        take_out(job->partials, partial);
    }
    if (job->created != NULL) {
        job->created(job->ctx, partial, job->code, &job->err);
    } else {
        removed(job);
    }
    if (job->created == NULL || job->code != ERR_OK) {
        partial_free(partial);
    }
    free(job);
}

static void start(struct job *job)
{
    job->work.data = job;
    job->partial->is_busy = true;
    job->partials->jobs++;
    int rc = uv_queue_work(job->partials->loop, &job->work, work_cb, worked_cb);
    INVARIANT(rc == 0);
}

static enum err_code check_room(const struct partials *partials, const struct partial *wanted,
                                struct err *err)
{
    size_t count = 0;
    uint64_t bytes = wanted->size;
    for (const struct partial *at = partials->list; at != NULL; at = at->next) {
        bool is_own = id_equal(at->account_id, wanted->account_id);
        count += is_own ? 1 : 0;
        bytes += is_own ? at->size : 0;
    }
    if (count >= PARTIALS_PER_ACCOUNT || (count > 0 && bytes > PARTIAL_BYTES_PER_ACCOUNT)) {
        return err_set(err, ERR_BUSY,
                       "too_many_unfinished: an account has at most %d unfinished uploads of %d "
                       "GiB together; complete or delete one",
                       PARTIALS_PER_ACCOUNT, (int)(PARTIAL_BYTES_PER_ACCOUNT >> 30));
    }
    if (partials->count == PARTIALS_MAX || partials_held(partials) >= partials->bytes_max) {
        return err_set(err, ERR_BUSY,
                       "uploads_full: there is no room for more unfinished uploads; try again "
                       "later, or send the whole file to /v1/uploads");
    }
    return ERR_OK;
}

enum err_code partials_create(struct partials *partials, const struct partial *wanted,
                              partial_created_cb *created, void *ctx, struct err *err)
{
    INVARIANT(partials_find(partials, wanted->id) == NULL);
    enum err_code code = check_room(partials, wanted, err);
    if (code != ERR_OK) {
        return code;
    }
    struct job *job = calloc(1, sizeof *job);
    struct partial *partial = calloc(1, sizeof *partial);
    if (job == NULL || partial == NULL) {
        free(job);
        free(partial);
        return err_set(err, ERR_NOMEM, "no memory for an upload");
    }
    partial->id = wanted->id;
    partial->account_id = wanted->account_id;
    partial->size = wanted->size;
    partial->expires_at = partial_end_of_life(time_wall_ns());
    partial->file_name = strdup(wanted->file_name);
    partial->media_type = strdup(wanted->media_type);
    partial->entry = strdup(wanted->entry);
    if (partial->file_name == NULL || partial->media_type == NULL || partial->entry == NULL) {
        partial_free(partial);
        free(job);
        return err_set(err, ERR_NOMEM, "no memory for an upload");
    }
    add(partials, partial);
    *job = (struct job){.partials = partials, .partial = partial, .created = created, .ctx = ctx};
    partial->is_busy = true;
    struct job *removal = partials->removals;
    while (removal != NULL && !id_equal(removal->partial->id, partial->id)) {
        removal = removal->next;
    }
    if (removal == NULL) {
        start(job);
    } else {
        removal->then = job;
    }
    return ERR_OK;
}

void partials_remove(struct partials *partials, struct partial *partial)
{
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL) { /* the sweep gets it, when it has expired */
        partial->is_busy = false;
        return;
    }
    take_out(partials, partial);
    *job = (struct job){.partials = partials, .partial = partial, .next = partials->removals};
    partials->removals = job;
    start(job);
}

void partials_sweep(struct partials *partials, int64_t now)
{
    struct partial *next;
    for (struct partial *at = partials->list; at != NULL; at = next) {
        next = at->next;
        if (!at->is_busy && at->expires_at <= now) {
            trace(TRACE_INFO, "partials.expired", "offset=%" PRIu64 " size=%" PRIu64, at->offset,
                  at->size);
            partials_remove(partials, at);
        }
    }
}
