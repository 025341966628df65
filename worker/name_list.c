// SPDX-License-Identifier: Apache-2.0
#include "worker/name_list.h"

#include <string.h>

void name_list_add(struct name_list *list, struct bytes name)
{
    char text[NAME_LIST_NAME_SIZE];
    size_t at = 0;
    if (name.size >= sizeof text) {
        list->left_out++;
        return;
    }
    memcpy(text, name.data, name.size);
    text[name.size] = 0;
    while (at < list->count && strcmp(list->names[at], text) < 0) {
        at++;
    }
    if (at < list->count && strcmp(list->names[at], text) == 0) {
        return;
    }
    list->left_out += list->count == NAME_LIST_MAX ? 1 : 0;
    if (at == NAME_LIST_MAX) {
        return;
    }
    list->count += list->count < NAME_LIST_MAX ? 1 : 0;
    memmove(list->names[at + 1], list->names[at], (list->count - at - 1) * sizeof list->names[0]);
    memcpy(list->names[at], text, name.size + 1);
}

void name_list_text(struct name_list *list, struct buf *ret)
{
    size_t size = 0;
    for (size_t i = 0; i < list->count; i++) {
        size_t const more = strlen(list->names[i]) + (i > 0 ? 1 : 0);
        if (size + more > SOFTWARE_LIST_MAX) { /* a shorter one behind it is not preferred */
            list->left_out += list->count - i;
            return;
        }
        buf_append_text(ret, i > 0 ? " " : "");
        buf_append_text(ret, list->names[i]);
        size += more;
    }
}
