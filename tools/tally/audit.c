// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/audit.h"

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/crypto/note.h"
#include "core/log/log_reader.h"
#include "core/log/log_verify.h"
#include "core/net/http_client.h"
#include "tools/tally/progress.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TILE_WIDTH 256
#define SNAPSHOT_RECORDS                                                                           \
    1024 /* read under one snapshot, so that a busy log's pages are free again soon */
#define TILE_SIZE_MAX ((size_t)TILE_WIDTH * (2 + RECORD_SIZE_MAX))

enum err_code audit_check(const struct audit *audit, struct err *err)
{
    if ((audit->data == NULL) == (audit->server == NULL)) {
        return err_set(err, ERR_INVALID,
                       "give either --data DIR (a log here) or --server URL (a server's public "
                       "records)");
    }
    size_t size = audit->server == NULL ? 0 : strlen(audit->server);
    if (size > 0 && audit->server[size - 1] == '/') {
        return err_set(err, ERR_INVALID,
                       "--server is like http://127.0.0.1:8420, without a final /");
    }
    return ERR_OK;
}

enum err_code audit_urls(struct audit *audit, enum network network, struct err *err)
{
    if (network != NETWORK_MAINNET && (audit->live_url == NULL || audit->query_url == NULL)) {
        const char *word = enum_word(&network_words, network);
        return err_set(err, ERR_INVALID,
                       "this log is of the network %s: give --qubic-live-url and "
                       "--qubic-query-url (a tally-devchain's are its own with /live/v1 and "
                       "/query/v1 behind it)",
                       word == NULL ? "?" : word);
    }
    audit->live_url = audit->live_url == NULL ? "https://rpc.qubic.org/live/v1" : audit->live_url;
    audit->query_url =
        audit->query_url == NULL ? "https://rpc.qubic.org/query/v1" : audit->query_url;
    return ERR_OK;
}

static enum err_code take_record(struct book *book, uint64_t sequence, struct bytes record,
                                 struct bytes private_part, struct arena *arena, struct err *err)
{
    struct event event;
    arena_clear(arena);
    enum err_code code = record_decode(record, arena, &event, err);
    if (code == ERR_OK && event.type->number == EVENT_PROVIDER_ENROLLED &&
        private_part.size > PRIVATE_SALT_SIZE) {
        code = private_decode(bytes_from(private_part, PRIVATE_SALT_SIZE), arena, &event, err);
    }
    if (code != ERR_OK) {
        err_context(err, "record %" PRIu64, sequence);
        return code;
    }
    return book_apply(book, sequence, &event, err);
}

/* ── from a folder ─────────────────────────────────────────────────────────────────────────────── */

/* `*ret_size`: the log's, taken with the first snapshot if it is 0. */
static enum err_code read_some(struct event_log *log, uint64_t *ret_size, struct book *book,
                               struct arena *arena, struct err *err)
{
    struct log_reader *reader = NULL;
    enum err_code code = log_reader_open(log, &reader, err);
    if (code == ERR_OK && *ret_size == 0) {
        *ret_size = log_reader_size(reader);
    }
    uint64_t last =
        book->size + SNAPSHOT_RECORDS < *ret_size ? book->size + SNAPSHOT_RECORDS : *ret_size;
    for (uint64_t next = book->size + 1; next <= last && code == ERR_OK; next++) {
        struct bytes record;
        struct bytes private_part = {0};
        code = log_reader_record(reader, next, &record, err);
        (void)log_reader_private(reader, next, &private_part);
        if (code == ERR_OK) {
            code = take_record(book, next, record, private_part, arena, err);
        }
    }
    log_reader_close(reader);
    return code;
}

/* `size` records; 0: all. */
static enum err_code read_folder(const char *data, uint64_t size, struct progress *progress,
                                 struct book *book, struct arena *arena, struct err *err)
{
    char folder[PATH_MAX];
    struct event_log *log = NULL;
    struct event_log_options options = {.folder = folder, .read_only = true};
    enum err_code code = path_join(folder, sizeof folder, data, "log", err);
    if (code == ERR_OK && access(folder, F_OK) != 0) {
        code = err_set(err, ERR_NOT_FOUND,
                       "there is no %.150s: --data is the folder with log/ in it (of tools/up: "
                       "`ledger` in its --data, var/up/ledger)",
                       folder);
    }
    if (code == ERR_OK) {
        code = event_log_open(&options, &log, err);
    }
    do {
        if (code == ERR_OK) {
            code = read_some(log, &size, book, arena, err);
            progress_records(progress, book->size, size);
        }
    } while (code == ERR_OK && book->size < size);
    event_log_close(log);
    return code;
}

