// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/dataset.h"

#include "core/analysis/json_scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TEXT_SAMPLE ((size_t)64 << 10) /* of a text file, to see that it is one */
#define MIB ((uint64_t)1 << 20)
#define SAMPLE_LINES ((size_t)256 << 10)
#define SAMPLE_WHOLE ((size_t)4 << 20)
#define SAMPLE_HEADER                                                                              \
    ((size_t)64 << 10) /* a JPEG's frame stands behind its thumbnail and colours */

struct reading {
    struct bytes content; /* all of it, or its first part */
    uint64_t size;        /* of all of it */
    struct arena *arena;
    struct parameters *found;
    bool sampled;
    bool out_of_memory;
};

/* `name` is static. */
static void put_text(struct reading *reading, const char *name, const char *value, bool is_number)
{
    struct parameters *found = reading->found;
    const char *kept = arena_text(reading->arena, bytes_of_text(value));
    if (kept == NULL || found->count == PARAMETERS_MAX) {
        reading->out_of_memory = true;
        return;
    }
    found->offsets[found->count] = 0;
    found->items[found->count++] = (struct analysis_parameter){.name = name,
                                                               .value = kept,
                                                               .origin = "the data",
                                                               .is_number = is_number,
                                                               .source = ANALYSIS_SOURCE_DATA};
}

static void put_number(struct reading *reading, const char *name, uint64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    put_text(reading, name, text, true);
}

static bool is_text(struct bytes content)
{
    size_t size = content.size < TEXT_SAMPLE ? content.size : TEXT_SAMPLE;
    return memchr(content.data, 0, size) == NULL;
}

/* Rows of what was not looked at, as long as those that were. */
static uint64_t scaled(struct reading *reading, uint64_t rows, size_t looked_at)
{
    if (looked_at >= reading->size) {
        return rows;
    }
    reading->sampled = true;
    return (uint64_t)((double)rows * ((double)reading->size / (double)looked_at));
}

/* Records end at line ends that stand in no quotes. Columns are those of the first record, which is its header. */
static bool read_csv(struct reading *reading, uint8_t separator)
{
    struct bytes text = reading->content;
    size_t size = text.size < DATASET_SAMPLE_MAX ? text.size : DATASET_SAMPLE_MAX;
    uint64_t records = 0;
    uint64_t columns = 1;
    bool quoted = false;
    bool anything = false; /* in this record */
    if (!is_text(text)) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t c = text.data[i];
        quoted = c == '"' ? !quoted : quoted;
        if (c == '\n' && !quoted) {
            records += anything ? 1 : 0;
            anything = false;
        } else {
            columns += c == separator && !quoted && records == 0 ? 1 : 0;
            anything = anything || c != '\r';
        }
    }
    records += anything ? 1 : 0;
    put_text(reading, "format", separator == ',' ? "csv" : "tsv", false);
    put_number(reading, "rows", scaled(reading, records, size) - (records > 0 ? 1 : 0));
    put_number(reading, "columns", columns);
    return records > 0;
}

static bool read_jsonl(struct reading *reading)
{
    struct bytes text = reading->content;
    size_t size = text.size < DATASET_SAMPLE_MAX ? text.size : DATASET_SAMPLE_MAX;
    uint64_t rows = 0;
    uint64_t columns = 0;
    char key[64];
    bool first = true;
    struct json_scan scan;
    json_scan_init(&scan, bytes_of(text.data, size));
    if (json_scan_peek(&scan) != '{' || !json_scan_take(&scan, '{')) {
        return false;
    }
    while (json_scan_key(&scan, &first, key, sizeof(key))) {
        json_scan_skip(&scan);
        columns++;
    }
    for (size_t i = 0; i < size;) {
        const uint8_t *end = memchr(text.data + i, '\n', size - i);
        size_t next = end == NULL ? size : (size_t)(end - text.data) + 1;
        rows += next - i > 2 ? 1 : 0; /* "{}" and a line end */
        i = next;
    }
    put_text(reading, "format", "jsonl", false);
    put_number(reading, "rows", scaled(reading, rows, size));
    put_number(reading, "columns", columns);
    return scan.failed == NULL;
}

