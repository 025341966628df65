// SPDX-License-Identifier: Apache-2.0
#include "core/analysis/titles.h"

#include <string.h>

#define TITLE_LINES_MAIN 2
#define TITLE_LINES_MAX 6

bool titles_say_licence(struct bytes line)
{
    static const char *const words[] = {
        "opyright", "icense", "coding:", "coding=", "#!", "Author", "author", "SPDX"};
    for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
        size_t size = strlen(words[w]);
        for (size_t i = 0; i + size <= line.size; i++) {
            if (memcmp(line.data + i, words[w], size) == 0) {
                return true;
            }
        }
    }
    return false;
}

void titles_add(struct facts_writer *facts, struct bytes text, struct fact_place at, int *said)
{
    while (text.size > 0 && *said < TITLE_LINES_MAX) {
        size_t size = 0;
        while (size < text.size && text.data[size] != '\n') {
            size++;
        }
        struct bytes part = bytes_of(text.data, size);
        bool letters = false;
        for (size_t i = 0; i < size; i++) {
            letters = letters || ((part.data[i] | 0x20) >= 'a' && (part.data[i] | 0x20) <= 'z');
        }
        if (titles_say_licence(part)) {
            return;
        }
        if (letters) {
            facts_name(facts, at, FACT_TITLE, part, bytes_of_text(""),
                       *said < TITLE_LINES_MAIN ? 1 : 2);
            (*said)++;
        }
        at.line++;
        size = size < text.size ? size + 1 : size;
        at.offset += (uint32_t)size;
        text = bytes_from(text, size);
    }
}
