/* The client's half of the opening handshake: what the server's answer must be (RFC 6455 §4.1). */
// SPDX-License-Identifier: Apache-2.0
#include "core/net/websocket_core.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Value of header `name` in the zero-terminated head; copied, trimmed. False: not there or too long. */
static bool answer_header(const char *head, const char *name, char *ret, size_t ret_size)
{
    size_t name_size = strlen(name);
    const char *line = strstr(head, "\r\n");
    while (line != NULL) {
        line += 2;
        if (strncasecmp(line, name, name_size) == 0 && line[name_size] == ':') {
            const char *value = line + name_size + 1;
            value += strspn(value, " \t");
            size_t size = strcspn(value, "\r\n");
            while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t')) {
                size--;
            }
            if (size >= ret_size) {
                return false;
            }
            memcpy(ret, value, size);
            ret[size] = '\0';
            return true;
        }
        line = strstr(line, "\r\n");
    }
    return false;
}

/* "HTTP/1.1 101 …": the three digits; 0 if it is no such line. */
static int answer_status(const char *head)
{
    static const char VERSION[] = "HTTP/1.1 ";
    const char *at = head + sizeof VERSION - 1;
    if (strncmp(head, VERSION, sizeof VERSION - 1) != 0 || strspn(at, "0123456789") != 3 ||
        (at[3] != ' ' && at[3] != '\r')) {
        return 0;
    }
    return (at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0');
}

enum err_code websocket_answer_check(const char *head, const char *accept, const char *protocol,
                                     int *ret_status, struct err *err)
{
    char value[256];
    *ret_status = answer_status(head);
    if (*ret_status == 0) {
        return err_set(err, ERR_UNAVAILABLE, "the server's answer is not HTTP/1.1");
    }
    if (*ret_status != 101) {
        size_t const line = strcspn(head, "\r\n");
        return err_set(err, ERR_UNAVAILABLE, "the server answered %.*s instead of switching",
                       (int)(line < 60 ? line : 60), head);
    }
    if (!answer_header(head, "upgrade", value, sizeof value) ||
        strcasecmp(value, "websocket") != 0 ||
        !answer_header(head, "sec-websocket-accept", value, sizeof value) ||
        strcmp(value, accept) != 0) {
        return err_set(err, ERR_UNAVAILABLE, "the server's switch to WebSocket is not genuine");
    }
    bool has_protocol = answer_header(head, "sec-websocket-protocol", value, sizeof value);
    if (has_protocol != (protocol != NULL) || (has_protocol && strcmp(value, protocol) != 0)) {
        return err_set(err, ERR_UNAVAILABLE, "the server did not choose subprotocol %s",
                       protocol == NULL ? "(none)" : protocol);
    }
    return ERR_OK;
}
