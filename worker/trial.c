// SPDX-License-Identifier: Apache-2.0
#include "worker/trial.h"

#include "core/base/file.h"
#include "core/base/trace.h"
#include "worker/container_engine.h"
#include "worker/network_rules.h"
#include "worker/sandbox.h"
#include "worker/sandbox_user.h"
#include "worker/scratch.h"

#include <errno.h>
#include <unistd.h>

#define TIMEOUT_MS 20000

static enum err_code ask(const char *state, const struct machine *machine, const char *models,
                         const char *python, bool network, struct buf *ret, struct err *err)
{
    const char *const command[] = {SANDBOX_PYTHON, "-c", python, NULL};
    char folder[PATH_MAX];
    enum err_code code = path_join(folder, sizeof folder, state, "try-sandbox", err);
    if (code == ERR_OK) {
        code = scratch_remove(folder, err);
    }
    if (code == ERR_OK) {
        code = dir_create(folder, 0700, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    struct sandbox_models const shown = {.folder = models};
    struct sandbox_options const options = {.folder = folder,
                                            .models = models != NULL ? &shown : NULL,
                                            .command = command,
                                            .memory_max = machine->ram_mib << 20,
                                            .tmp_max = 16U << 20,
                                            .file_max = 1U << 20,
                                            .pids_max = 64,
                                            .network = network};
    uid_t const user = sandbox_user_new();
    if (user != SANDBOX_USER_SAME && lchown(folder, user, user) != 0) {
        code = err_set_errno(err, errno, "chown %s", folder);
    } else {
        code = sandbox_try(&options, TIMEOUT_MS, ret, err);
    }
    struct err left = {0};
    if (scratch_remove(folder, &left) != ERR_OK) {
        trace_err(TRACE_WARN, "sandbox.try_left", &left);
    }
    return code;
}

enum err_code trial_ask(const char *state, const struct machine *machine, const char *models,
                        const char *python, struct buf *ret, struct err *err)
{
    return ask(state, machine, models, python, false, ret, err);
}

enum err_code trial_network(const char *state, const struct machine *machine, struct err *err)
{
    static const char
        tries[] = /* a refusal must come at once: silence could be a cloud without metadata */
        "import errno, socket, sys\n"
        "s = socket.socket()\n"
        "s.settimeout(5)\n"
        "got = s.connect_ex(('169.254.169.254', 80))\n"
        "if [name for _, name in socket.if_nameindex()] != ['lo', '" NETWORK_DEVICE "']:\n"
        "    sys.exit('the device is not there')\n"
        "if got != errno.EHOSTUNREACH:\n"
        "    sys.exit('what is near is not closed: %d' % got)\n";
    enum err_code code = network_check_tools(err);
    return code == ERR_OK ? ask(state, machine, NULL, tries, true, NULL, err) : code;
}

enum err_code trial_sandbox(const char *state, const struct machine *machine, struct err *err)
{
    enum err_code const code = trial_ask(state, machine, NULL, "import json", NULL, err);
    if (code != ERR_OK) {
        err_context(err, "no job can run here (needed: bubblewrap, python3, user namespaces for "
                         "ordinary users)");
    }
    return code;
}

void trial_kinds(const char *state, const struct machine *machine,
                 const struct container_engine *engine, struct job_kinds *ret)
{
    static const char looks[] = /* without importing them, which takes seconds */
        "import importlib.util as u, sys\n"
        "missing = [name for name in ('nbclient', 'ipykernel') if u.find_spec(name) is None]\n"
        "sys.exit('not installed: ' + ', '.join(missing) if missing else 0)\n";
    struct err err = {0};
    *ret = (struct job_kinds){.runs = {[JOB_KIND_PYTHON] = true, [JOB_KIND_BUNDLE] = true}};
    ret->runs[JOB_KIND_NOTEBOOK] = trial_ask(state, machine, NULL, looks, NULL, &err) == ERR_OK;
    struct err no_engine = {0};
    ret->engine = engine;
    if (engine == NULL) { /* every image there would be open to strangers: the owner must say so */
        (void)err_set(&no_engine, ERR_UNAVAILABLE, "neither --podman nor --docker is given");
    } else {
        ret->runs[JOB_KIND_CONTAINER] = engine->kind->check(engine, &no_engine) == ERR_OK;
    }
    trace(TRACE_INFO, "worker.kinds",
          "python=1 bundle=1 notebook=%d dockerfile=%d why=\"%s\" why_dockerfile=\"%s\"",
          ret->runs[JOB_KIND_NOTEBOOK], ret->runs[JOB_KIND_CONTAINER], err.message,
          no_engine.message);
}
