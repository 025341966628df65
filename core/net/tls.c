// SPDX-License-Identifier: Apache-2.0
#include "core/net/tls.h"

#include "core/base/invariant.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 16384 /* a record's most */

struct tls_context {
    SSL_CTX *ctx;
};

struct tls_session {
    SSL *ssl;
    BIO *in;
    BIO *out;
};

/* ── contexts ──────────────────────────────────────────────────────────────────────────────────── */

static enum err_code refuse(struct err *err, const char *what, const char *path)
{
    char reason[160] = "it cannot be read";
    unsigned long code = ERR_peek_last_error();
    if (code != 0) {
        ERR_error_string_n(code, reason, sizeof reason);
    }
    ERR_clear_error();
    return err_set(err, ERR_INVALID, "%s %s: %s", what, path, reason);
}

static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_size,
                           const unsigned char *offered, unsigned offered_size, void *ctx)
{
    static const unsigned char OURS[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    (void)ssl;
    (void)ctx;
    if (SSL_select_next_proto(&chosen, ret_size, OURS, sizeof OURS - 1, offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* it speaks nothing that we do */
    }
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

enum err_code tls_context_create(const char *cert_path, const char *key_path,
                                 struct tls_context **ret, struct err *err)
{
    struct tls_context *context = calloc(1, sizeof *context);
    enum err_code code = ERR_OK;
    ERR_clear_error();
    if (context == NULL || (context->ctx = SSL_CTX_new(TLS_server_method())) == NULL) {
        code = err_set(err, ERR_NOMEM, "no memory for TLS");
        goto out;
    }
    (void)SSL_CTX_set_min_proto_version(context->ctx, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(context->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(context->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
    if (SSL_CTX_set_cipher_list(context->ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
        code = refuse(err, "cipher list", "");
        goto out;
    }
    SSL_CTX_set_alpn_select_cb(context->ctx, choose_protocol, NULL);
    if (SSL_CTX_use_certificate_chain_file(context->ctx, cert_path) != 1) {
        code = refuse(err, "certificate", cert_path);
    } else if (SSL_CTX_use_PrivateKey_file(context->ctx, key_path, SSL_FILETYPE_PEM) != 1 ||
               SSL_CTX_check_private_key(context->ctx) != 1) {
        code = refuse(err, "private key", key_path);
    }
out:
    if (code != ERR_OK) {
        tls_context_destroy(context);
        return code;
    }
    *ret = context;
    return ERR_OK;
}

void tls_context_destroy(struct tls_context *context)
{
    if (context != NULL) {
        SSL_CTX_free(context->ctx); /* sessions have their own reference */
        free(context);
    }
}

/* ── sessions ──────────────────────────────────────────────────────────────────────────────────── */

struct tls_session *tls_session_create(struct tls_context *context)
{
    struct tls_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    session->ssl = SSL_new(context->ctx);
    session->in = BIO_new(BIO_s_mem());
    session->out = BIO_new(BIO_s_mem());
    if (session->ssl == NULL || session->in == NULL || session->out == NULL) {
        SSL_free(session->ssl);
        BIO_free(session->in);
        BIO_free(session->out);
        free(session);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_bio(session->ssl, session->in, session->out); /* takes both */
    SSL_set_accept_state(session->ssl);
    return session;
}

void tls_session_destroy(struct tls_session *session)
{
    if (session != NULL) {
        SSL_free(session->ssl);
        free(session);
    }
}

bool tls_session_is_open(const struct tls_session *session)
{
    return SSL_is_init_finished(session->ssl) != 0;
}

enum tls_state tls_session_read(struct tls_session *session, struct bytes cipher, uint8_t *ret,
                                size_t *ret_size)
{
    *ret_size = 0;
    ERR_clear_error();
    if (BIO_write(session->in, cipher.data, (int)cipher.size) != (int)cipher.size) {
        return TLS_BROKEN;
    }
    for (;;) {
        INVARIANT(*ret_size < TLS_PLAIN_MAX);
        int rc = SSL_read(session->ssl, ret + *ret_size, (int)(TLS_PLAIN_MAX - *ret_size));
        if (rc > 0) {
            *ret_size += (size_t)rc;
            continue;
        }
        switch (SSL_get_error(session->ssl, rc)) {
        case SSL_ERROR_WANT_READ:
            return TLS_GOES_ON;
        case SSL_ERROR_ZERO_RETURN:
            return TLS_ENDED;
        default:
            ERR_clear_error();
            return TLS_BROKEN;
        }
    }
}

/* All that OpenSSL wants to send. */
static bool drain(struct tls_session *session, struct buf *cipher)
{
    uint8_t piece[PIECE];
    int size;
    while ((size = BIO_read(session->out, piece, sizeof piece)) > 0) {
        buf_append(cipher, piece, (size_t)size);
    }
    return !cipher->failed;
}

bool tls_session_write(struct tls_session *session, struct buf *plain, struct buf *cipher)
{
    size_t used = 0;
    bool good = drain(session, cipher);
    ERR_clear_error();
    while (good && used < plain->size && tls_session_is_open(session)) {
        size_t left = plain->size - used;
        int rc = SSL_write(session->ssl, plain->data + used, (int)(left < PIECE ? left : PIECE));
        good = rc > 0 && drain(session, cipher);
        used += rc > 0 ? (size_t)rc : 0;
    }
    ERR_clear_error();
    buf_consume(plain, used);
    return good;
}

void tls_session_end(struct tls_session *session)
{
    if (tls_session_is_open(session)) {
        (void)SSL_shutdown(session->ssl); /* the peer's own is not waited for */
        ERR_clear_error();
    }
}
