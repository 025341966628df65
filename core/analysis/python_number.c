/* Numbers as Python writes them, turned into numbers as JSON writes them. */
// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/python.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE 48

static bool integer(const char *text, int base, bool negative, char *ret)
{
    uint64_t value = 0;
    if (*text == '\0') {
        return false;
    }
    for (const char *at = text; *at != '\0'; at++) {
        int digit = -1;
        if (*at >= '0' && *at <= '9') {
            digit = *at - '0';
        } else if (*at >= 'a' && *at <= 'f') {
            digit = *at - 'a' + 10;
        } else if (*at >= 'A' && *at <= 'F') {
            digit = *at - 'A' + 10;
        }
        if (digit < 0 || digit >= base || __builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value) || value > (uint64_t)INT64_MAX) {
            return false;
        }
    }
    snprintf(ret, NUMBER_SIZE, "%s%llu", negative && value > 0 ? "-" : "",
             (unsigned long long)value);
    return true;
}

/* JSON wants a digit on both sides of the point. */
static bool decimal(const char *text, bool negative, char *ret)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value)) {
        return false;
    }
    size_t size = 0;
    if (negative) {
        ret[size++] = '-';
    }
    if (*text == '.') {
        ret[size++] = '0';
    }
    bool zeros = true; /* JSON knows no 007.5 */
    for (const char *at = text; *at != '\0'; at++) {
        if (zeros && *at == '0' && at[1] >= '0' && at[1] <= '9') {
            continue;
        }
        zeros = false;
        ret[size++] = *at;
        if (*at == '.' && !(at[1] >= '0' && at[1] <= '9')) {
            ret[size++] = '0';
        }
    }
    ret[size] = '\0';
    return true;
}

bool python_number(struct bytes text, bool negative, char *ret)
{
    char digits[NUMBER_SIZE - 8];
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = (char)text.data[i];
        if (c == '_') {
            continue;
        }
        bool known = (c >= '0' && c <= '9') || c == '.' || c == '+' || c == '-' ||
                     (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!known || size + 1 >= sizeof(digits)) {
            return false;
        }
        digits[size++] = c;
    }
    digits[size] = '\0';
    if (size == 0 || !((digits[0] >= '0' && digits[0] <= '9') || digits[0] == '.')) {
        return false;
    }
    if (digits[0] == '0' && size > 2) {
        switch (digits[1] | 0x20) {
        case 'x':
            return integer(digits + 2, 16, negative, ret);
        case 'o':
            return integer(digits + 2, 8, negative, ret);
        case 'b':
            return integer(digits + 2, 2, negative, ret);
        default:
            break;
        }
    }
    if (strpbrk(digits, ".eE") != NULL) {
        return decimal(digits, negative, ret);
    }
    if (digits[size - 1] == 'L' || digits[size - 1] == 'l') {
        digits[size - 1] = '\0';
    }
    if (digits[0] == '0' && strspn(digits, "0") != strlen(digits)) {
        return integer(digits, 8, negative, ret); /* Python 2: 010 is eight */
    }
    return integer(digits, 10, negative, ret);
}
