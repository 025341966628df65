/* Many subscribers and one publisher on raw sockets, the same for our feed and for a peer: what is sent is given as bytes, what comes is searched for
 * `"time":"…"`, and the delay is from that time to now. No frame is parsed: a server's frames are not masked. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/time.h"
#include "tools/bench/bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MARK "\"time\":\""
#define MARK_SIZE (sizeof MARK - 1)
#define TIME_SIZE 30                 /* of an RFC 3339 time with nanoseconds */
#define TAIL (MARK_SIZE + TIME_SIZE) /* what may be torn between two reads */
#define READ_SIZE 262144
#define STEP_NS 20000
#define STEPS 500000 /* of delay: 10 s */
#define QUIET_NS (2 * NS_PER_S)

struct subscriber {
    int fd;
    uint8_t tail[TAIL];
    size_t tail_size;
};

struct follow {
    const struct bench_options *options;
    struct subscriber *subscribers;
    int epoll;
    int publisher;
    struct buf publish; /* the time in it, if there is one, is set each time */
    bool counts;
    uint64_t delivered;
    uint64_t *delays; /* by STEP_NS */
    int64_t last_at;  /* when something came */
};

static enum err_code sys_failed(struct err *err, const char *what)
{
    int const code = errno;
    return err_set_origin(err, ERR_IO, code, "%s: errno %d", what, code);
}

static enum err_code connect_to(uint64_t port, int *ret, struct err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        return sys_failed(err, "connect");
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *ret = fd;
    return ERR_OK;
}

static enum err_code send_all(int fd, struct bytes data, struct err *err)
{
    while (data.size > 0) {
        ssize_t sent = send(fd, data.data, data.size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            (void)usleep(100);
            continue;
        }
        if (sent < 0) {
            return sys_failed(err, "send");
        }
        data = bytes_from(data, (size_t)sent);
    }
    return ERR_OK;
}

static enum err_code watch(struct follow *f, int fd, uint32_t index, struct err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        return sys_failed(err, "epoll");
    }
    return ERR_OK;
}

/* ── what comes ────────────────────────────────────────────────────────────────────────────────── */

static void note(struct follow *f, const uint8_t *text, int64_t now)
{
    int64_t at;
    if (!f->counts || time_parse(bytes_of(text, TIME_SIZE), &at, NULL) != ERR_OK) {
        return;
    }
    uint64_t step = now > at ? (uint64_t)(now - at) / STEP_NS : 0;
    f->delays[step < STEPS ? step : STEPS - 1]++;
    f->delivered++;
}

static void search(struct follow *f, struct subscriber *s, uint8_t *data, size_t size, int64_t now)
{
    const uint8_t *at = data;
    const uint8_t *end = data + size;
    while ((at = memmem(at, (size_t)(end - at), MARK, MARK_SIZE)) != NULL) {
        if ((size_t)(end - at) < TAIL) {
            break;
        }
        note(f, at + MARK_SIZE, now);
        at += TAIL;
    }
    /* The beginning of a mark that is not whole yet; of one that was counted nothing is left. */
    const uint8_t *from = at != NULL ? at : end - (size < MARK_SIZE - 1 ? size : MARK_SIZE - 1);
    s->tail_size = (size_t)(end - from);
    memcpy(s->tail, from, s->tail_size);
}

static void take(struct follow *f, uint32_t index, int64_t now)
{
    static uint8_t data[TAIL + READ_SIZE];
    if (index == UINT32_MAX) { /* answers to the publisher */
        while (recv(f->publisher, data, READ_SIZE, MSG_DONTWAIT) > 0) {
        }
        return;
    }
    struct subscriber *s = &f->subscribers[index];
    memcpy(data, s->tail, s->tail_size);
    ssize_t size = recv(s->fd, data + s->tail_size, READ_SIZE, MSG_DONTWAIT);
    if (size > 0) {
        f->last_at = now;
        search(f, s, data, s->tail_size + (size_t)size, now);
    } else if (size == 0) {
        (void)epoll_ctl(f->epoll, EPOLL_CTL_DEL, s->fd, NULL);
    }
}

static void turn(struct follow *f, int wait_ms)
{
    struct epoll_event events[1024];
    int count = epoll_wait(f->epoll, events, 1024, wait_ms);
    for (int i = 0; i < count; i++) {
        take(f, events[i].data.u32, time_wall_ns());
    }
}

/* ── what goes ─────────────────────────────────────────────────────────────────────────────────── */

static enum err_code publish_one(struct follow *f, struct err *err)
{
    char text[TIME_TEXT_SIZE];
    uint8_t *place = memmem(f->publish.data, f->publish.size, MARK, MARK_SIZE);
    if (place != NULL) {
        time_format(time_wall_ns(), text);
        memcpy(place + MARK_SIZE, text, TIME_SIZE);
    }
    return send_all(f->publisher, buf_bytes(&f->publish), err);
}

