/* The real bubblewrap, with programs that try what they must not be able to do. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/base/time.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"
#include "worker/sandbox.h"
#include "worker/sandbox_user.h"
#include "worker/scratch.h"
#include "worker/tool.h"

#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 60000

struct fixture {
    char folder[64];
    struct scratch scratch;
    struct cgroup_place place;
    struct cgroup group;
    struct sandbox sandbox;
    struct sandbox_end end;
    struct buf out;
    struct buf errors;
    bool with_group;
    uint64_t pids_max;
    uint64_t memory_max;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_folder_create(f->folder);
    f->with_group = true;
    f->pids_max = 200;
    f->memory_max = UINT64_C(1) << 30;
    buf_init(&f->out, 1U << 22);
    buf_init(&f->errors, 1U << 22);
    cgroup_find(&f->place);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sandbox_deinit(&f->sandbox);
    cgroup_remove(&f->group);
    buf_deinit(&f->out);
    buf_deinit(&f->errors);
    assert_int_equal(scratch_remove(f->folder, NULL), ERR_OK);
    free(f);
    return 0;
}

static void start(struct fixture *f, const char *script)
{
    static const struct sandbox_variable environment[] = {{.name = "COLOUR", .value = "blue"}};
    char name[64];
    struct err err = {0};
    assert_int_equal(
        scratch_create(f->folder, "job", "results", sandbox_user_new(), &f->scratch, &err), ERR_OK);
    assert_int_equal(file_write_atomic(f->scratch.input, bytes_of_text(script), 0600, &err),
                     ERR_OK);
    assert_int_equal(scratch_place_input(&f->scratch, "try.py", &err), ERR_OK);
    (void)snprintf(name, sizeof name, "tally-test-%ld", (long)getpid());
    if (f->with_group) {
        cgroup_create(&f->place, name, f->memory_max, f->pids_max, &f->group);
    }
    const char *const command[] = {SANDBOX_PYTHON, "-u", "/job/try.py", "first", NULL};
    struct sandbox_options const options = {.folder = f->scratch.job,
                                            .command = command,
                                            .environment = environment,
                                            .environment_count = 1,
                                            .memory_max = f->memory_max,
                                            .tmp_max = 1U << 20,
                                            .file_max = 8U << 20,
                                            .pids_max = f->pids_max,
                                            .cgroup = &f->group};
    enum err_code const code = sandbox_spawn(&options, &f->sandbox, &err);
    cgroup_close_fds(&f->group);
    if (code != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

static void drain(int fd, struct buf *ret)
{
    char chunk[4096];
    ssize_t size;
    while ((size = read(fd, chunk, sizeof chunk)) > 0) {
        buf_append(ret, chunk, (size_t)size);
    }
}

static void finish(struct fixture *f)
{
    int64_t const until = time_mono_ns() + PATIENCE_MS * NS_PER_MS;
    for (bool running = true; running;) {
        struct pollfd fd = {.fd = f->sandbox.pidfd, .events = POLLIN};
        running = poll(&fd, 1, 20) <= 0;
        drain(f->sandbox.stdout_fd, &f->out);
        drain(f->sandbox.stderr_fd, &f->errors);
        assert_true(time_mono_ns() < until);
    }
    drain(f->sandbox.stdout_fd, &f->out);
    drain(f->sandbox.stderr_fd, &f->errors);
    sandbox_reap(&f->sandbox, &f->end);
}

/* The script prints what went wrong; nothing is right. */
static void run_silent(struct fixture *f, const char *script)
{
    start(f, script);
    finish(f);
    if (f->out.size + f->errors.size > 0 || !f->end.started || f->end.exit_status != 0) {
        fail_msg("status %d, wrote: %s %s", f->end.exit_status, buf_text(&f->out),
                 buf_text(&f->errors));
    }
}

