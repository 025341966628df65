/* core/analysis/dataset.h: what a file of data holds: its format, rows and columns or the shape, and a look at its size.
 *
 * Reads:   csv and tsv, jsonl (also ndjson), json, npy, parquet, png and jpeg. Format by name, checked against the first bytes,
 *          so that a renamed file is refused.
 * Bounds:  of lines at most DATASET_SAMPLE_MAX bytes are counted; what a larger file holds is that, scaled, and said to be. Of
 *          parquet the footer, of the others the header is read. Nothing is stored.
 * Source:  RFC 4180; NumPy's npy format 1–3; Apache Parquet's file layout and Thrift's compact protocol; PNG and JFIF. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_DATASET_H
#define CORE_ANALYSIS_DATASET_H

#include "core/analysis/parameters.h"

#define DATASET_SAMPLE_MAX ((size_t)32 << 20)
#define DATASET_JSON_MAX ((size_t)256 << 20) /* one value, that cannot be sampled */

enum data_class {
    DATA_IMAGES,
    DATA_TABULAR,
    DATA_TEXT,
    DATA_ARRAYS,
    DATA_AUDIO,
    DATA_VIDEO,
    DATA_OTHER,
};
#define DATA_CLASSES (DATA_OTHER + 1)

/* Is it called like one that dataset_read reads? `plain`: base name in lower case. */
bool dataset_is_named(const char *plain);
/* By name, also of formats that are only counted. */
enum data_class dataset_class(const char *name);
const char *dataset_class_word(enum data_class class);
/* How many of the first bytes of a file in an archive dataset_read is to see; 0: it is only counted. */
size_t dataset_sample(const char *name, uint64_t size);

/* Parameters: format, data (a class's word), size_mib (rounded up), rows, columns, width, height, shape, dtype; as many as the format has.
 * `content`: all of `size` bytes, or the first dataset_sample of them. `ret_sampled`: rows are scaled from the first part.
 * Errors: ERR_INVALID (not what the name says), ERR_TOO_LARGE (json), ERR_NOMEM. */
MUST_CHECK enum err_code dataset_read(struct bytes content, uint64_t size, const char *base_name,
                                      struct arena *arena, struct parameters *ret,
                                      bool *ret_sampled, struct err *err);

#endif
