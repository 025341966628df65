/* libarchive reads; what is let through is decided here, before anybody sees an entry. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/archive.h"

#include "core/analysis/archive_late.h"
#include "core/analysis/deadline.h"
#include "core/base/text.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>

#define RATIO_FROM ((uint64_t)16 << 20) /* unpacked bytes below which any expansion is harmless */
#define MIB ((uint64_t)1 << 20)

static const struct format {
    const char *suffix;
    const char *word;
    int (*filter)(struct archive *); /* NULL: none */
    bool zip;
} formats[] = {
    {".zip", "zip", NULL, true},
    {".npz", "npz", NULL, true},
    {".tar", "tar", NULL, false},
    {".tar.gz", "tar.gz", archive_read_support_filter_gzip, false},
    {".tgz", "tar.gz", archive_read_support_filter_gzip, false},
    {".tar.bz2", "tar.bz2", archive_read_support_filter_bzip2, false},
    {".tbz2", "tar.bz2", archive_read_support_filter_bzip2, false},
    {".tar.xz", "tar.xz", archive_read_support_filter_xz, false},
    {".txz", "tar.xz", archive_read_support_filter_xz, false},
    {".tar.zst", "tar.zst", archive_read_support_filter_zstd, false},
    {".tzst", "tar.zst", archive_read_support_filter_zstd, false},
};

struct walk {
    struct archive *archive;
    const struct format *format;
    const struct analysis_limits *limits;
    const struct archive_visitor *visitor;
    struct bytes content;
    struct deadline deadline;
    struct buf piece; /* what the visitor wants of one entry */
    struct archive_summary found;
    uint64_t entries;
    uint64_t declared; /* bytes that the entries say they have, holes as well */
};

static const struct format *format_of(const char *plain)
{
    size_t size = strlen(plain);
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        size_t end = strlen(formats[i].suffix);
        if (size >= end && strcmp(plain + size - end, formats[i].suffix) == 0) {
            return &formats[i];
        }
    }
    return NULL;
}

const char *archive_format_of(const char *plain)
{
    const struct format *format = format_of(plain);
    return format == NULL ? NULL : format->word;
}

/* ── limits ────────────────────────────────────────────────────────────────────────────────────── */

static bool is_late(const struct walk *walk)
{
    return deadline_left_ms(walk->deadline) == 0;
}

static enum err_code too_late(const struct walk *walk, struct err *err)
{
    return err_set(err, ERR_TIMEOUT, "looking through the archive takes longer than %u ms",
                   walk->limits->together_time_max_ms);
}

static enum err_code too_many(const struct walk *walk, struct err *err)
{
    return err_set(err, ERR_TOO_LARGE, "more than %u entries in the archive",
                   walk->limits->archive_entries_max);
}

static enum err_code check_expansion(const struct walk *walk, uint64_t unpacked, struct err *err)
{
    const struct analysis_limits *limits = walk->limits;
    if (unpacked > limits->archive_total_max) {
        return err_set(err, ERR_TOO_LARGE,
                       "unpacked the archive has more than %llu MiB, the most that is accepted",
                       (unsigned long long)(limits->archive_total_max / MIB));
    }
    if (unpacked > RATIO_FROM && unpacked / limits->archive_ratio_max > walk->content.size) {
        return err_set(err, ERR_TOO_LARGE,
                       "the archive unpacks to more than %u times its size; no data need that",
                       limits->archive_ratio_max);
    }
    return ERR_OK;
}

/* libarchive keeps every entry of a zip's directory, and takes that for one as far as it has the signature: so that many at most. */
static bool has_few_entries(const struct walk *walk)
{
    struct bytes rest = walk->content;
    uint32_t count = 0;
    while (count <= walk->limits->archive_entries_max) {
        const uint8_t *at = rest.size < 4 ? NULL : memmem(rest.data, rest.size, "PK\1\2", 4);
        if (at == NULL) {
            return true;
        }
        rest = bytes_from(rest, (size_t)(at - rest.data) + 4);
        count++;
    }
    return false;
}

/* ── one file, two formats ─────────────────────────────────────────────────────────────────────── */