static void no_capability_is_left_and_the_user_is_nobody(void **state)
{
    struct fixture *f = *state;
    run_silent(
        f, "import os\n"
           "for line in open('/proc/self/status'):\n"
           "    key, value = line.split(':')\n"
           "    if key.startswith('Cap') and int(value, 16) != 0: print(line)\n"
           "    if key == 'NoNewPrivs' and int(value) != 1: print(line)\n"
           "    if key == 'Seccomp' and int(value) != 2: print(line)\n"
           "if (os.getuid(), os.geteuid(), os.getgid()) != (65534,) * 3: print('uid')\n"
           "if os.environ != {**os.environ, 'COLOUR': 'blue', 'HOME': '/home/job'}: "
           "print(os.environ)\n"
           "if set(os.environ) - {'PATH','HOME','USER','LANG','TMPDIR','COLOUR','PWD','LC_CTYPE'}: "
           "print(os.environ)\n"
           "if os.getcwd() != '/job': print(os.getcwd())\n");
}

static void no_network_is_there(void **state)
{
    struct fixture *f = *state;
    run_silent(f, "import socket\n"
                  "for address in ('1.1.1.1', 53), ('127.0.0.1', 22), ('10.0.0.1', 80):\n"
                  "    s = socket.socket(); s.settimeout(2)\n"
                  "    try: s.connect(address); print('connected to', address)\n"
                  "    except OSError: pass\n"
                  "names = [name for _, name in socket.if_nameindex()]\n"
                  "if names != ['lo']: print(names)\n"
                  "for family in (40, 38, 31, 17, 3):\n" /* vsock, alg, bluetooth, packet, ax25 */
                  "    try: socket.socket(family, socket.SOCK_STREAM); print('family', family)\n"
                  "    except OSError: pass\n"
                  "try: socket.create_connection('\\0/tmp/x'); print('abstract')\n"
                  "except Exception: pass\n");
}

static void the_machines_files_are_not_there(void **state)
{
    struct fixture *f = *state;
    char script[4096];
    (void)snprintf(
        script, sizeof script,
        "import os\n"
        "for path in '/root', '/var', '/opt', '/srv', '/mnt', '/models', '/sys', '/run', '/boot', "
        "'/etc/shadow',\\\n"
        "            '/etc/hostname', '/etc/ssh', '%s', '%s':\n"
        "    if os.path.exists(path): print(path, 'is there')\n"
        "if sorted(os.listdir('/job')) != ['results', 'try.py']: print(os.listdir('/job'))\n"
        "if len(open('/etc/passwd').readlines()) != 2: print('passwd')\n"
        "fds = [os.readlink('/proc/self/fd/' + fd) for fd in os.listdir('/proc/self/fd')[:-1]]\n"
        "if len(fds) != 3: print(fds)\n",
        f->folder, TALLY_SOURCE_DIR);
    run_silent(f, script);
}

static void nothing_but_the_jobs_folder_and_its_memory_can_be_written(void **state)
{
    struct fixture *f = *state;
    run_silent(
        f,
        "import os\n"
        "for path in '/x', '/usr/x', '/usr/bin/x', '/etc/x', '/etc/passwd', '/dev/x', '/home/x', "
        "'/lib/x':\n"
        "    try: os.close(os.open(path, os.O_WRONLY | os.O_CREAT)); print(path, 'can be "
        "written')\n"
        "    except OSError: pass\n"
        "for folder, _, names in os.walk('/proc'):\n" /* opened, never written: they are the machine's */
        "    if folder.startswith(('/proc/%d/task/' % os.getpid(), '/proc/self', "
        "'/proc/thread-self')): continue\n"
        "    for name in names:\n"
        "        try: fd = os.open(os.path.join(folder, name), os.O_WRONLY | os.O_NONBLOCK)\n"
        "        except OSError: continue\n"
        "        if '/fd' not in folder: print(folder, name, 'can be written')\n"
        "        os.close(fd)\n"
        "for path in '/job/a', '/job/results/b', '/tmp/c', '/dev/shm/d', '/home/job/e':\n"
        "    open(path, 'w').write('good')\n"
        "for path in '/tmp/big', '/dev/shm/big', '/home/job/big', '/job/big':\n" /* over their sizes */
        "    try:\n"
        "        with open(path, 'wb') as out:\n"
        "            for _ in range(20): out.write(bytes(1 << 20))\n"
        "        print(path, 'grew')\n"
        "    except OSError: pass\n"
        "os.remove('/job/big')\n");
    struct stat about;
    char path[PATH_MAX];
    assert_int_equal(path_join(path, sizeof path, f->scratch.results, "b", NULL), ERR_OK);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_uid, geteuid() == 0 ? f->scratch.owner : geteuid());
}

