// SPDX-License-Identifier: Apache-2.0
#include "worker/frameworks.h"

#include "core/base/software.h"
#include "core/base/text.h"
#include "core/base/trace.h"
#include "worker/trial.h"

#include <string.h>

#define TEXT_MAX ((size_t)1 << 20) /* what is printed by others as Python starts is passed over */
#define SCRIPT_MAX 8192

/* A folder without __init__ can be imported, and has nothing: what somebody's removal left. Of several distributions with a module of that name the one of that
 * name counts. */
static const char script_head[] = "import importlib.util, platform\n"
                                  "from importlib import metadata\n"
                                  "try:\n"
                                  "    owners = metadata.packages_distributions()\n"
                                  "except Exception:\n"
                                  "    owners = {}\n"
                                  "print('" SOFTWARE_PYTHON "=' + platform.python_version())\n"
                                  "for name in '";
static const char script_tail[] =
    "'.split():\n"
    "    try:\n"
    "        found = importlib.util.find_spec(name)\n"
    "        if found is None or found.origin is None:\n"
    "            continue\n"
    "        owner = sorted(owners.get(name, []), key=lambda it: it.replace('-', '_').lower() != "
    "name.lower())\n"
    "        print(name + '=' + (metadata.version(owner[0]) if owner else ''))\n"
    "    except Exception as error:\n"
    "        print('not', name, repr(error))\n";

/* A line of the script as an item of the list; a line of anybody else's is none. */
static void add_line(struct bytes line, struct buf *ret)
{
    struct bytes name;
    struct bytes version;
    if (!software_next(&line, &name, &version) || line.size > 0 ||
        (ret->size == 0 ? !bytes_equal(name, bytes_of_text(SOFTWARE_PYTHON))
                        : software_package(name) < 0)) {
        return;
    }
    bool const has_version = software_version_is_good(version);
    size_t const size = name.size + (has_version ? version.size + 1 : 0);
    if (ret->size + 1 + size > SOFTWARE_LIST_MAX) {
        trace(TRACE_WARN, "frameworks.left_out", "name=%.*s", (int)name.size,
              (const char *)name.data);
        return;
    }
    buf_append_text(ret, ret->size > 0 ? " " : "");
    buf_append_bytes(ret, name);
    if (has_version) {
        buf_append_text(ret, "=");
        buf_append_bytes(ret, version);
    }
}

enum err_code frameworks_find(const char *state, const struct machine *machine,
                              struct buf *ret_list, struct err *err)
{
    struct buf script;
    struct buf said;
    struct buf list;
    buf_init(&script, SCRIPT_MAX);
    buf_init(&said, TEXT_MAX);
    buf_init(&list, SOFTWARE_LIST_MAX);
    buf_append_text(&script, script_head);
    software_packages_append(~UINT64_C(0) >> 1, " ", &script);
    buf_append_text(&script, script_tail);
    enum err_code code = buf_check(&script, err);
    if (code == ERR_OK) {
        code = trial_ask(state, machine, NULL, buf_text(&script), &said, err);
    }
    for (const char *at = buf_text(&said); code == ERR_OK && *at != 0;) {
        size_t const size = strcspn(at, "\n");
        add_line(bytes_of(at, size), &list);
        at += size + (at[size] != 0 ? 1 : 0);
    }
    if (code == ERR_OK && list.size == 0) {
        code = err_set(err, ERR_UNAVAILABLE, "the jobs' Python does not say its version");
    }
    if (code == ERR_OK) {
        buf_append_bytes(ret_list, buf_bytes(&list));
    }
    buf_deinit(&script);
    buf_deinit(&said);
    buf_deinit(&list);
    return code;
}

void frameworks_words(struct bytes list, struct buf *ret)
{
    struct bytes name;
    struct bytes version;
    const char *between = "";
    while (software_next(&list, &name, &version)) {
        if (bytes_equal(name, bytes_of_text(SOFTWARE_PYTHON))) {
            buf_append_bytes(ret, version);
            buf_append_text(ret, " with ");
            buf_append_text(ret, list.size == 0 ? "no framework" : "");
            continue;
        }
        buf_append_text(ret, between);
        buf_append_bytes(ret, name);
        buf_append_text(ret, version.size > 0 ? " " : "");
        buf_append_bytes(ret, version);
        between = ", ";
    }
}

void frameworks_json(struct bytes list, struct buf *ret)
{
    struct bytes name;
    struct bytes version;
    const char *between = "{";
    while (software_next(&list, &name, &version)) {
        buf_append_text(ret, between);
        json_append_string(ret, name);
        buf_append_text(ret, ":");
        json_append_string(ret, version);
        between = ",";
    }
    buf_append_text(ret, "}");
}
