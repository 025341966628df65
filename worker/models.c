// SPDX-License-Identifier: Apache-2.0
#include "worker/models.h"

#include "core/base/file.h"
#include "core/base/software.h"
#include "core/base/text.h"
#include "core/base/trace.h"
#include "worker/name_list.h"
#include "worker/sandbox.h"
#include "worker/sandbox_models.h"
#include "worker/trial.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TEXT_MAX ((size_t)1 << 20)
#define MODEL "model "
#define CLOSED "closed "

/* Opened, since a mode does not say who may read. What begins with a dot (git's, the hub's locks) is nobody's model and no part of one. Of a pipe nothing is waited for. */
static const char script[] =
    "import os, sys\n"
    "sys.stdout.reconfigure(errors='backslashreplace')\n"
    "ROOT = '" SANDBOX_MODELS_FOLDER "'\n"
    "left = 100000\n"
    "def look(folder):\n"
    "    global left\n"
    "    found = False\n"
    "    for name in sorted(os.listdir(folder)):\n"
    "        path = os.path.join(folder, name)\n"
    "        left -= 1\n"
    "        if left < 0:\n"
    "            sys.exit('it has more than 100000 files')\n"
    "        if name.startswith('.'):\n"
    "            continue\n"
    "        if os.path.isdir(path):\n"
    "            found = not os.path.islink(path) and look(path) or found\n"
    "        else:\n"
    "            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))\n"
    "            found = True\n"
    "    return found\n"
    "def tell(name, folder):\n"
    "    try:\n"
    "        print('model' if look(folder) else 'empty', name)\n"
    "    except OSError as error:\n"
    "        print('closed', name + ': ' + os.path.relpath(error.filename, ROOT) + ': ' + "
    "error.strerror)\n"
    "def at_once(path, flags):\n"
    "    return os.open(path, flags | os.O_NONBLOCK)\n"
    "def cached(name, folder):\n"
    "    try:\n"
    "        with open(os.path.join(folder, 'refs', 'main'), opener=at_once) as file:\n"
    "            revision = file.read(200)\n"
    "    except (FileNotFoundError, NotADirectoryError):\n"
    "        revision = ''\n"
    "    snapshot = os.path.join(folder, 'snapshots', revision)\n"
    "    if revision and os.path.isdir(snapshot):\n"
    "        tell(name, snapshot)\n"
    "    else:\n"
    "        print('closed', name + ': no snapshot of its revision main')\n"
    "def saved(name, folder):\n"
    "    good = any(os.path.lexists(os.path.join(folder, file)) for file in "
    "('model_index.json', 'config.json'))\n"
    "    if good:\n"
    "        tell(name, folder)\n"
    "    return good\n"
    "def folders(parent):\n"
    "    global left\n"
    "    for name in sorted(os.listdir(parent)):\n"
    "        path = os.path.join(parent, name)\n"
    "        left -= 1\n"
    "        if left < 0:\n"
    "            sys.exit('it has more than 100000 files')\n"
    "        if not name.startswith('.') and os.path.isdir(path) and "
    "os.path.realpath(path).startswith(ROOT + '/'):\n"
    "            yield name, path\n"
    "try:\n"
    "    entries = list(folders(ROOT))\n"
    "except OSError as error:\n"
    "    sys.exit('jobs cannot read it: ' + error.strerror)\n"
    "for name, path in entries:\n"
    "    try:\n"
    "        if name.startswith('models--'):\n"
    "            cached(name[8:].replace('--', '/'), path)\n"
    "        elif not saved(name, path) and not name.startswith(('datasets--', 'spaces--')):\n"
    "            for under, path in folders(path):\n"
    "                saved(name + '/' + under, path)\n"
    "    except OSError as error:\n"
    "        print('closed', name + ': ' + os.path.relpath(error.filename, ROOT) + ': ' + "
    "error.strerror)\n";

static bool is_within(const char *path, const char *folder)
{
    size_t const size = strlen(folder);
    return strncmp(path, folder, size) == 0 && (path[size] == 0 || path[size] == '/');
}