static void it_sees_no_process_but_its_own(void **state)
{
    struct fixture *f = *state;
    run_silent(f, "import os\n"
                  "pids = sorted(int(name) for name in os.listdir('/proc') if name.isdigit())\n"
                  "if pids != [1, os.getpid()]: print(pids)\n"
                  "if os.getpid() > 3: print(os.getpid())\n");
}

static void dangerous_calls_are_refused(void **state)
{
    struct fixture *f = *state;
    run_silent(
        f,
        "import ctypes, platform\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "if platform.machine() == 'x86_64':\n"
        "    calls = dict(mount=165, ptrace=101, keyctl=250, add_key=248, bpf=321, "
        "userfaultfd=323, perf=298,\n"
        "                 kexec=246, init_module=175, unshare=272, setns=308, pivot_root=155, "
        "reboot=169,\n"
        "                 open_by_handle=304, process_vm_readv=310, quotactl=179, swapon=167)\n"
        "    for name, number in calls.items():\n"
        "        if libc.syscall(number, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != 1:\n"
        "            print(name, ctypes.get_errno())\n"
        "    for flag in 0x10000000, 0x00020000, 0x20000000, 0x40000000:\n" /* user, mount, pid, net */
        "        if libc.syscall(56, flag | 17, 0, 0, 0, 0) != -1: print('clone', hex(flag))\n"
        "    for name, number in dict(clone3=435, io_uring_setup=425).items():\n"
        "        if libc.syscall(number, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != 38: "
        "print(name)\n"
        "import threading, subprocess\n" /* and the ordinary ones are not */
        "thread = threading.Thread(target=lambda: None); thread.start(); thread.join()\n"
        "if subprocess.run(['/bin/true']).returncode: print('subprocess')\n");
}

static void a_fork_bomb_stays_within_its_bounds(void **state)
{
    struct fixture *f = *state;
    start(f, "import os, time\n"
             "made = 0\n"
             "try:\n"
             "    for _ in range(5000):\n"
             "        if os.fork() == 0:\n"
             "            time.sleep(60); os._exit(0)\n"
             "        made += 1\n"
             "except OSError: pass\n"
             "print(made)\n");
    finish(f); /* and all of them are gone with the first */
    assert_int_equal(f->end.exit_status, 0);
    /* Without a group, an ordinary user's limit leaves room for their other processes. */
    bool const exact = f->group.pids_folder[0] != 0 || geteuid() == 0;
    assert_in_range(atoi(buf_text(&f->out)), 50, exact ? 200 : 4500); // NOLINT: our own number
}

static void without_a_group_a_fork_bomb_is_bounded_too(void **state)
{
    struct fixture *f = *state;
    f->with_group = false;
    a_fork_bomb_stays_within_its_bounds(state);
}

static void too_much_memory_is_refused_or_ends_it(void **state)
{
    struct fixture *f = *state;
    f->memory_max = UINT64_C(128) << 20;
    start(f, "x = [bytes([1]) * (1 << 20) for _ in range(1000)]\n");
    finish(f);
    assert_int_not_equal(f->end.exit_status, 0);
    if (f->group.memory_folder[0] != 0) {
        assert_int_equal(f->end.signal, 9);
        assert_true(cgroup_oom_killed(&f->group));
    }
}

static void without_a_group_memory_is_bounded_too(void **state)
{
    struct fixture *f = *state;
    f->with_group = false;
    too_much_memory_is_refused_or_ends_it(state);
    assert_non_null(strstr(buf_text(&f->errors), "MemoryError"));
}

static void the_end_is_told_as_it_was(void **state)
{
    struct fixture *f = *state;
    start(f, "import sys; print(sys.argv[1:]); print('bad', file=sys.stderr); sys.exit(7)\n");
    finish(f);
    assert_true(f->end.started);
    assert_int_equal(f->end.exit_status, 7);
    assert_int_equal(f->end.signal, 0);
    assert_string_equal(buf_text(&f->out), "['first']\n");
    assert_string_equal(buf_text(&f->errors), "bad\n");
    sandbox_deinit(&f->sandbox);
    cgroup_remove(&f->group);
    start(f, "import os; os.kill(os.getpid(), 11)\n");
    finish(f);
    assert_true(f->end.started);
    assert_int_equal(f->end.signal, 11);
}

