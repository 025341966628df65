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

/* Is it called like one? `plain`: base name in lower case. */
bool dataset_is_named(const char *plain);

/* Parameters: format, size_mib (rounded up), rows, columns, width, height, shape, dtype; as many as the format has.
 * `ret_sampled`: rows are scaled from the first part. Errors: ERR_INVALID (not what the name says), ERR_TOO_LARGE (json), ERR_NOMEM. */
MUST_CHECK enum err_code dataset_read(struct bytes content, const char *base_name,
                                      struct arena *arena, struct parameters *ret,
                                      bool *ret_sampled, struct err *err);

#endif