/* ── from a server ─────────────────────────────────────────────────────────────────────────────── */

struct remote_log {
    struct merkle_frontier frontier;
    struct key32 checkpoint_key;
    char name[NOTE_NAME_MAX];
    struct id16 log_id;
    uint64_t generation;
};

static enum err_code get(const char *server, const char *path, struct buf *ret, struct err *err)
{
    struct buf url;
    int status = 0;
    buf_init(&url, 4096);
    buf_printf(&url, "%s%s", server, path);
    struct http_call_options options = {.url = buf_text(&url), .response_size_max = TILE_SIZE_MAX};
    enum err_code code = buf_check(&url, err);
    if (code == ERR_OK) {
        code = http_fetch(&options, NULL, &status, ret, err);
    }
    if (code == ERR_OK && status != 200) {
        code = err_set(err, status == 404 ? ERR_NOT_FOUND : ERR_UNAVAILABLE,
                       "the server answered %d to %s", status, path);
    }
    buf_deinit(&url);
    return code;
}

/* "/v1/log/tile/entries/x001/067.p/20" */
static void tile_path(uint64_t index, size_t width, char ret[120])
{
    char groups[64] = "";
    char part[64];
    uint64_t rest = index / 1000;
    (void)snprintf(groups, sizeof groups, "%03" PRIu64, index % 1000);
    for (; rest > 0; rest /= 1000) {
        (void)snprintf(part, sizeof part, "x%03" PRIu64 "/%.40s", rest % 1000, groups);
        memcpy(groups, part, sizeof groups);
    }
    int size = snprintf(ret, 120, "/v1/log/tile/entries/%s", groups);
    if (width < TILE_WIDTH) {
        (void)snprintf(ret + size, 120 - (size_t)size, ".p/%zu", width);
    }
}

/* What the checkpoint's own check needs: who the log says it is. */
static enum err_code note_who(struct remote_log *log, struct bytes record, struct arena *arena,
                              struct err *err)
{
    struct event event;
    struct record_header header;
    enum err_code code = record_header_decode(record, &header, err);
    if (code != ERR_OK ||
        (header.type != EVENT_LEDGER_OPENED && header.type != EVENT_LEDGER_RESTORED)) {
        return code;
    }
    code = record_decode(record, arena, &event, err);
    if (code == ERR_OK && header.type == EVENT_LEDGER_RESTORED) {
        log->generation = event.u.ledger_restored.generation;
    } else if (code == ERR_OK) {
        const struct ev_ledger_opened *opened = &event.u.ledger_opened;
        log->checkpoint_key = opened->checkpoint_key;
        log->log_id = opened->log_id;
        log->generation = opened->generation;
        if (opened->name.size < sizeof log->name) {
            memcpy(log->name, opened->name.data, opened->name.size);
        }
    }
    return code;
}

static enum err_code take_tile(struct remote_log *log, struct bytes tile, size_t width,
                               struct book *book, struct arena *arena, struct err *err)
{
    for (size_t i = 0; i < width; i++) {
        uint16_t size = tile.size >= 2 ? get_be16(tile.data) : 0;
        if (tile.size < 2 || tile.size - 2 < size) {
            return err_set(err, ERR_CORRUPT, "record %" PRIu64 " is cut short by the server",
                           book->size + 1);
        }
        struct bytes record = bytes_of(tile.data + 2, size);
        tile = bytes_from(tile, (size_t)size + 2);
        merkle_append(&log->frontier, merkle_leaf(record), NULL, NULL);
        enum err_code code =
            take_record(book, book->size + 1, record, (struct bytes){0}, arena, err);
        if (code == ERR_OK) {
            code = note_who(log, record, arena, err);
        }
        if (code != ERR_OK) {
            return code;
        }
    }
    return tile.size == 0 ? ERR_OK
                          : err_set(err, ERR_CORRUPT, "the server sent more than was asked for");
}

/* The second line of a checkpoint; it is proved at the end, by the signature. */
static enum err_code note_size(struct bytes note, uint64_t *ret, struct err *err)
{
    const uint8_t *first = note.size == 0 ? NULL : memchr(note.data, '\n', note.size);
    struct bytes rest =
        first == NULL ? (struct bytes){0} : bytes_from(note, (size_t)(first - note.data) + 1);
    const uint8_t *second = rest.size == 0 ? NULL : memchr(rest.data, '\n', rest.size);
    if (second == NULL ||
        u64_parse(bytes_of(rest.data, (size_t)(second - rest.data)), ret, NULL) != ERR_OK ||
        *ret == 0) {
        return err_set(err, ERR_CORRUPT, "the server's checkpoint has no size on its second line");
    }
    return ERR_OK;
}

