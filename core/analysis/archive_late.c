/* The functions of libarchive that this folder calls, a row each, passed on to the library that archive_late_open found. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/archive_late.h"

#include "core/base/late.h"

#include <archive.h>
#include <archive_entry.h>

#define FUNCTIONS(F)                                                                               \
    F(mode_t, entry_filetype, (struct archive_entry * entry), (entry))                             \
    F(const char *, entry_hardlink, (struct archive_entry * entry), (entry))                       \
    F(int, entry_is_encrypted, (struct archive_entry * entry), (entry))                            \
    F(const char *, entry_pathname, (struct archive_entry * entry), (entry))                       \
    F(const char *, entry_pathname_utf8, (struct archive_entry * entry), (entry))                  \
    F(la_int64_t, entry_size, (struct archive_entry * entry), (entry))                             \
    F(const char *, entry_symlink, (struct archive_entry * entry), (entry))                        \
    F(const char *, error_string, (struct archive * archive), (archive))                           \
    F(la_int64_t, filter_bytes, (struct archive * archive, int filter), (archive, filter))         \
    F(int, filter_count, (struct archive * archive), (archive))                                    \
    F(int, read_data_block,                                                                        \
      (struct archive * archive, const void **ret_data, size_t *ret_size, la_int64_t *ret_offset), \
      (archive, ret_data, ret_size, ret_offset))                                                   \
    F(int, read_free, (struct archive * archive), (archive))                                       \
    F(struct archive *, read_new, (void), ())                                                      \
    F(int, read_next_header, (struct archive * archive, struct archive_entry * *ret_entry),        \
      (archive, ret_entry))                                                                        \
    F(int, read_open_memory, (struct archive * archive, const void *data, size_t size),            \
      (archive, data, size))                                                                       \
    F(int, read_support_filter_bzip2, (struct archive * archive), (archive))                       \
    F(int, read_support_filter_gzip, (struct archive * archive), (archive))                        \
    F(int, read_support_filter_xz, (struct archive * archive), (archive))                          \
    F(int, read_support_filter_zstd, (struct archive * archive), (archive))                        \
    F(int, read_support_format_tar, (struct archive * archive), (archive))                         \
    F(int, read_support_format_zip_seekable, (struct archive * archive), (archive))

#define POINTER(type, name, parameters, arguments) __typeof__(archive_##name) *name;
#define FIND(type, name, parameters, arguments) {"archive_" #name, &late.name},
#define PASS_ON(type, name, parameters, arguments)                                                 \
    LATE_PRIVATE type archive_##name parameters                                                    \
    {                                                                                              \
        return late.name arguments;                                                                \
    }

static struct {
    FUNCTIONS(POINTER)
} late;

FUNCTIONS(PASS_ON)

enum err_code archive_late_open(struct err *err)
{
    static struct late_library library = LATE_LIBRARY("libarchive.so.13", "libarchive13");
    static const struct late_function functions[] = {FUNCTIONS(FIND)};
    return late_open(&library, functions, sizeof functions / sizeof *functions, err);
}