/* A list's items, or one object's members. */
static bool read_json(struct reading *reading)
{
    struct json_scan scan;
    char key[64];
    uint64_t items = 0;
    bool first = true;
    if (reading->content.size > DATASET_JSON_MAX) {
        return false;
    }
    json_scan_init(&scan, reading->content);
    bool is_list = json_scan_peek(&scan) == '[';
    if (!json_scan_take(&scan, is_list ? '[' : '{')) {
        return false;
    }
    while (items < UINT64_MAX && (is_list ? json_scan_item(&scan, &first)
                                          : json_scan_key(&scan, &first, key, sizeof(key)))) {
        json_scan_skip(&scan);
        items++;
    }
    put_text(reading, "format", "json", false);
    put_number(reading, is_list ? "rows" : "columns", items);
    return scan.failed == NULL && json_scan_peek(&scan) == 0 && scan.at == scan.text.size;
}

/* What stands in quotes behind `'descr': `, in brackets behind `'shape': `. */
static bool member_of_header(struct bytes header, const char *name, char open, char close,
                             char *ret, size_t ret_size)
{
    size_t name_size = strlen(name);
    for (size_t i = 0; i + name_size < header.size; i++) {
        if (memcmp(header.data + i, name, name_size) != 0) {
            continue;
        }
        size_t at = i + name_size;
        while (at < header.size && header.data[at] != (uint8_t)open) {
            at++;
        }
        size_t size = 0;
        for (at++; at < header.size && header.data[at] != (uint8_t)close; at++) {
            uint8_t c = header.data[at];
            if (c < ' ' || c > '~' || size + 1 >= ret_size) {
                return false;
            }
            ret[size++] = (char)c;
        }
        ret[size] = '\0';
        return at < header.size && size > 0;
    }
    return false;
}

static bool read_npy(struct reading *reading)
{
    struct bytes content = reading->content;
    char dtype[32];
    char shape[128];
    if (content.size < 12 || !bytes_starts_with(content, "\x93NUMPY")) {
        return false;
    }
    bool is_short = content.data[6] == 1; /* the major version decides how wide the length is */
    size_t start = is_short ? 10 : 12;
    size_t size = content.data[8] + ((size_t)content.data[9] << 8);
    if (!is_short) {
        size += ((size_t)content.data[10] << 16) + ((size_t)content.data[11] << 24);
    }
    if (size > content.size - start || size > 65536) {
        return false;
    }
    struct bytes header = bytes_of(content.data + start, size);
    if (!member_of_header(header, "'descr':", '\'', '\'', dtype, sizeof(dtype)) ||
        !member_of_header(header, "'shape':", '(', ')', shape, sizeof(shape))) {
        return false;
    }
    put_text(reading, "format", "npy", false);
    put_text(reading, "dtype", dtype, false);
    put_text(reading, "shape", shape, false);
    return true;
}

/* A number of Thrift's compact protocol: seven bits a byte. */
static bool varint(struct bytes text, size_t *at, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && *at < text.size; shift += 7) {
        uint8_t byte = text.data[(*at)++];
        value |= (uint64_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            *ret = value;
            return true;
        }
    }
    return false;
}

/* Types of Thrift's compact protocol; a field's header is its number's distance << 4 | type, 0 ends a struct. */
enum {
    THRIFT_TRUE = 1,
    THRIFT_FALSE,
    THRIFT_I8,
    THRIFT_I16,
    THRIFT_I32,
    THRIFT_I64,
    THRIFT_DOUBLE
};
#define THRIFT_BINARY 8
#define THRIFT_LIST 9
#define THRIFT_STRUCT 12
#define THRIFT_FIELD(distance, type) ((uint8_t)(((distance) << 4) | (type)))

/* Step over a value that holds no other. */
static bool skip_plain(struct bytes text, size_t *at, uint8_t type)
{
    uint64_t value = 0;
    if (type == THRIFT_TRUE || type == THRIFT_FALSE) {
        return true; /* the type is the value */
    }
    if (type == THRIFT_I8) {
        (*at)++;
        return *at <= text.size;
    }
    if (type == THRIFT_I16 || type == THRIFT_I32 || type == THRIFT_I64) {
        return varint(text, at, &value);
    }
    if (type != THRIFT_BINARY || !varint(text, at, &value) || value > text.size - *at) {
        return false;
    }
    *at += (size_t)value;
    return true;
}