#define ZIP_END_SIZE 22 /* without its comment */
#define ZIP_COMMENT_MAX 65535

static size_t get_le(const uint8_t *at, size_t size)
{
    size_t value = 0;
    while (size-- > 0) {
        value = value << 8 | at[size];
    }
    return value;
}

/* Whether a zip's directory and its end are the last bytes: a tar whose last file is a zip is a tar alone. */
static bool ends_like_a_zip(struct bytes content)
{
    if (content.size < ZIP_END_SIZE) {
        return false;
    }
    size_t const last = content.size - ZIP_END_SIZE;
    size_t const first = last > ZIP_COMMENT_MAX ? last - ZIP_COMMENT_MAX : 0;
    for (size_t at = last + 1; at-- > first;) {
        const uint8_t *end = content.data + at;
        if (memcmp(end, "PK\5\6", 4) == 0 && get_le(end + 20, 2) == last - at) {
            size_t const directory = get_le(end + 12, 4);
            struct bytes const begin = bytes_from(content, at > directory ? at - directory : 0);
            return bytes_starts_with(begin, "PK\1\2") || bytes_starts_with(begin, "PK\5\6");
        }
    }
    return false;
}

/* A header with its own checksum, or one of the compressions that tars have. */
static bool begins_like_a_tar(struct bytes content)
{
    enum { HEADER = 512, SUM_AT = 148, SUM_SIZE = 8 };
    static const char XZ[] = {(char)0xfd, '7', 'z', 'X', 'Z', '\0'};
    size_t sum = 0;
    size_t told = 0;
    if (bytes_starts_with(content, "\x1f\x8b") || bytes_starts_with(content, "BZh") ||
        bytes_starts_with(content, XZ)) {
        return true;
    }
    for (size_t i = 0; i < HEADER && content.size >= HEADER; i++) {
        bool const in_sum = i >= SUM_AT && i < SUM_AT + SUM_SIZE;
        uint8_t const c = content.data[i];
        sum += in_sum ? ' ' : c;
        told = in_sum && c >= '0' && c <= '7' ? told * 8 + (size_t)(c - '0') : told;
    }
    return sum != 0 && sum == told;
}

/* Some bytes are a tar from their start and a zip from their end. Whoever reads them next may not go by the name, and would run something else than what
 * was looked at here: so it is neither. A worker refuses it likewise. */
static enum err_code check_one_format(const struct walk *walk, struct err *err)
{
    struct bytes const content = walk->content;
    size_t const seen = ZIP_END_SIZE + ZIP_COMMENT_MAX;
    struct bytes const tail = bytes_from(content, content.size < seen ? 0 : content.size - seen);
    bool const is_tar = begins_like_a_tar(content);
    bool const both =
        walk->format->zip
            ? is_tar && memmem(tail.data, tail.size, "PK\5\6", 4) != NULL
            : (is_tar || !bytes_starts_with(content, "PK")) && ends_like_a_zip(content);
    return both ? err_set(err, ERR_INVALID, "it is a tar and a zip at once; send it as one of them")
                : ERR_OK;
}

/* ── one entry ─────────────────────────────────────────────────────────────────────────────────── */

/* `raw` without "./" and doubled slashes, in valid UTF-8. False: it leads out of a folder, or is too long. */
static bool clean_path(const char *raw, char *ret)
{
    struct buf shown;
    size_t size = 0;
    bool good = raw[0] != '/' && raw[0] != '\\' &&
                !(((raw[0] | 0x20) >= 'a' && (raw[0] | 0x20) <= 'z') && raw[1] == ':');
    buf_init(&shown, (size_t)4 * ARCHIVE_PATH_MAX);
    utf8_append_lossy(&shown, bytes_of_text(raw));
    good = good && !shown.failed && shown.size < ARCHIVE_PATH_MAX;
    const char *at = buf_text(&shown);
    while (good && *at != '\0') {
        size_t part = strcspn(at, "/\\");
        bool dot = part == 1 && at[0] == '.';
        good = !(part == 2 && at[0] == '.' && at[1] == '.');
        if (good && part > 0 && !dot) {
            if (size > 0) {
                ret[size++] = '/';
            }
            memcpy(ret + size, at, part);
            size += part;
        }
        at += part;
        at += *at != '\0' ? 1 : 0;
    }
    ret[size] = '\0';
    text_make_printable(ret);
    buf_deinit(&shown);
    return good;
}

