/* core/net/tls.h: TLS for connections that we accept; for stream.c and http_server.c.
 *
 * Shape:   a context is a certificate chain and its key; a session is one connection's state between two byte strings: what the socket gave goes
 *          in and plaintext comes out, plaintext goes in and what the socket is to be given comes out. No socket here.
 * Policy:  TLS 1.2 and 1.3, with 1.2 forward secret AEAD suites only; no renegotiation, no compression; ALPN http/1.1.
 * Memory:  a session is some 35 KB by OpenSSL while idle.
 * Thread:  the loop's. A context may be replaced while sessions of it go on: each keeps what it began with.
 * Source:  OpenSSL 3.0, BIO_s_mem; RFC 9325. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_NET_TLS_H
#define CORE_NET_TLS_H

#include "core/base/buf.h"

struct tls_context;
struct tls_session;

/* PEM files: the certificate with what leads to its root behind it, and the private key that belongs to it.
 * Errors: ERR_INVALID names the file and what is wrong with it; ERR_NOMEM. */
MUST_CHECK enum err_code tls_context_create(const char *cert_path, const char *key_path,
                                            struct tls_context **ret, struct err *err);
void tls_context_destroy(struct tls_context *context); /* NULL is fine */

struct tls_session *tls_session_create(struct tls_context *context); /* NULL: out of memory */
void tls_session_destroy(struct tls_session *session);               /* NULL is fine */
/* The handshake is done: plaintext can go either way. */
bool tls_session_is_open(const struct tls_session *session);

enum tls_state { TLS_GOES_ON, TLS_ENDED /* the peer said so */, TLS_BROKEN };
/* Most that tls_session_read has for one call with at most 64 KiB. */
#define TLS_PLAIN_MAX 131072
/* Take what the socket gave; `ret` (TLS_PLAIN_MAX bytes) gets the plaintext, also before an end. Then there may be something to send. */
enum tls_state tls_session_read(struct tls_session *session, struct bytes cipher, uint8_t *ret,
                                size_t *ret_size);
/* Append to `cipher` what is to be sent: of the handshake, and of `plain`, which is emptied once the session is open. false: of no use any more. */
MUST_CHECK bool tls_session_write(struct tls_session *session, struct buf *plain,
                                  struct buf *cipher);
/* The next write says that nothing follows. */
void tls_session_end(struct tls_session *session);

#endif
