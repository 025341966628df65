// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/cuda.h"

#define MAJOR_MIN 7
#define MAJOR_MAX 19
/* "toolkit-version" and the like; without a bound the time for "cuda-cuda-…" would grow with its square. */
#define NAME_REST_MAX 64

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static uint32_t in_range(uint32_t major, uint32_t minor)
{
    return major >= MAJOR_MIN && major <= MAJOR_MAX && minor <= 9 ? major * 10 + minor : 0;
}

/* "12.1", "121", "12" and "92" at the text's start: with a dot, three digits, a major alone, or two digits of which it is none. */
static uint32_t version_at(struct bytes text)
{
    uint32_t number = 0;
    size_t size = 0;
    while (size < text.size && size < 4 && is_digit(text.data[size])) {
        number = number * 10 + (uint32_t)(text.data[size++] - '0');
    }
    if (size + 1 < text.size && text.data[size] == '.' && is_digit(text.data[size + 1])) {
        return size <= 2 ? in_range(number, (uint32_t)(text.data[size + 1] - '0')) : 0;
    }
    return size == 3                          ? in_range(number / 10, number % 10)
           : size == 2 && number <= MAJOR_MAX ? in_range(number, 0)
           : size == 2                        ? in_range(number / 10, number % 10)
           : size == 1                        ? in_range(number, 0)
                                              : 0;
}

/* Behind "cuda": the rest of the package's name and what compares or parts ("toolkit=", "-version>=", ":"), then the number. */
static uint32_t version_behind_cuda(struct bytes text)
{
    size_t at = 0;
    while (at < text.size && at < NAME_REST_MAX &&
           (is_letter(text.data[at]) || text.data[at] == '-' || text.data[at] == '_')) {
        at++;
    }
    while (at < text.size &&
           (text.data[at] == '=' || text.data[at] == '<' || text.data[at] == '>' ||
            text.data[at] == '~' || text.data[at] == ':' || text.data[at] == ' ')) {
        at++;
    }
    return version_at(bytes_from(text, at));
}

uint32_t cuda_named(struct bytes text)
{
    uint32_t newest = 0;
    for (size_t i = 0; i + 2 < text.size; i++) {
        bool starts = i == 0 || !(is_letter(text.data[i - 1]) || is_digit(text.data[i - 1]));
        struct bytes rest = bytes_from(text, i);
        uint32_t version = 0;
        if (starts && bytes_starts_with(rest, "cuda")) {
            version = version_behind_cuda(bytes_from(rest, 4));
        } else if (starts && bytes_starts_with(rest, "cu") && is_digit(rest.data[2])) {
            version = version_at(bytes_from(rest, 2));
        }
        newest = version > newest ? version : newest;
    }
    return newest;
}

void cuda_add(struct facts_writer *writer, struct fact_place at, struct bytes text)
{
    struct facts *facts = &writer->facts;
    uint32_t cuda = cuda_named(text);
    if (cuda > facts->cuda) {
        facts->cuda = cuda;
        facts->cuda_offset = writer->base.offset + at.offset;
        facts->cuda_line = writer->base.line + at.line;
    }
}

uint64_t cuda_driver(uint32_t cuda)
{
    uint64_t driver = 0;
    for (size_t i = 0; i < CUDA_ROW_COUNT && CUDA_ROWS[i].cuda <= cuda; i++) {
        driver = CUDA_ROWS[i].driver;
    }
    return driver;
}