static enum err_code check_entry(const struct walk *walk, struct archive_entry *entry, char *path,
                                 struct err *err)
{
    const char *raw = archive_entry_pathname_utf8(entry);
    raw = raw != NULL ? raw : archive_entry_pathname(entry);
    char shown[96];
    if (raw == NULL) {
        return err_set(err, ERR_INVALID, "entry %llu of the archive has no readable name",
                       (unsigned long long)walk->entries);
    }
    (void)snprintf(shown, sizeof(shown), "%.80s", raw);
    text_make_printable(shown);
    if (!clean_path(raw, path)) {
        return err_set(
            err, ERR_INVALID,
            "the archive holds `%s`, which leads out of it or is too long: names are relative, "
            "without `..`, of less than %d bytes",
            shown, ARCHIVE_PATH_MAX);
    }
    if (archive_entry_is_encrypted(entry)) {
        return err_set(err, ERR_INVALID,
                       "`%s` in the archive is encrypted; nobody can be asked for a password",
                       shown);
    }
    bool linked = archive_entry_hardlink(entry) != NULL || archive_entry_symlink(entry) != NULL;
    mode_t type = archive_entry_filetype(entry);
    if (linked || (type != AE_IFREG && type != AE_IFDIR && type != 0)) {
        return err_set(err, ERR_INVALID,
                       "`%s` in the archive is %s; an archive holds files and folders", shown,
                       linked || type == AE_IFLNK ? "a link" : "a device, pipe or socket");
    }
    return ERR_OK;
}

static enum err_code damaged(struct walk *walk, struct err *err)
{
    const char *why = archive_error_string(walk->archive);
    char shown[96];
    (void)snprintf(shown, sizeof(shown), "%.90s", why == NULL ? "no reason given" : why);
    text_make_printable(shown);
    return err_set(err, ERR_INVALID,
                   walk->entries == 0
                       ? "named like a %s archive, but it is none, or damaged or cut short: %s"
                       : "the %s archive is damaged or cut short: %s",
                   walk->format->word, shown);
}

/* Its first bytes for the visitor, and over the rest of it: libarchive would step over that in one call, however long it takes. */
static enum err_code read_entry(struct walk *walk, size_t wanted, bool *ret_enough, struct err *err)
{
    buf_clear(&walk->piece);
    bool is_packed = walk->format->filter != NULL;
    while (walk->piece.size < wanted || is_packed) {
        const void *data = NULL;
        size_t size = 0;
        la_int64_t offset = 0;
        int const rc = archive_read_data_block(walk->archive, &data, &size, &offset);
        if (rc == ARCHIVE_EOF) {
            break;
        }
        if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) {
            return damaged(walk, err);
        }
        size_t room = wanted - walk->piece.size;
        /* A hole is left out: what stands behind it is no first bytes. */
        if (offset == (la_int64_t)walk->piece.size && room > 0) {
            buf_append(&walk->piece, data, size < room ? size : room);
        } else if (room > 0) {
            wanted = walk->piece.size;
        }
        if (is_late(walk)) {
            return too_late(walk, err);
        }
        if (is_packed &&
            (uint64_t)archive_filter_bytes(walk->archive, 0) > walk->limits->archive_walk_max) {
            *ret_enough = true;
            break;
        }
    }
    return walk->piece.failed ? err_set(err, ERR_NOMEM, "no memory left for the archive") : ERR_OK;
}

