/* R11: what a machine has and what a job needs are lists of names; they mean the same wherever they are read. */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/software.h"
#include "tests/support/cmocka_all.h"

static struct bytes text(const char *words)
{
    return bytes_of_text(words);
}

static void every_package_is_found_at_its_place(void **state)
{
    (void)state;
    unsigned count = 0;
    for (; software_package_name(count) != NULL; count++) {
        const char *name = software_package_name(count);
        assert_int_equal(software_package(text(name)), (int)count);
        assert_true(software_package_name_is_good(text(name)));
    }
    assert_in_range(count, 50, 63);
    assert_int_equal(software_package(text("tor")), -1);
    assert_int_equal(software_package(text("torchx")), -1);
    assert_int_equal(software_package(text("")), -1);
}

static void a_list_is_read_item_by_item(void **state)
{
    (void)state;
    struct bytes rest = text("python=3.11.2 torch=1.13.1+cu117 diffusers");
    struct bytes name;
    struct bytes version;
    assert_true(software_next(&rest, &name, &version));
    assert_true(bytes_equal(name, text(SOFTWARE_PYTHON)));
    assert_true(bytes_equal(version, text("3.11.2")));
    assert_true(software_next(&rest, &name, &version));
    assert_true(bytes_equal(version, text("1.13.1+cu117")));
    assert_true(software_next(&rest, &name, &version));
    assert_true(bytes_equal(name, text("diffusers")));
    assert_int_equal(version.size, 0);
    assert_false(software_next(&rest, &name, &version));
}

static void a_set_is_written_as_it_is_read(void **state)
{
    (void)state;
    struct buf again;
    uint64_t const set = software_packages_of(text("python=3.11 torch=2 no_such=1 diffusers PIL"));
    buf_init(&again, 200);
    software_packages_append(set, " ", &again);
    assert_string_equal(buf_text(&again), "torch diffusers PIL");
    assert_int_equal(software_packages_of(buf_bytes(&again)), set);
    assert_int_equal(software_packages_of(text("")), 0);
    buf_deinit(&again);
}

static void names_are_of_plain_letters(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"stabilityai/sd-turbo", "sd-turbo", "a/b.c_d-1", "gpt2"};
    static const char *const BAD[] = {"",     "/",    "a/", "/a",  "a/b/c",
                                      "../a", "a/.b", ".",  "a b", "a\n"};
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        assert_true(software_model_name_is_good(text(GOOD[i])));
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        assert_false(software_model_name_is_good(text(BAD[i])));
    }
    assert_false(software_version_is_good(text("2.1.0~1")));
    assert_true(software_version_is_good(text("2.1.0a0+gitunknown")));
    assert_false(software_version_is_good(text("1 2")));
    assert_false(software_package_name_is_good(text("scikit-learn")));
}

static void an_image_has_one_name(void **state)
{
    (void)state;
    static const struct {
        const char *said;
        const char *meant;
    } NAMES[] = {
        {"python", "python:latest"},
        {"python:3.11-slim", "python:3.11-slim"},
        {"docker.io/library/python:3.11-slim", "python:3.11-slim"},
        {"docker.io/pytorch/pytorch:2.1.0", "pytorch/pytorch:2.1.0"},
        {"localhost/mine", "mine:latest"},
        {"nvcr.io/nvidia/pytorch:23.10-py3", "nvcr.io/nvidia/pytorch:23.10-py3"},
        {"registry.example:5000/a/b", "registry.example:5000/a/b:latest"},
    };
    char name[JOB_IMAGE_NAME_MAX + 8];
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        assert_true(software_image_name(NAMES[i].said, name));
        assert_string_equal(name, NAMES[i].meant);
    }
    assert_false(software_image_name("python@sha256:0123", name));
    assert_false(software_image_name("", name));
    assert_false(software_image_name("scratch", name));
    assert_false(software_image_name("docker.io/library/", name));
    assert_false(software_image_name("localhost/-x", name));
    assert_false(software_image_name("docker.io/scratch", name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_package_is_found_at_its_place),
        cmocka_unit_test(a_list_is_read_item_by_item),
        cmocka_unit_test(a_set_is_written_as_it_is_read),
        cmocka_unit_test(names_are_of_plain_letters),
        cmocka_unit_test(an_image_has_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
