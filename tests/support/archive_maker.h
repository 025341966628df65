/* tests/support/archive_maker.h: archives for tests, good and bad, made in memory by libarchive. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SUPPORT_ARCHIVE_MAKER_H
#define TESTS_SUPPORT_ARCHIVE_MAKER_H

#include "core/base/bytes.h"
#include "tests/support/cmocka_all.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

struct archive_maker {
    struct archive *archive;
    uint8_t *data;
    size_t capacity;
    size_t used;
};

/* `suffix`: ".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst". `password`: NULL, or of a zip. */
static inline void archive_make(struct archive_maker *maker, const char *suffix,
                                const char *password, size_t capacity)
{
    *maker = (struct archive_maker){.archive = archive_write_new(), .capacity = capacity};
    maker->data = malloc(capacity);
    assert_non_null(maker->data);
    int rc = ARCHIVE_OK;
    if (strcmp(suffix, ".zip") == 0) {
        rc = archive_write_set_format_zip(maker->archive);
        if (password != NULL) {
            rc = archive_write_set_options(maker->archive, "zip:encryption=zipcrypt");
            assert_int_equal(archive_write_set_passphrase(maker->archive, password), ARCHIVE_OK);
        }
    } else {
        rc = archive_write_set_format_gnutar(maker->archive);
        const char *filter = strrchr(suffix, '.');
        rc = strcmp(filter, ".gz") == 0    ? archive_write_add_filter_gzip(maker->archive)
             : strcmp(filter, ".bz2") == 0 ? archive_write_add_filter_bzip2(maker->archive)
             : strcmp(filter, ".xz") == 0  ? archive_write_add_filter_xz(maker->archive)
             : strcmp(filter, ".zst") == 0 ? archive_write_add_filter_zstd(maker->archive)
                                           : rc;
    }
    assert_int_equal(rc, ARCHIVE_OK);
    assert_int_equal(archive_write_open_memory(maker->archive, maker->data, capacity, &maker->used),
                     ARCHIVE_OK);
}

static inline struct archive_entry *archive_entry_of(const char *path, mode_t type, int64_t size)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, size);
    archive_entry_set_mtime(entry, 0, 0);
    return entry;
}

static inline void archive_put(struct archive_maker *maker, const char *path, const void *data,
                               size_t size)
{
    struct archive_entry *entry = archive_entry_of(path, AE_IFREG, (int64_t)size);
    assert_int_equal(archive_write_header(maker->archive, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(maker->archive, data, size), (la_ssize_t)size);
    archive_entry_free(entry);
}

static inline void archive_put_text(struct archive_maker *maker, const char *path, const char *text)
{
    archive_put(maker, path, text, strlen(text));
}

/* A link to `target` (symbolic, or hard), or a device when that is NULL. */
static inline void archive_put_odd(struct archive_maker *maker, const char *path,
                                   const char *target, bool symbolic)
{
    struct archive_entry *entry = archive_entry_of(path,
                                                   target == NULL ? AE_IFCHR
                                                   : symbolic     ? AE_IFLNK
                                                                  : AE_IFREG,
                                                   0);
    if (target != NULL && symbolic) {
        archive_entry_set_symlink(entry, target);
    } else if (target != NULL) {
        archive_entry_set_hardlink(entry, target);
    }
    assert_int_equal(archive_write_header(maker->archive, entry), ARCHIVE_OK);
    archive_entry_free(entry);
}

/* Borrowed until archive_unmake. */
static inline struct bytes archive_made(struct archive_maker *maker)
{
    assert_int_equal(archive_write_close(maker->archive), ARCHIVE_OK);
    return bytes_of(maker->data, maker->used);
}

static inline void archive_unmake(struct archive_maker *maker)
{
    (void)archive_write_free(maker->archive);
    free(maker->data);
}

#endif
