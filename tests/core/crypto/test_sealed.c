/* Secrets at rest. Method: round trip; a wrong passphrase and every changed byte are refused. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "core/crypto/sealed.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

static void a_sealed_secret_opens_with_its_passphrase_alone(void **state)
{
    (void)state;
    struct buf sealed;
    struct buf opened;
    buf_init(&sealed, 8192);
    buf_init(&opened, 8192);
    struct bytes secret = bytes_of_text("fifty-five letters, more or less");
    assert_int_equal(sealed_create(secret, bytes_of_text("correct horse"), &sealed, NULL), ERR_OK);
    assert_null(memmem(sealed.data, sealed.size, "fifty", 5));
    assert_int_equal(sealed_open(buf_bytes(&sealed), bytes_of_text("correct horse"), &opened, NULL),
                     ERR_OK);
    assert_true(bytes_equal(buf_bytes(&opened), secret));
    assert_int_equal(sealed_open(buf_bytes(&sealed), bytes_of_text("correct hors"), &opened, NULL),
                     ERR_DENIED);
    assert_int_equal(sealed_open(buf_bytes(&sealed), bytes_of_text(""), &opened, NULL),
                     ERR_INVALID);
    const size_t places[] = {0, 4, 23, 24, 40, 64, 80, sealed.size - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        sealed.data[places[i]] ^= 1;
        assert_int_not_equal(
            sealed_open(buf_bytes(&sealed), bytes_of_text("correct horse"), &opened, NULL), ERR_OK);
        sealed.data[places[i]] ^= 1;
    }
    for (size_t size = 0; size < 70; size++) {
        assert_int_equal(
            sealed_open(bytes_of(sealed.data, size), bytes_of_text("x"), &opened, NULL),
            ERR_CORRUPT);
    }
    sealed_wipe(&opened);
    buf_deinit(&sealed);
}

#define STACK_SIZE (1 << 18)
#define PASSPHRASE "a passphrase that lies nowhere else"

static _Alignas(4096) uint8_t stack[STACK_SIZE];
static char path[96];
static struct buf passphrase;

static void *read_passphrase(void *unused)
{
    (void)unused;
    assert_int_equal(sealed_passphrase_read(path, &passphrase, NULL), ERR_OK);
    return NULL;
}

/* Goal: a passphrase lies in the buffer that is wiped, and nowhere else. Method: read it on a stack of our own and look through
 * that; the buffer has its full size from the beginning, so it was never moved and left no copy on the heap. */
static void a_passphrase_is_left_in_its_buffer_alone(void **state)
{
    (void)state;
    char folder[64];
    pthread_attr_t attributes;
    pthread_t thread;
    (void)snprintf(path, sizeof path, "%s/passphrase", temp_folder_create(folder));
    assert_int_equal(file_write_atomic(path, bytes_of_text(PASSPHRASE "\nthe rest"), 0600, NULL),
                     ERR_OK);
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstack(&attributes, stack, sizeof stack), 0);
    assert_int_equal(pthread_create(&thread, &attributes, read_passphrase, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)pthread_attr_destroy(&attributes);
    assert_true(bytes_equal(buf_bytes(&passphrase), bytes_of_text(PASSPHRASE)));
    assert_null(memmem(stack, sizeof stack, PASSPHRASE, 8));
    assert_in_range(passphrase.capacity, SEALED_PASSPHRASE_MAX + 1, SIZE_MAX);
    const uint8_t *first = passphrase.data;
    while (passphrase.size < SEALED_PASSPHRASE_MAX) {
        buf_append_byte(&passphrase, 'x');
    }
    assert_ptr_equal(passphrase.data, first);
    sealed_wipe(&passphrase);
    temp_folder_remove(folder);
}

static void a_passphrase_file_is_refused_with_its_reason(void **state)
{
    (void)state;
    char folder[64];
    struct err err = {0};
    struct buf read;
    (void)snprintf(path, sizeof path, "%s/passphrase", temp_folder_create(folder));
    assert_int_equal(sealed_passphrase_read(path, &read, &err), ERR_NOT_FOUND);
    sealed_wipe(&read);
    assert_int_equal(file_write_atomic(path, bytes_of_text("\nsecond line"), 0600, NULL), ERR_OK);
    assert_int_equal(sealed_passphrase_read(path, &read, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "has no passphrase on its first line"));
    sealed_wipe(&read);
    assert_int_equal(file_write_atomic(path, bytes_of_text("one"), 0640, NULL), ERR_OK);
    assert_int_equal(sealed_passphrase_read(path, &read, &err), ERR_DENIED);
    assert_non_null(strstr(err.message, "chmod 600"));
    sealed_wipe(&read);
    temp_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sealed_secret_opens_with_its_passphrase_alone),
        cmocka_unit_test(a_passphrase_is_left_in_its_buffer_alone),
        cmocka_unit_test(a_passphrase_file_is_refused_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
