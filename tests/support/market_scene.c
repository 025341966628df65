// SPDX-License-Identifier: Apache-2.0
#include "tests/support/market_scene.h"

#include "core/base/file.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/memory_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scene *scene_open(const struct scene_options *options)
{
    static const struct scene_options NONE = {0};
    options = options == NULL ? &NONE : options;
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    struct market *market = &scene->market;
    market->on_event = options->on_event;
    market->on_command = options->on_command;
    market->context = market;
    market->checkpoint_key = options->checkpoint_key;
    market_open(market, 7, memory_store_create(), options->fee_bps);
    scene->consumer = market_sign_in(market, market_new_key(market));
    scene->provider = market_sign_in(market, market_new_key(market));
    scene->host = market_enrol(market, scene->provider);
    assert_int_equal(market_host_online(market, scene->host), ERR_OK);
    scene->offer =
        market_publish(market, scene->host, options->rate == 0 ? 100000 : options->rate, 1000);
    assert_false(id_is_zero(scene->offer));
    return scene;
}

void scene_close(struct scene *scene)
{
    memory_store_destroy(scene->market.store);
    market_close(&scene->market);
    free(scene);
}

void refusals_provoke(const struct refusal *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct scene *scene = scene_open(NULL);
        rows[i].provoke(scene);
        if (scene->market.err.code != rows[i].code ||
            strcmp(scene->market.word, rows[i].word) != 0) {
            fail_msg("%s, not %s: %s", err_code_name(scene->market.err.code), rows[i].word,
                     scene->market.err.message);
        }
        scene_close(scene);
    }
    printf("%zu words of refusal\n", count);
}

void refusals_compare(const struct refusal *rows, size_t count, const char *source)
{
    struct buf text = {.size_max = 1 << 20};
    size_t found = 0;
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", TALLY_SOURCE_DIR, source);
    assert_int_equal(file_read(path, &text, NULL), ERR_OK);
    for (const char *at = strstr(buf_text(&text), "refuse("); at != NULL;
         at = strstr(at + 1, "refuse(")) {
        const char *word = strchr(at, '"');
        assert_non_null(word);
        size_t size = strcspn(++word, "\"");
        bool known = false;
        for (size_t i = 0; i < count; i++) {
            known |= strlen(rows[i].word) == size && memcmp(rows[i].word, word, size) == 0;
        }
        if (!known) {
            fail_msg("%s: \"%.*s\" has no row in this table", source, (int)size, word);
        }
        found++;
    }
    assert_true(found > 0);
    buf_deinit(&text);
}
