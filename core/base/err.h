/* core/base/err.h: how every function says what went wrong.
 *
 * Shape:   a small code that tells who has to act, and a struct with the sentence for a person.
 * Message: one line of UTF-8 without control characters, whatever went into it: names and texts of strangers do.
 * Owner:   the caller owns `struct err`; NULL is allowed everywhere one is taken.
 * Rule:    foreign codes (errno, MDB_*, UV_*, CURLE_*) are translated once, in the file that owns that
 *          library, and kept in `origin`. Only api/ turns codes into HTTP status. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_BASE_ERR_H
#define CORE_BASE_ERR_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

enum err_code {
    ERR_OK = 0,
    /* the caller acts */
    ERR_INVALID,   /* malformed or out of range; the message says what would be accepted */
    ERR_TOO_LARGE, /* over a stated limit */
    ERR_OVERFLOW,  /* an amount, size or sequence would leave its range */
    ERR_NOT_FOUND, /* no such thing, or not visible to this caller */
    ERR_CONFLICT,  /* the state it needs is not the state there is */
    ERR_DENIED,    /* not authenticated, or not allowed */
    /* try again */
    ERR_BUSY,        /* a queue or table is full */
    ERR_TIMEOUT,     /* no answer in time; the effect is unknown */
    ERR_UNAVAILABLE, /* a peer refused or is not there */
    /* the operator acts */
    ERR_IO,
    ERR_FULL,
    ERR_CORRUPT,
    ERR_NOMEM,
    ERR_INTERNAL, /* a bug of ours, contained */
};

#define ERR_MESSAGE_MAX 256

struct err {
    enum err_code code;
    int origin; /* the foreign code, 0 if none */
    int line;
    unsigned
        retry_after_s; /* asking again before can not help; 0: not known. Set after err_set, which clears it */
    const char *file; /* static string */
    char message[ERR_MESSAGE_MAX];
};

/* Fill `err` (may be NULL) and return `code`, so that `return err_set(...)` reads as one step. */
#define err_set(err, code, ...) err_set_at((err), (code), 0, __FILE__, __LINE__, __VA_ARGS__)
#define err_set_origin(err, code, origin, ...)                                                     \
    err_set_at((err), (code), (origin), __FILE__, __LINE__, __VA_ARGS__)
enum err_code err_set_at(struct err *err, enum err_code code, int origin, const char *file,
                         int line, const char *format, ...) PRINTF_LIKE(6, 7);

/* `what: strerror(errno_value)`, with ENOSPC and EDQUOT as ERR_FULL and ENOMEM as ERR_NOMEM. */
#define err_set_errno(err, errno_value, ...)                                                       \
    err_set_errno_at((err), (errno_value), __FILE__, __LINE__, __VA_ARGS__)
enum err_code err_set_errno_at(struct err *err, int errno_value, const char *file, int line,
                               const char *format, ...) PRINTF_LIKE(5, 6);

/* Put context in front of the message: `what: message`. Keeps code and origin. */
void err_context(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Stable lower-case word for a code ("invalid", "not_found"). */
const char *err_code_name(enum err_code code);

#endif