static enum err_code check_root(const struct remote_log *log, struct bytes note, uint64_t size,
                                struct err *err)
{
    char origin[NOTE_NAME_MAX];
    struct checkpoint checkpoint;
    struct ev_ledger_opened opened = {.log_id = log->log_id, .name = bytes_of_text(log->name)};
    enum err_code code = log_origin(&opened, log->generation, origin, err);
    if (code == ERR_OK) {
        code = checkpoint_open(note, origin, log->checkpoint_key, &checkpoint, err);
    }
    if (code == ERR_OK &&
        (checkpoint.size != size || !key_equal(checkpoint.root, merkle_root(&log->frontier)))) {
        code = err_set(err, ERR_CORRUPT,
                       "the %" PRIu64 " records the server gave are not those it has signed", size);
    }
    return code;
}

static enum err_code read_server(const char *server, struct progress *progress, struct book *book,
                                 struct arena *arena, struct err *err)
{
    struct remote_log log = {0};
    struct buf note;
    struct buf tile;
    uint64_t size = 0;
    buf_init(&note, TILE_SIZE_MAX);
    buf_init(&tile, TILE_SIZE_MAX);
    enum err_code code = get(server, "/v1/log/checkpoint", &note, err);
    if (code == ERR_OK) {
        code = note_size(buf_bytes(&note), &size, err);
    }
    while (code == ERR_OK && book->size < size) {
        char path[120];
        uint64_t left = size - book->size;
        size_t width = left < TILE_WIDTH ? (size_t)left : TILE_WIDTH;
        tile_path(book->size / TILE_WIDTH, width, path);
        buf_clear(&tile);
        code = get(server, path, &tile, err);
        if (code == ERR_OK) {
            code = take_tile(&log, buf_bytes(&tile), width, book, arena, err);
        }
        progress_records(progress, book->size, size);
    }
    if (code == ERR_OK) {
        code = check_root(&log, buf_bytes(&note), size, err);
    }
    buf_deinit(&note);
    buf_deinit(&tile);
    return code;
}

/* One record, which nothing proves yet: reading all of them does. */
static enum err_code read_first(const char *server, struct book *book, struct arena *arena,
                                struct err *err)
{
    struct remote_log log = {0};
    struct buf tile;
    char path[120];
    buf_init(&tile, TILE_SIZE_MAX);
    tile_path(0, 1, path);
    enum err_code code = get(server, path, &tile, err);
    if (code == ERR_OK) {
        code = take_tile(&log, buf_bytes(&tile), 1, book, arena, err);
    }
    buf_deinit(&tile);
    return code;
}

static enum err_code read_book(const struct audit *audit, bool only_first,
                               struct progress *progress, struct book *ret, struct err *err)
{
    struct arena arena;
    struct book book = {0};
    arena_init(&arena, 1 << 20);
    enum err_code code = ERR_OK;
    if (audit->data != NULL) {
        code = read_folder(audit->data, only_first ? 1 : 0, progress, &book, &arena, err);
    } else {
        code = only_first ? read_first(audit->server, &book, &arena, err)
                          : read_server(audit->server, progress, &book, &arena, err);
    }
    if (code == ERR_OK && id_is_zero(book.log_id)) {
        code = err_set(err, ERR_CORRUPT, "the log does not begin with ledger.opened");
    }
    arena_deinit(&arena);
    if (code == ERR_OK) {
        *ret = book;
    } else {
        book_deinit(&book);
    }
    return code;
}

enum err_code audit_network(const struct audit *audit, enum network *ret, struct err *err)
{
    struct book book = {0};
    struct progress progress = progress_start("reading", true);
    enum err_code code = read_book(audit, true, &progress, &book, err);
    *ret = code == ERR_OK ? book.network : *ret;
    book_deinit(&book);
    return code;
}

enum err_code audit_read_book(const struct audit *audit, bool quiet, struct book *ret,
                              struct err *err)
{
    struct progress progress = progress_start("reading", quiet);
    enum err_code code = read_book(audit, false, &progress, ret, err);
    progress_end(&progress);
    return code;
}