static enum err_code drive(struct follow *f, struct err *err)
{
    int64_t begin = time_mono_ns();
    int64_t end = begin + (int64_t)f->options->seconds * NS_PER_S;
    uint64_t sent = 0;
    enum err_code code = ERR_OK;
    f->counts = true;
    for (int64_t now = begin; now < end && code == ERR_OK; now = time_mono_ns()) {
        uint64_t due = (uint64_t)(now - begin) * f->options->events / (uint64_t)NS_PER_S;
        for (; sent < due && code == ERR_OK; sent++) {
            code = publish_one(f, err);
        }
        turn(f, 1);
    }
    while (time_wall_ns() - f->last_at < QUIET_NS) {
        turn(f, 100);
    }
    return code;
}

static double delay_ms(const struct follow *f, double share)
{
    uint64_t wanted = (uint64_t)((double)f->delivered * share);
    uint64_t seen = 0;
    for (size_t i = 0; i < STEPS; i++) {
        seen += f->delays[i];
        if (seen > wanted) {
            return (double)i * STEP_NS / 1e6;
        }
    }
    return 0;
}

static double cpu_s(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Upgrade, and speak only when that was answered: a peer hangs up on who is faster. */
static enum err_code greet(int fd, struct bytes hello, struct bytes subscribe, struct err *err)
{
    char answer[4096];
    enum err_code code = send_all(fd, hello, err);
    if (code == ERR_OK && recv(fd, answer, sizeof answer, 0) <= 0) {
        return sys_failed(err, "no answer to the upgrade");
    }
    return code == ERR_OK ? send_all(fd, subscribe, err) : code;
}

static enum err_code open_all(struct follow *f, struct bytes hello, struct bytes subscribe,
                              struct err *err)
{
    enum err_code code = ERR_OK;
    for (uint32_t i = 0; i < f->options->in_flight && code == ERR_OK; i++) {
        code = connect_to(f->options->port, &f->subscribers[i].fd, err);
        if (code == ERR_OK) {
            code = greet(f->subscribers[i].fd, hello, subscribe, err);
        }
        if (code == ERR_OK) {
            code = watch(f, f->subscribers[i].fd, i, err);
        }
        turn(f, 0);
    }
    if (code == ERR_OK) {
        code = connect_to(f->options->publish_port, &f->publisher, err);
    }
    return code == ERR_OK ? watch(f, f->publisher, UINT32_MAX, err) : code;
}

static enum err_code read_file(const char *dir, const char *name, struct buf *ret, struct err *err)
{
    char path[PATH_MAX];
    buf_init(ret, 1 << 20);
    enum err_code code = path_join(path, sizeof path, dir, name, err);
    return code == ERR_OK ? file_read(path, ret, err) : code;
}

enum err_code bench_follow(const struct bench_options *options, struct err *err)
{
    struct follow f = {.options = options, .publisher = -1};
    struct buf hello = {0};
    struct buf subscribe = {0};
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    f.subscribers = calloc(options->in_flight, sizeof *f.subscribers);
    f.delays = calloc(STEPS, sizeof *f.delays);
    f.epoll = epoll_create1(EPOLL_CLOEXEC);
    enum err_code code = f.subscribers == NULL || f.delays == NULL || f.epoll < 0
                             ? err_set(err, ERR_NOMEM, "no memory for the subscribers")
                             : read_file(options->dir, "hello", &hello, err);
    if (code == ERR_OK) {
        code = read_file(options->dir, "subscribe", &subscribe, err);
    }
    if (code == ERR_OK) {
        code = read_file(options->dir, "publish", &f.publish, err);
    }
    if (code == ERR_OK) {
        code = open_all(&f, buf_bytes(&hello), buf_bytes(&subscribe), err);
    }
    if (code == ERR_OK) { /* until all are live */
        f.last_at = time_wall_ns();
        while (time_wall_ns() - f.last_at < NS_PER_S) {
            turn(&f, 100);
        }
        printf("ready\n");
        (void)fflush(stdout);
        double before = cpu_s();
        code = drive(&f, err);
        printf("{\"delivered\":%" PRIu64 ",\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"cpu_s\":%.2f}\n",
               f.delivered, delay_ms(&f, 0.5), delay_ms(&f, 0.99), cpu_s() - before);
    }
    for (size_t i = 0; f.subscribers != NULL && i < options->in_flight; i++) {
        if (f.subscribers[i].fd > 0) {
            (void)close(f.subscribers[i].fd);
        }
    }
    if (f.publisher >= 0) {
        (void)close(f.publisher);
    }
    (void)close(f.epoll);
    buf_deinit(&hello);
    buf_deinit(&subscribe);
    buf_deinit(&f.publish);
    free(f.subscribers);
    free(f.delays);
    return code;
}
