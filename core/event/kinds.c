// SPDX-License-Identifier: Apache-2.0
#include "core/event/kinds.h"

#include <string.h>

#define ENUM_WORD(number, constant, word) [number] = word,
#define DEFINE_ENUM_WORDS(name)                                                                    \
    static const char *const name##_list[] = {ENUM_##name(ENUM_WORD)};                             \
    const struct enum_words name##_words = {#name, name##_list,                                    \
                                            sizeof name##_list / sizeof *name##_list};

EVENT_ENUMS(DEFINE_ENUM_WORDS)

const char *enum_word(const struct enum_words *words, uint32_t number)
{
    return number < words->count ? words->words[number] : NULL;
}

uint32_t enum_number(const struct enum_words *words, const char *word, size_t size)
{
    for (uint32_t i = 1; i < words->count; i++) {
        if (words->words[i] != NULL && strlen(words->words[i]) == size &&
            memcmp(words->words[i], word, size) == 0) {
            return i;
        }
    }
    return 0;
}
