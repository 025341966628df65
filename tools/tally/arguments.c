// SPDX-License-Identifier: Apache-2.0
#include "tools/tally/arguments.h"

#include <stdio.h>
#include <string.h>

static const struct argument *find(const struct argument *table, size_t count, const char *word)
{
    bool option = strncmp(word, "--", 2) == 0;
    for (size_t i = 0; i < count; i++) {
        if (option ? strcmp(table[i].name, word) == 0
                   : table[i].name[0] != '-' && table[i].text != NULL && *table[i].text == NULL) {
            return &table[i];
        }
    }
    return NULL;
}

int arguments_parse(const char *usage, const struct argument *table, size_t count, int argc,
                    char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        const struct argument *argument = find(table, count, argv[i]);
        if (argument == NULL) {
            fprintf(stderr, "tally %s: '%s' is not expected here\n\n%s", argv[0], argv[i], usage);
            return 2;
        }
        if (argument->text == NULL) {
            *argument->flag = true;
        } else if (argument->name[0] != '-') {
            *argument->text = argv[i];
        } else if (i + 1 < argc) {
            *argument->text = argv[++i];
        } else {
            fprintf(stderr, "tally %s: %s needs a value\n\n%s", argv[0], argv[i], usage);
            return 2;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (table[i].needed && table[i].text != NULL && *table[i].text == NULL) {
            fprintf(stderr, "tally %s: %s is missing\n\n%s", argv[0], table[i].name, usage);
            return 2;
        }
    }
    return ARGUMENTS_GO_ON;
}