static enum err_code take_entry(struct walk *walk, struct archive_entry *entry, bool *ret_enough,
                                struct err *err)
{
    char path[ARCHIVE_PATH_MAX] = "";
    walk->entries++;
    if (walk->entries > walk->limits->archive_entries_max) {
        return too_many(walk, err);
    }
    if (is_late(walk)) {
        return too_late(walk, err);
    }
    enum err_code code = check_entry(walk, entry, path, err);
    if (code != ERR_OK) {
        return code;
    }
    int64_t size = archive_entry_size(entry);
    if (size < 0 || (uint64_t)size > UINT64_MAX - walk->declared) {
        return err_set(err, ERR_INVALID, "an entry of the archive has no possible size");
    }
    walk->declared += (uint64_t)size;
    code = check_expansion(walk, walk->declared, err);
    if (code != ERR_OK) {
        return code;
    }
    bool is_file = archive_entry_filetype(entry) != AE_IFDIR && path[0] != '\0';
    size_t wanted = is_file ? walk->visitor->wants(walk->visitor->user, path, (uint64_t)size) : 0;
    code = read_entry(walk, wanted < (uint64_t)size ? wanted : (size_t)size, ret_enough, err);
    if (code != ERR_OK || !is_file) {
        return code;
    }
    walk->found.files++;
    walk->found.bytes += (uint64_t)size;
    return walk->visitor->file(walk->visitor->user, path, (uint64_t)size, buf_bytes(&walk->piece),
                               err);
}

/* ── the whole ─────────────────────────────────────────────────────────────────────────────────── */

static enum err_code open_archive(struct walk *walk, struct err *err)
{
    struct archive *archive = walk->archive;
    if (walk->format->zip && !has_few_entries(walk)) {
        return too_many(walk, err);
    }
    enum err_code const code = check_one_format(walk, err);
    if (code != ERR_OK) {
        return code;
    }
    int rc = walk->format->zip ? archive_read_support_format_zip_seekable(archive)
                               : archive_read_support_format_tar(archive);
    if (rc == ARCHIVE_OK && walk->format->filter != NULL) {
        rc = walk->format->filter(archive);
    }
    if (rc == ARCHIVE_OK) {
        rc = archive_read_open_memory(archive, walk->content.data, walk->content.size);
    }
    if (rc != ARCHIVE_OK) {
        return damaged(walk, err);
    }
    int layers = walk->format->filter == NULL ? 1 : 2;
    return archive_filter_count(archive) == layers
               ? ERR_OK
               : err_set(err, ERR_INVALID,
                         "named like a %s archive, but it is none, or compressed more than once",
                         walk->format->word);
}

enum err_code archive_walk(struct bytes content, const char *plain,
                           const struct analysis_limits *limits,
                           const struct archive_visitor *visitor, struct archive_summary *ret,
                           struct err *err)
{
    struct walk walk = {
        .format = format_of(plain), .limits = limits, .visitor = visitor, .content = content};
    if (walk.format == NULL) {
        return err_set(err, ERR_INTERNAL, "an archive without a format");
    }
    enum err_code code = archive_late_open(err);
    if (code != ERR_OK) {
        return code;
    }
    walk.deadline = deadline_in(limits->together_time_max_ms);
    buf_init(&walk.piece, limits->file_size_max + 1);
    walk.archive = archive_read_new();
    bool enough = false;
    code = walk.archive == NULL ? err_set(err, ERR_NOMEM, "no memory for an archive")
                                : open_archive(&walk, err);
    while (code == ERR_OK && !enough) {
        struct archive_entry *entry = NULL;
        int rc = archive_read_next_header(walk.archive, &entry);
        if (rc == ARCHIVE_EOF) {
            break;
        }
        code = rc == ARCHIVE_OK || rc == ARCHIVE_WARN ? take_entry(&walk, entry, &enough, err)
                                                      : damaged(&walk, err);
    }
    if (code == ERR_OK && walk.found.files == 0) {
        code = err_set(err, ERR_INVALID, "the archive holds no file");
    }
    if (code == ERR_OK) {
        walk.found.format = walk.format->word;
        walk.found.sampled = enough;
        walk.found.parts_all = content.size;
        walk.found.parts_seen =
            enough ? (uint64_t)archive_filter_bytes(walk.archive, -1) : content.size;
        *ret = walk.found;
    }
    (void)archive_read_free(walk.archive);
    buf_deinit(&walk.piece);
    return code;
}