/* SchemaElement. `ret_is_leaf`: without children (field 5), a column that holds values. */
static bool skip_schema_element(struct bytes text, size_t *at, bool *ret_is_leaf)
{
    size_t depth = 1; /* LogicalType (field 10) is structs in structs */
    uint64_t field = 0;
    *ret_is_leaf = true;
    while (*at < text.size) {
        uint8_t header = text.data[(*at)++];
        uint8_t type = header & 0x0F;
        uint64_t apart = 0;
        if (header == 0) {
            if (--depth == 0) {
                return true;
            }
            continue;
        }
        if ((header >> 4) == 0 && !varint(text, at, &apart)) { /* the number stands apart */
            return false;
        }
        if (depth == 1) {
            field = (header >> 4) == 0 ? apart >> 1 : field + (header >> 4);
            *ret_is_leaf = *ret_is_leaf && field != 5;
        }
        if (type == THRIFT_STRUCT) {
            depth++;
        } else if (!skip_plain(text, at, type)) {
            return false;
        }
    }
    return false;
}

/* FileMetaData: 1: i32 version, 2: list<SchemaElement>, 3: i64 num_rows. The rows stand behind the schema. */
static bool read_footer(struct bytes footer, uint64_t *ret_rows, uint64_t *ret_columns)
{
    uint64_t value = 0;
    uint64_t columns = 0;
    size_t at = 0;
    if (footer.size < 4 || footer.data[at++] != THRIFT_FIELD(1, THRIFT_I32) ||
        !varint(footer, &at, &value) || at + 1 >= footer.size ||
        footer.data[at++] != THRIFT_FIELD(1, THRIFT_LIST)) {
        return false;
    }
    uint64_t count = footer.data[at] >> 4; /* 15: the count stands apart */
    uint8_t type = footer.data[at++] & 0x0F;
    if (type != THRIFT_STRUCT || (count == 15 && !varint(footer, &at, &count))) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        bool is_leaf = false;
        if (!skip_schema_element(footer, &at, &is_leaf)) {
            return false;
        }
        columns += is_leaf ? 1 : 0;
    }
    if (at >= footer.size || footer.data[at++] != THRIFT_FIELD(1, THRIFT_I64) ||
        !varint(footer, &at, &value)) {
        return false;
    }
    *ret_rows = value >> 1; /* zigzag; a count is not negative */
    *ret_columns = columns;
    return true;
}

static bool read_parquet(struct reading *reading)
{
    struct bytes content = reading->content;
    uint64_t rows = 0;
    uint64_t columns = 0;
    if (content.size < 16 || !bytes_starts_with(content, "PAR1") ||
        memcmp(content.data + content.size - 4, "PAR1", 4) != 0) {
        return false;
    }
    const uint8_t *tail = content.data + content.size - 8;
    size_t size =
        tail[0] + ((size_t)tail[1] << 8) + ((size_t)tail[2] << 16) + ((size_t)tail[3] << 24);
    if (size > content.size - 12) {
        return false;
    }
    put_text(reading, "format", "parquet", false);
    if (read_footer(bytes_of(tail - size, size), &rows, &columns)) {
        put_number(reading, "rows", rows);
        put_number(reading, "columns", columns);
    }
    return true; /* a footer in another order is still Parquet */
}

static bool read_png(struct reading *reading)
{
    struct bytes content = reading->content;
    if (content.size < 24 || !bytes_starts_with(content, "\x89PNG\r\n\x1a\n") ||
        memcmp(content.data + 12, "IHDR", 4) != 0) {
        return false;
    }
    put_text(reading, "format", "png", false);
    put_number(reading, "width", get_be32(content.data + 16));
    put_number(reading, "height", get_be32(content.data + 20));
    return true;
}

/* Segments up to the first that starts a frame. */
static bool read_jpeg(struct reading *reading)
{
    struct bytes content = reading->content;
    if (!bytes_starts_with(content, "\xFF\xD8\xFF")) {
        return false;
    }
    for (size_t at = 2; at + 9 < content.size && content.data[at] == 0xFF;) {
        uint8_t marker = content.data[at + 1];
        bool frame =
            marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
        if (frame) {
            put_text(reading, "format", "jpeg", false);
            put_number(reading, "width", get_be16(content.data + at + 7));
            put_number(reading, "height", get_be16(content.data + at + 5));
            return true;
        }
        at += 2 + (size_t)get_be16(content.data + at + 2);
    }
    return false;
}

static bool read_comma(struct reading *reading)
{
    return read_csv(reading, ',');
}

static bool read_tab(struct reading *reading)
{
    return read_csv(reading, '\t');
}