static void wait_for_output(struct fixture *f)
{
    int64_t const until = time_mono_ns() + PATIENCE_MS * NS_PER_MS;
    while (f->out.size == 0) {
        drain(f->sandbox.stdout_fd, &f->out);
        (void)usleep(5000);
        assert_true(time_mono_ns() < until);
    }
}

/* Processes are counted by user: a job that has all it may must not keep another from starting. */
static void one_job_that_has_all_its_processes_is_nothing_to_another(void **state)
{
    struct fixture *f = *state;
    struct fixture *second = NULL;
    assert_int_equal(setup((void **)&second), 0);
    f->with_group = false;
    second->with_group = false;
    second->pids_max = 50;
    start(f, "import os, time\n"
             "try:\n"
             "    while os.fork(): pass\n"
             "    time.sleep(600)\n"
             "except OSError: print('full', flush=True)\n"
             "time.sleep(600)\n");
    wait_for_output(f);
    run_silent(second, "import subprocess\n"
                       "if subprocess.run(['/bin/true']).returncode: print('no child')\n");
    assert_int_equal(teardown((void **)&second), 0);
}

static void asked_to_end_every_process_gets_the_signal(void **state)
{
    struct fixture *f = *state;
    start(f, "import os, signal, sys, time\n"
             "child = os.fork()\n"
             "def bye(*_):\n"
             "    if child: os.waitpid(child, 0)\n"
             "    print('bye', child == 0); os._exit(3)\n"
             "signal.signal(signal.SIGTERM, bye)\n"
             "time.sleep(0.3) if child else None\n"
             "print('ready') if child else None\n"
             "time.sleep(60)\n");
    wait_for_output(f);
    sandbox_terminate(&f->sandbox);
    finish(f);
    assert_int_equal(f->end.exit_status, 3);
    assert_non_null(strstr(buf_text(&f->out), "bye True"));
    assert_non_null(strstr(buf_text(&f->out), "bye False"));
}

static void killed_everything_is_gone_at_once(void **state)
{
    struct fixture *f = *state;
    start(f, "import os, signal, time\n"
             "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
             "for _ in range(20):\n"
             "    if os.fork() == 0: os.setsid(); time.sleep(60)\n"
             "print('ready'); time.sleep(60)\n");
    wait_for_output(f);
    int64_t const before = time_mono_ns();
    sandbox_kill(&f->sandbox);
    finish(f);
    assert_true(time_mono_ns() - before < 5 * NS_PER_S);
    assert_int_equal(f->end.signal, 9);
    cgroup_remove(&f->group);
    assert_string_equal(f->group.pids_folder, "");
}

/* Goal: what is uploaded is what was there at the end. Method: an orphan that goes on writing. */
static void what_the_program_left_running_is_gone_after_its_end(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];
    struct stat before;
    struct stat after;
    start(f, "import os, time\n"
             "if os.fork() == 0:\n"
             "    os.setsid(); [os.close(fd) for fd in (0, 1, 2)]\n"
             "    while True: open('/job/results/x', 'a').write('x')\n"
             "while not os.path.exists('/job/results/x'): time.sleep(0.01)\n");
    finish(f);
    assert_int_equal(f->end.exit_status, 0);
    assert_int_equal(path_join(path, sizeof path, f->scratch.results, "x", NULL), ERR_OK);
    assert_int_equal(stat(path, &before), 0);
    (void)usleep(200000);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
}

