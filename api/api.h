/* api/api.h: tallyd's composition: what every route can reach. All on the loop's thread unless said otherwise. */
// SPDX-License-Identifier: Apache-2.0
#ifndef API_API_H
#define API_API_H

#include "api/stuck.h"
#include "core/event/render.h"
#include "core/ledger/ledger.h"
#include "core/net/http_server.h"
#include "core/qubic/client.h"
#include "core/settlement/settlement.h"

#include <pthread.h>
#include <uv.h>

struct call;
struct nonces;
struct presence;
struct claims;
struct feeds;
struct blobs;
struct partials;
struct result_room;
struct token_uses;
struct token_rows;
struct job_answers;
struct webhooks;

#define CORS_ORIGINS_MAX 16
#define API_RATE_PER_TOKEN 200
#define API_RATE_PER_ADDRESS 500
#define API_CONNECTIONS_PER_ADDRESS 256
#define API_OFFERS_PER_MACHINE 16
#define API_OFFERS_PER_PROVIDER 1000
#define API_ACCOUNT_STORAGE_MIB 16384

struct api_options {
    const char *data_dir;
    const char *host;     /* NULL: 127.0.0.1 */
    uint16_t port;        /* 0: the kernel chooses */
    const char *origin;   /* NULL: http://<host>:<port>; what people sign in to */
    const char *page_dir; /* static files, or NULL */
    const char *qubic_live_url;
    const char *qubic_query_url;
    unsigned
        qubic_requests_per_s; /* of each of the two clients: this one and settlement's; 0: no limit */
    const char *explorer_url; /* a transaction's id is put behind it; NULL: none */
    const char *faucet_url;   /* of a local chain; NULL: none */
    const char *cors_origins[CORS_ORIGINS_MAX]; /* pages that may read answers, see api/cors.h */
    size_t cors_origin_count;
    /* Requests a second; 0: no limit. Not given: API_RATE_… , but for addresses of this machine: there may be a proxy behind them. */
    struct api_limit {
        bool given;
        unsigned value;
    } rate_per_token, rate_per_address, connections_per_address;
    unsigned offers_per_machine; /* live ones; 0: no limit */
    unsigned offers_per_provider;
    size_t connections_max;
    const char *tls_cert; /* PEM files; both or neither */
    const char *tls_key;
    bool traces_access;
    bool webhook_allow_private; /* addresses of private networks, too */
    unsigned webhook_timeout_ms;
    unsigned webhook_retry_ms;  /* before the second try; twice as long before each further one */
    unsigned webhook_give_up_s; /* of failures, until it is paused */
    unsigned feed_stuck_s; /* a follower of the feed that takes nothing for so long is closed */
    unsigned
        analysis_ms; /* processor time for all files of an upload; 0: as core/analysis has it */
    unsigned analysis_mib;        /* memory of one syntax tree; 0: 128 */
    unsigned account_storage_mib; /* what one account's uploads and results may hold; 0: no limit */
    unsigned unfinished_mib;      /* what unfinished uploads may hold together; 0: 16 GiB */
};

struct rates;
struct in_flight;

struct api {
    struct api_options options;
    uv_loop_t *loop;
    struct ledger *ledger;
    struct settlement *settlement;
    struct http_server *server;
    struct tls_context *tls; /* NULL: plain HTTP */
    struct http_client *http;
    struct qubic_client *qubic;
    struct id16 log_id;
    char origin[256]; /* of the page, for sign-in */

    struct nonces *nonces;
    struct presence *presence;
    struct claims *claims;
    struct feeds *feeds;
    struct webhooks *webhooks;
    struct key32 webhook_root; /* api/webhook_secret.h */
    struct in_flight *in_flight;
    struct rates *token_rates;   /* NULL: no limit */
    struct rates *address_rates; /* NULL: no limit */
    struct rates *code_rates;    /* of codes that are tried, for each address */
    struct blobs *blobs;
    struct partials *partials;
    struct token_uses *token_uses;
    struct token_rows *token_rows;
    struct job_answers *job_answers;
    struct result_room *result_rooms; /* of routes/results.c: promised to files on their way */

    uv_async_t wake; /* answers and commits have come */
    uv_timer_t tick; /* once a second: sweep, presence, nonces */
    pthread_mutex_t mutex;
    struct call *answered; /* newest first; under mutex */
    bool committed;        /* under mutex */
    bool sweeping;         /* the sweep is with the ledger; under mutex */
    bool sweep_again;      /* it found something: there may be more; under mutex */
    struct command
        sweep_command; /* the loop's, the ledger's while sweeping: no memory is needed for a deadline */
    struct stuck_summary stuck; /* loop's */
    struct {
        struct aside *first; /* waiting for their turn, the one that waits longest first */
        size_t waiting;
        size_t running;
    } aside; /* of aside.c */
    struct {
        struct erasure *first; /* likewise */
        size_t running;
    } erasures; /* of erasure.c */
};

/* How Qubic keys and hashes are spelled. */
extern const struct render_names API_NAMES;

/* Before the ledger opens, so that its first commit finds the loop to wake. */
MUST_CHECK int api_prepare(struct api *api, uv_loop_t *loop);
/* Start serving; `api` is filled with ledger, settlement and loop by the caller. */
MUST_CHECK enum err_code api_start(struct api *api, struct err *err);
/* Act on deadlines that have passed, unless that is under way; every second, and until nothing is due. */
void api_sweep(struct api *api);
/* Read the certificate and its key again, for new connections; if that fails, the old ones stay. */
void api_reload_tls(struct api *api);
/* Stop accepting, finish what is in flight; the loop ends when all is closed. */
void api_stop(struct api *api);
/* After the loop has ended. */
void api_finish(struct api *api);

/* Writer thread: hand an answered call to the loop; tell that the log has grown. */
void api_post_answered(struct api *api, struct call *call);
void api_post_commit(void *api, uint64_t head);

#endif