/* What begins with a dot is not shown, and not counted. */
static enum err_code count_entries(const char *models, const char *path, struct err *err)
{
    DIR *folder = opendir(path);
    size_t count = 0;
    if (folder == NULL) {
        return err_set_errno(err, errno, "--models %s", models);
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) { // NOLINT: its own
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    (void)closedir(folder);
    return count <= SANDBOX_MODELS_ENTRIES_MAX
               ? ERR_OK
               : err_set(err, ERR_INVALID,
                         "--models %s: it has more than %d entries: expected a folder with models "
                         "alone",
                         models, SANDBOX_MODELS_ENTRIES_MAX);
}

/* A hub's library keeps its cache in a folder "hub" beside the tokens that it signs in with, which jobs are not to read. */
static enum err_code refuse_tokens(const char *models, const char *path, struct err *err)
{
    static const char *const tokens[] = {"token", "stored_tokens"};
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        char file[PATH_MAX];
        struct stat about;
        if (path_join(file, sizeof file, path, tokens[i], err) != ERR_OK) {
            return err->code;
        }
        if (lstat(file, &about) == 0 && !S_ISDIR(about.st_mode)) {
            return err_set(
                err, ERR_INVALID,
                "--models %s: jobs read all of it, and the file \"%s\" in it is a key to "
                "a hub: expected the folder of the models alone, as %s/hub",
                models, tokens[i], models);
        }
    }
    return ERR_OK;
}

enum err_code models_resolve(const char *models, const char *state, char ret[PATH_MAX],
                             struct err *err)
{
    char own[PATH_MAX];
    char path[PATH_MAX];
    struct stat about;
    if (realpath(models, path) == NULL || stat(path, &about) != 0) {
        return err_set_errno(err, errno, "--models %s", models);
    }
    if (!S_ISDIR(about.st_mode)) {
        return err_set(err, ERR_INVALID, "--models %s: expected a folder", models);
    }
    if (realpath(state, own) == NULL) {
        return err_set_errno(err, errno, "--state %s", state);
    }
    if (strcmp(path, "/") == 0 || is_within(own, path) || is_within(path, own)) {
        return err_set(err, ERR_INVALID,
                       "--models %s: jobs read all of it, so it is a folder of its own, neither "
                       "above the worker's folder %s nor in it",
                       models, own);
    }
    enum err_code code = count_entries(models, path, err);
    if (code == ERR_OK) {
        code = refuse_tokens(models, path, err);
    }
    if (code == ERR_OK) {
        memcpy(ret, path, sizeof path);
    }
    return code;
}

static void add_closed(struct bytes line, struct buf *ret)
{
    char text[ERR_MESSAGE_MAX];
    (void)snprintf(text, sizeof text, "%.*s", (int)line.size, (const char *)line.data);
    text_make_printable(text);
    trace(TRACE_WARN, "models.not_told", "why=\"%s\"", text);
    buf_append_text(ret, text);
    buf_append_text(ret, "\n");
}

/* "model NAME", "empty NAME", "closed NAME: WHY"; other lines are whoever's. */
static void add_line(struct bytes line, struct name_list *list, struct buf *ret_closed)
{
    if (bytes_starts_with(line, MODEL)) {
        struct bytes const name = bytes_from(line, strlen(MODEL));
        if (software_model_name_is_good(name)) {
            name_list_add(list, name);
        }
    } else if (bytes_starts_with(line, CLOSED)) {
        add_closed(bytes_from(line, strlen(CLOSED)), ret_closed);
    }
}

enum err_code models_find(const char *models, const char *state, const struct machine *machine,
                          struct buf *ret_list, struct buf *ret_closed, struct err *err)
{
    struct name_list list = {0};
    struct buf said;
    buf_init(&said, TEXT_MAX);
    enum err_code const code = trial_ask(state, machine, models, script, &said, err);
    for (const char *at = buf_text(&said); code == ERR_OK && *at != 0;) {
        size_t const size = strcspn(at, "\n");
        add_line(bytes_of(at, size), &list, ret_closed);
        at += size + (at[size] != 0 ? 1 : 0);
    }
    name_list_text(&list, ret_list);
    if (list.left_out > 0) {
        trace(TRACE_WARN, "models.left_out", "count=%zu told=%zu", list.left_out, list.count);
    }
    if (code != ERR_OK) {
        err_context(err, "look at the models");
    }
    buf_deinit(&said);
    return code;
}
