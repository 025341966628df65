// SPDX-License-Identifier: Apache-2.0
#include "worker/nvidia_smi.h"

#include "core/base/text.h"

#include <string.h>

#define FIELDS_MAX 9

static size_t split(struct bytes line, struct bytes ret[FIELDS_MAX])
{
    size_t count = 0;
    while (count < FIELDS_MAX) {
        const uint8_t *comma = line.size == 0 ? NULL : memchr(line.data, ',', line.size);
        size_t size = comma == NULL ? line.size : (size_t)(comma - line.data);
        struct bytes field = bytes_of(line.data, size);
        while (field.size > 0 && field.data[0] == ' ') {
            field = bytes_from(field, 1);
        }
        while (field.size > 0 && field.data[field.size - 1] == ' ') {
            field.size--;
        }
        ret[count++] = field;
        if (comma == NULL) {
            return count;
        }
        line = bytes_from(line, size + 1);
    }
    return FIELDS_MAX + 1; /* more than there are */
}

/* "123.45" in thousandths; what is no number ("[N/A]", "ERR!") is 0. */
static uint64_t milli(struct bytes text)
{
    uint64_t value = 0;
    uint64_t weight = 100;
    size_t at = 0;
    for (; at < text.size && at < 12 && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
        value = value * 10 + (uint64_t)(text.data[at] - '0');
    }
    if (at == 0) {
        return 0;
    }
    value *= 1000;
    if (at < text.size && text.data[at] == '.') {
        for (at++; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
            value += weight * (uint64_t)(text.data[at] - '0');
            weight /= 10;
        }
    }
    return at == text.size ? value : 0;
}

/* "0x0000000000000004" */
static bool hexadecimal(struct bytes text, uint64_t *ret)
{
    uint64_t value = 0;
    if (text.size < 3 || text.size > 18 || !bytes_starts_with(text, "0x")) {
        return false;
    }
    for (size_t i = 2; i < text.size; i++) {
        static const char digits[] = "0123456789abcdef";
        uint8_t const small = text.data[i] | 0x20;
        const char *digit = small == 0x20 ? NULL : strchr(digits, small);
        if (digit == NULL) {
            return false;
        }
        value = value << 4 | (uint64_t)(digit - digits);
    }
    *ret = value;
    return true;
}

static bool copy(struct bytes field, char *ret, size_t ret_size)
{
    if (field.size == 0 || field.size >= ret_size || !utf8_is_valid(field) ||
        memchr(field.data, 0, field.size) != NULL) {
        return false;
    }
    memcpy(ret, field.data, field.size);
    ret[field.size] = 0;
    return true;
}

/* "00000000:01:00.0" → "0000:01:00.0", in small letters. */
static bool copy_bus(struct bytes field, char ret[32])
{
    if (field.size > 16 || field.size < 12) {
        return false;
    }
    if (field.size == 16) {
        field = bytes_from(field, 4);
    }
    for (size_t i = 0; i < field.size; i++) {
        uint8_t const byte = field.data[i];
        char const small = (char)(byte >= 'A' && byte <= 'F' ? byte | 0x20 : byte);
        if (strchr("0123456789abcdef:.", small) == NULL || small == 0) {
            return false;
        }
        ret[i] = small;
    }
    ret[field.size] = 0;
    return true;
}

bool nvidia_smi_parse_gpu(struct bytes line, struct gpu *ret, char ret_bus[32])
{
    struct bytes fields[FIELDS_MAX];
    struct gpu gpu = {0};
    if (split(line, fields) != 6 || !copy(fields[0], gpu.uuid, sizeof gpu.uuid) ||
        strncmp(gpu.uuid, "GPU-", 4) != 0 || !copy(fields[1], gpu.model, sizeof gpu.model) ||
        !copy(fields[2], gpu.driver, sizeof gpu.driver) || !copy_bus(fields[5], ret_bus)) {
        return false;
    }
    gpu.vram_mib = milli(fields[3]) / 1000;
    gpu.compute_capability = milli(fields[4]) / 100; /* "8.9" */
    *ret = gpu;
    return gpu.vram_mib > 0;
}

bool nvidia_smi_parse_sample(struct bytes line, struct gpu_sample *ret)
{
    struct bytes fields[FIELDS_MAX];
    if (split(line, fields) != 9) {
        return false;
    }
    static const uint64_t known[] = {GPU_KNOWN_FAN, GPU_KNOWN_SM_CLOCK, GPU_KNOWN_MEMORY_CLOCK};
    *ret = (struct gpu_sample){.permille = milli(fields[0]) / 100,
                               .vram_mib = milli(fields[1]) / 1000,
                               .vram_total_mib = milli(fields[2]) / 1000,
                               .temperature_c = milli(fields[3]) / 1000,
                               .power_mw = milli(fields[4]),
                               .fan_percent = milli(fields[5]) / 1000,
                               .sm_mhz = milli(fields[6]) / 1000,
                               .memory_mhz = milli(fields[7]) / 1000};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const struct bytes *field = &fields[5 + i];
        ret->known |=
            field->size > 0 && field->data[0] >= '0' && field->data[0] <= '9' ? known[i] : 0;
    }
    ret->known |= hexadecimal(fields[8], &ret->throttle) ? GPU_KNOWN_THROTTLE : 0;
    return ret->permille <= 1000 && ret->vram_total_mib > 0;
}
