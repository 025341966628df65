/* Small files of our own that a crash, a full disk or a person may have changed: views.state, worker.json, offer.json. The first byte says which. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/log/views.h"
#include "tests/fuzz/fuzz_file.h"
#include "tests/fuzz/fuzz_target.h"
#include "worker/state.h"

#include <string.h>

static char folder[64];

static void remove_folder(void)
{
    fuzz_folder_remove(folder);
}

static void put(const char *name, struct bytes content)
{
    char path[128];
    if (folder[0] == '\0') {
        fuzz_folder_create(folder);
        (void)atexit(remove_folder);
    }
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    INVARIANT(file != NULL);
    INVARIANT(content.size == 0 || fwrite(content.data, 1, content.size, file) == content.size);
    INVARIANT(fclose(file) == 0);
}

static void check_views_state(struct bytes text)
{
    static const char BOOT[] = "11111111-2222-3333-4444-555555555555";
    static const char OTHER[] = "99999999-2222-3333-4444-555555555555";
    struct views_state state;
    struct views_state elsewhere;
    if (!views_state_parse(text, BOOT, &state)) {
        return;
    }
    INVARIANT(views_state_parse(text, OTHER, &elsewhere));
    INVARIANT(state.is_dirty == elsewhere.is_dirty);
    INVARIANT(state.is_dirty || (state.is_trusted && elsewhere.is_trusted));
    INVARIANT(!state.is_dirty || !(state.is_trusted && elsewhere.is_trusted));
}

static void check_identity(struct bytes text)
{
    struct worker_identity identity;
    struct err err = {0};
    put("worker.json", text);
    if (state_load_identity(folder, &identity, &err) == ERR_OK) {
        struct id16 id;
        INVARIANT(id_parse(bytes_of_text(identity.host_id), &id, NULL) == ERR_OK);
        INVARIANT(identity.server[0] != '\0' && identity.token[0] != '\0');
        INVARIANT(strpbrk(identity.token, "\r\n") == NULL);
    } else {
        INVARIANT(err.code == ERR_CORRUPT || err.code == ERR_TOO_LARGE);
        INVARIANT(utf8_is_valid(bytes_of_text(err.message)));
    }
}

static void check_offer(struct bytes text)
{
    struct worker_offer offer;
    struct worker_offer again;
    put("offer.json", text);
    if (state_load_offer(folder, &offer, NULL) == ERR_OK) {
        struct id16 id;
        INVARIANT(offer.rate >= 1);
        INVARIANT(id_parse(bytes_of_text(offer.offer_id), &id, NULL) == ERR_OK);
        INVARIANT(state_save_offer(folder, &offer, NULL) == ERR_OK);
        INVARIANT(state_load_offer(folder, &again, NULL) == ERR_OK);
        INVARIANT(again.rate == offer.rate && strcmp(again.offer_id, offer.offer_id) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct bytes const rest = bytes_from(bytes_of(data, size), 1);
    if (data[0] % 3 == 0) {
        check_views_state(rest);
    } else if (data[0] % 3 == 1) {
        check_identity(rest);
    } else {
        check_offer(rest);
    }
    return 0;
}