static void a_sandbox_that_cannot_be_made_says_so(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    const char *const missing[] = {"/usr/bin/no-such-program", NULL};
    const char *const good[] = {"/bin/true", NULL};
    assert_int_equal(
        scratch_create(f->folder, "job", "results", sandbox_user_new(), &f->scratch, &err), ERR_OK);
    struct sandbox_options options = {.folder = f->scratch.job,
                                      .command = good,
                                      .memory_max = UINT64_C(1) << 30,
                                      .tmp_max = 1U << 20,
                                      .file_max = 1U << 20,
                                      .pids_max = 50};
    assert_int_equal(sandbox_try(&options, PATIENCE_MS, NULL, &err), ERR_OK);
    options.command = missing;
    assert_int_equal(sandbox_try(&options, PATIENCE_MS, NULL, &err), ERR_UNAVAILABLE);
    assert_non_null(strstr(err.message, "no-such-program"));
    options.command = good;
    options.folder = "/tmp/tally-no-such-folder";
    assert_int_not_equal(sandbox_try(&options, PATIENCE_MS, NULL, &err), ERR_OK);
    options.folder = f->scratch.job;
    options.models = &(struct sandbox_models){.folder = "/tmp/tally-no-such-models"};
    assert_int_not_equal(sandbox_try(&options, PATIENCE_MS, NULL, &err), ERR_OK);
    assert_non_null(strstr(err.message, "the models' folder /tmp/tally-no-such-models"));
}

/* What the program says is the caller's when it is asked for, and a failure when it is too much. */
static void what_a_tried_program_says_is_heard(void **state)
{
    struct fixture *f = *state;
    const char *const command[] = {"/bin/sh", "-c", "echo one; echo not >&2; echo two", NULL};
    struct buf said;
    assert_int_equal(
        scratch_create(f->folder, "job", "results", sandbox_user_new(), &f->scratch, NULL), ERR_OK);
    struct sandbox_options const options = {.folder = f->scratch.job,
                                            .command = command,
                                            .memory_max = UINT64_C(1) << 30,
                                            .tmp_max = 1U << 20,
                                            .file_max = 1U << 20,
                                            .pids_max = 50};
    buf_init(&said, 8);
    assert_int_equal(sandbox_try(&options, PATIENCE_MS, &said, NULL), ERR_OK);
    assert_string_equal(buf_text(&said), "one\ntwo\n");
    buf_deinit(&said);
    buf_init(&said, 7);
    assert_int_equal(sandbox_try(&options, PATIENCE_MS, &said, NULL), ERR_TOO_LARGE);
    buf_deinit(&said);
}

/* R11: a folder of the provider's, of which a job sees what is in it and what others than its owner may read. */
static void models_can_be_read_and_not_written_and_lead_nowhere_else(void **state)
{
    static const char script[] =
        "import os\n"
        "def read(name):\n"
        "    try: return open('/models/' + name).read()\n"
        "    except OSError as error: return error.strerror\n"
        "print(read('blob'), read('within'), read('out'), read('closed'), sep='|')\n"
        "for what in (lambda: open('/models/new', 'w'), lambda: open('/models/blob', 'a'),\n"
        "             lambda: os.remove('/models/blob'), lambda: os.chmod('/models/blob', "
        "0o777)):\n"
        "    try: what(); print('changed')\n"
        "    except OSError as error: print(error.strerror)\n";
    struct fixture *f = *state;
    const char *const command[] = {SANDBOX_PYTHON, "-c", script, NULL};
    const char *const names[] = {"models", "models/blob", "models/closed", "secret"};
    char paths[4][128];
    char within[160];
    char out[160];
    struct buf said;
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(paths[i], sizeof paths[i], "%s/%s", f->folder, names[i]);
    }
    (void)snprintf(within, sizeof within, "%s/within", paths[0]);
    (void)snprintf(out, sizeof out, "%s/out", paths[0]);
    assert_int_equal(dir_create(paths[0], 0777, NULL), ERR_OK);
    assert_int_equal(chmod(paths[0], 0777), 0); /* no mode is what keeps it as it is */
    assert_int_equal(file_write_atomic(paths[1], bytes_of_text("weights"), 0666, NULL), ERR_OK);
    assert_int_equal(chmod(paths[1], 0666), 0);
    assert_int_equal(file_write_atomic(paths[2], bytes_of_text("mine"), 0600, NULL), ERR_OK);
    assert_int_equal(file_write_atomic(paths[3], bytes_of_text("secret"), 0644, NULL), ERR_OK);
    assert_int_equal(symlink("./blob", within), 0);
    assert_int_equal(symlink(paths[3], out), 0);
    assert_int_equal(
        scratch_create(f->folder, "job", "results", sandbox_user_new(), &f->scratch, NULL), ERR_OK);
    struct sandbox_models const models = {.folder = paths[0]};
    struct sandbox_options const options = {.folder = f->scratch.job,
                                            .models = &models,
                                            .command = command,
                                            .memory_max = UINT64_C(1) << 30,
                                            .tmp_max = 1U << 20,
                                            .file_max = 1U << 20,
                                            .pids_max = 50};
    buf_init(&said, 4096);
    assert_int_equal(sandbox_try(&options, PATIENCE_MS, &said, NULL), ERR_OK);
    assert_string_equal(buf_text(&said), geteuid() == 0
                                             ? "weights|weights|No such file or directory|"
                                               "Permission denied\n"
                                               "Read-only file system\nRead-only file system\n"
                                               "Read-only file system\nRead-only file system\n"
                                             : "weights|weights|No such file or directory|mine\n"
                                               "Read-only file system\nRead-only file system\n"
                                               "Read-only file system\nRead-only file system\n");
    buf_deinit(&said);
}