static const struct format {
    const char *suffix;
    const char *what;
    bool (*read)(
        struct reading *reading); /* NULL: counted by name, in archives and bundles alone */
    enum data_class class;
    size_t sample; /* of a file in an archive: as much is enough, or all that may be read */
} formats[] = {
    {".csv", "comma-separated values", read_comma, DATA_TABULAR, SAMPLE_LINES},
    {".tsv", "tab-separated values", read_tab, DATA_TABULAR, SAMPLE_LINES},
    {".jsonl", "one JSON object a line", read_jsonl, DATA_TABULAR, SAMPLE_LINES},
    {".ndjson", "one JSON object a line", read_jsonl, DATA_TABULAR, SAMPLE_LINES},
    {".json", "JSON", read_json, DATA_TABULAR, SAMPLE_WHOLE},
    {".parquet", "a Parquet file", read_parquet, DATA_TABULAR, SAMPLE_WHOLE},
    {".npy", "a NumPy array", read_npy, DATA_ARRAYS, SAMPLE_HEADER},
    {".png", "a PNG image", read_png, DATA_IMAGES, SAMPLE_HEADER},
    {".jpg", "a JPEG image", read_jpeg, DATA_IMAGES, SAMPLE_HEADER},
    {".jpeg", "a JPEG image", read_jpeg, DATA_IMAGES, SAMPLE_HEADER},
    {".gif", "", NULL, DATA_IMAGES, 0},
    {".bmp", "", NULL, DATA_IMAGES, 0},
    {".webp", "", NULL, DATA_IMAGES, 0},
    {".tif", "", NULL, DATA_IMAGES, 0},
    {".tiff", "", NULL, DATA_IMAGES, 0},
    {".txt", "", NULL, DATA_TEXT, 0},
    {".h5", "", NULL, DATA_ARRAYS, 0},
    {".hdf5", "", NULL, DATA_ARRAYS, 0},
    {".npz", "", NULL, DATA_ARRAYS, 0},
    {".wav", "", NULL, DATA_AUDIO, 0},
    {".flac", "", NULL, DATA_AUDIO, 0},
    {".mp3", "", NULL, DATA_AUDIO, 0},
    {".ogg", "", NULL, DATA_AUDIO, 0},
    {".mp4", "", NULL, DATA_VIDEO, 0},
    {".avi", "", NULL, DATA_VIDEO, 0},
    {".webm", "", NULL, DATA_VIDEO, 0},
};

static const struct format *format_of(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        size_t end = strlen(formats[i].suffix);
        if (size >= end && strcasecmp(name + size - end, formats[i].suffix) == 0) {
            return &formats[i];
        }
    }
    return NULL;
}

bool dataset_is_named(const char *plain)
{
    const struct format *format = format_of(plain);
    return format != NULL && format->read != NULL;
}

enum data_class dataset_class(const char *name)
{
    const struct format *format = format_of(name);
    return format == NULL ? DATA_OTHER : format->class;
}

size_t dataset_sample(const char *name, uint64_t size)
{
    const struct format *format = format_of(name);
    if (format == NULL || (format->sample == SAMPLE_WHOLE && size > SAMPLE_WHOLE)) {
        return 0;
    }
    return size < format->sample ? (size_t)size : format->sample;
}

const char *dataset_class_word(enum data_class class)
{
    static const char *const words[DATA_CLASSES] = {"images", "tabular", "text", "arrays",
                                                    "audio",  "video",   "other"};
    return words[class];
}

enum err_code dataset_read(struct bytes content, uint64_t size, const char *base_name,
                           struct arena *arena, struct parameters *ret, bool *ret_sampled,
                           struct err *err)
{
    struct parameters found = {0};
    struct reading reading = {.content = content, .size = size, .arena = arena, .found = &found};
    const struct format *format = format_of(base_name);
    format = format != NULL && format->read == NULL ? NULL : format;
    if (format == NULL || !format->read(&reading)) {
        return format != NULL && format->read == read_json && content.size > DATASET_JSON_MAX
                   ? err_set(err, ERR_TOO_LARGE, "%zu bytes of JSON; at most %zu are read",
                             content.size, DATASET_JSON_MAX)
                   : err_set(err, ERR_INVALID, "named like %s, but it is none",
                             format == NULL ? "a data set" : format->what);
    }
    put_text(&reading, "data", dataset_class_word(format->class), false);
    put_number(&reading, "size_mib", (size + MIB - 1) / MIB);
    if (reading.out_of_memory) {
        return err_set(err, ERR_NOMEM, "no memory left for what the data say");
    }
    *ret = found;
    *ret_sampled = reading.sampled;
    return ERR_OK;
}