/* An offer tells one name: a script that loads it by that name and one that names its folder must both find it, from a hub's cache and from a plain folder. */
static void a_model_is_found_by_its_hubs_name_and_by_its_path_however_it_lies(void **state)
{
    static const char make[] =
        "cd \"$0\" && mkdir models && chmod 755 . models && cd models && "
        "mkdir -p org/plain models--hub--cached/refs models--hub--cached/snapshots/abc "
        "models--hub--cached/blobs models--org--beside/refs models--org--beside/snapshots/d && "
        "printf plain > org/plain/config.json && printf abc > models--hub--cached/refs/main && "
        "printf cached > models--hub--cached/blobs/1 && "
        "ln -s ../../blobs/1 models--hub--cached/snapshots/abc/config.json && "
        "printf d > models--org--beside/refs/main && "
        "printf beside > models--org--beside/snapshots/d/config.json && "
        "mkdir -p models--bad--ref/refs && printf a/../../../etc > models--bad--ref/refs/main && "
        "mkdir -p models--bad--pipe/refs models--bad--link/refs && "
        "mkfifo models--bad--pipe/refs/main && printf secret > ../secret && "
        "ln -s ../../../secret models--bad--link/refs/main";
    static const char script[] =
        "import os\n"
        "os.chdir('/models')\n"
        "for name in 'org/plain', 'hub/cached', 'org/beside', 'not/told':\n"
        "    cache = 'models--' + name.replace('/', '--')\n"
        "    for by in 'path', 'name':\n"
        "        try:\n"
        "            folder = name if by == 'path' else cache + '/snapshots/' + open(cache + "
        "'/refs/main').read()\n"
        "            print(by, open(folder + '/config.json').read())\n"
        "        except OSError as error:\n"
        "            print(by, error.strerror)\n"
        "print(sorted(os.listdir('.')), os.path.lexists('bad'))\n";
    struct fixture *f = *state;
    const char *const command[] = {SANDBOX_PYTHON, "-c", script, NULL};
    const char *const arguments[] = {"-c", make, f->folder, NULL};
    char folder[128];
    struct buf said;
    int status = -1;
    buf_init(&said, 4096);
    assert_int_equal(tool_run("/bin/sh", arguments, 60000, &said, &status, NULL), ERR_OK);
    assert_int_equal(status, 0);
    (void)snprintf(folder, sizeof folder, "%s/models", f->folder);
    assert_int_equal(
        scratch_create(f->folder, "job", "results", sandbox_user_new(), &f->scratch, NULL), ERR_OK);
    struct sandbox_models const models = {
        .folder = folder, .told = "bad/link bad/pipe bad/ref hub/cached org/beside org/plain"};
    struct sandbox_options const options = {.folder = f->scratch.job,
                                            .models = &models,
                                            .command = command,
                                            .memory_max = UINT64_C(1) << 30,
                                            .tmp_max = 1U << 20,
                                            .file_max = 1U << 20,
                                            .pids_max = 50};
    assert_int_equal(sandbox_try(&options, PATIENCE_MS, &said, NULL), ERR_OK);
    assert_string_equal(buf_text(&said),
                        "path plain\nname plain\n"
                        "path cached\nname cached\n"
                        /* DIR/org is the provider's own, and nothing is put into it */
                        "path No such file or directory\nname beside\n"
                        "path No such file or directory\nname No such file or directory\n"
                        "['.folder', '.revision', 'hub', 'models--bad--link', "
                        "'models--bad--pipe', 'models--bad--ref', "
                        "'models--hub--cached', 'models--org--beside', 'models--org--plain', "
                        "'org'] False\n");
    buf_deinit(&said);
}

/* R11: what it is given to read is what it reads, to its end, and otherwise nothing of the worker's. */
static void it_reads_what_it_is_given_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    static const char reads[] = "import sys\nsys.exit(len(sys.stdin.read()))\n";
    const char *const command[] = {SANDBOX_PYTHON, "-c", reads, NULL};
    int fds[2];
    assert_int_equal(
        scratch_create(f->folder, "job", "results", sandbox_user_new(), &f->scratch, &err), ERR_OK);
    struct sandbox_options options = {.folder = f->scratch.job,
                                      .command = command,
                                      .memory_max = UINT64_C(1) << 30,
                                      .tmp_max = 1U << 20,
                                      .file_max = 1U << 20,
                                      .pids_max = 50};
    assert_int_equal(sandbox_try(&options, PATIENCE_MS, NULL, &err), ERR_OK);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "seven..", 7), 7);
    (void)close(fds[1]);
    options.input_fd = fds[0];
    assert_int_equal(sandbox_try(&options, PATIENCE_MS, NULL, &err), ERR_UNAVAILABLE);
    assert_non_null(strstr(err.message, "status 7"));
    (void)close(fds[0]);
}

/* Two models may ask for one name, or for one below the other: no job of the machine starts if bwrap is asked for both. */
static void models_whose_names_meet_keep_no_job_from_starting(void **state)
{
    static const char make[] =
        "cd \"$0\" && mkdir models && chmod 755 . models && cd models && mkdir -p a/b a--b && "
        "touch a/b/config.json a--b/config.json && for i in x x--y; do "
        "mkdir -p models--$i/refs models--$i/snapshots/abc && printf abc > models--$i/refs/main && "
        "touch models--$i/snapshots/abc/config.json; done";
    static const char script[] = "import os\n"
                                 "for name in 'a/b', 'a--b', 'x', 'models--x--y/snapshots/abc':\n"
                                 "    print(name, os.listdir('/models/' + name))\n"
                                 "print(os.path.realpath('/models/models--a--b/snapshots/main'))\n";
    struct fixture *f = *state;
    const char *const command[] = {SANDBOX_PYTHON, "-c", script, NULL};
    const char *const arguments[] = {"-c", make, f->folder, NULL};
    char folder[128];
    struct buf said;
    struct err err = {0};
    int status = -1;
    buf_init(&said, 4096);
    assert_int_equal(tool_run("/bin/sh", arguments, 60000, &said, &status, NULL), ERR_OK);
    assert_int_equal(status, 0);
    (void)snprintf(folder, sizeof folder, "%s/models", f->folder);
    assert_int_equal(
        scratch_create(f->folder, "job", "results", sandbox_user_new(), &f->scratch, NULL), ERR_OK);
    struct sandbox_models const models = {.folder = folder, .told = "a--b a/b x x/y"};
    struct sandbox_options const options = {.folder = f->scratch.job,
                                            .models = &models,
                                            .command = command,
                                            .memory_max = UINT64_C(1) << 30,
                                            .tmp_max = 1U << 20,
                                            .file_max = 1U << 20,
                                            .pids_max = 50};
    if (sandbox_try(&options, PATIENCE_MS, &said, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(buf_text(&said), "a/b ['config.json']\na--b ['config.json']\n"
                                         "x ['config.json']\n"
                                         "models--x--y/snapshots/abc ['config.json']\n"
                                         "/models/.folder/a/b\n");
    buf_deinit(&said);
}

/* In a view of the mounts of its own, with the machine's files at /mnt/image and models beside them: 0, or the line that failed. */
static int try_root_below_mnt(const struct fixture *f)
{
    static const char *const command[] = {
        "/bin/sh", "-c", "test -f /job/here && test -f /models/m && test ! -e /models/image", NULL};
    static const struct sandbox_models models = {.folder = "/mnt/models"};
    struct sandbox_options const options = {.folder = f->scratch.job,
                                            .root = "/mnt/image",
                                            .models = &models,
                                            .command = command,
                                            .memory_max = f->memory_max,
                                            .tmp_max = 1U << 20,
                                            .file_max = 8U << 20,
                                            .pids_max = f->pids_max};
    struct err err = {0};
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", "/mnt", "tmpfs", 0, NULL) != 0 || mkdir("/mnt/image", 0755) != 0 ||
        mount("/", "/mnt/image", NULL, MS_BIND, NULL) != 0 || mkdir("/mnt/models", 0755) != 0 ||
        file_write_atomic("/mnt/models/m", bytes_of_text("m"), 0644, NULL) != ERR_OK) {
        return __LINE__;
    }
    if (sandbox_try(&options, PATIENCE_MS, NULL, &err) != ERR_OK) {
        print_error("%s\n", err.message);
        return __LINE__;
    }
    return 0;
}

/* R11: /mnt is also where the sandbox shows the job's folder to itself; podman's images and models may be on disks that are mounted there. */
static void an_image_and_models_may_lie_where_folders_are_shown(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    int status = 0;
    if (geteuid() != 0) {
        skip(); /* an ordinary user's sandbox is shown its folder where that is */
    }
    assert_int_equal(
        scratch_create(f->folder, "job", "results", sandbox_user_new(), &f->scratch, &err), ERR_OK);
    assert_int_equal(file_write_atomic(f->scratch.input, bytes_of_text("x"), 0600, &err), ERR_OK);
    assert_int_equal(scratch_place_input(&f->scratch, "here", &err), ERR_OK);
    pid_t const pid = fork();
    if (pid == 0) {
        _exit(try_root_below_mnt(f) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void the_environment_is_not_on_the_command_line(void **state)
{
    struct fixture *f = *state;
    char path[64];
    struct buf line;
    start(f, "print('ready'); import time; time.sleep(60)\n");
    wait_for_output(f);
    (void)snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)f->sandbox.pid);
    buf_init(&line, 1U << 16);
    assert_int_equal(file_read(path, &line, NULL), ERR_OK);
    assert_true(line.size > 10);
    assert_null(memmem(line.data, line.size, "blue", 4));
    buf_deinit(&line);
}

int main(void)
{
#define WITH_SANDBOX(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_SANDBOX(no_capability_is_left_and_the_user_is_nobody),
        WITH_SANDBOX(it_reads_what_it_is_given_and_nothing_else),
        WITH_SANDBOX(no_network_is_there),
        WITH_SANDBOX(the_machines_files_are_not_there),
        WITH_SANDBOX(nothing_but_the_jobs_folder_and_its_memory_can_be_written),
        WITH_SANDBOX(it_sees_no_process_but_its_own),
        WITH_SANDBOX(dangerous_calls_are_refused),
        WITH_SANDBOX(a_fork_bomb_stays_within_its_bounds),
        WITH_SANDBOX(without_a_group_a_fork_bomb_is_bounded_too),
        WITH_SANDBOX(one_job_that_has_all_its_processes_is_nothing_to_another),
        WITH_SANDBOX(too_much_memory_is_refused_or_ends_it),
        WITH_SANDBOX(without_a_group_memory_is_bounded_too),
        WITH_SANDBOX(the_end_is_told_as_it_was),
        WITH_SANDBOX(asked_to_end_every_process_gets_the_signal),
        WITH_SANDBOX(killed_everything_is_gone_at_once),
        WITH_SANDBOX(what_the_program_left_running_is_gone_after_its_end),
        WITH_SANDBOX(a_sandbox_that_cannot_be_made_says_so),
        WITH_SANDBOX(what_a_tried_program_says_is_heard),
        WITH_SANDBOX(a_model_is_found_by_its_hubs_name_and_by_its_path_however_it_lies),
        WITH_SANDBOX(models_can_be_read_and_not_written_and_lead_nowhere_else),
        WITH_SANDBOX(models_whose_names_meet_keep_no_job_from_starting),
        WITH_SANDBOX(an_image_and_models_may_lie_where_folders_are_shown),
        WITH_SANDBOX(the_environment_is_not_on_the_command_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
