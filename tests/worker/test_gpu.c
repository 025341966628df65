/* GPUs by the two sources: NVML (a library of the test's that says what NVIDIA's would) and nvidia-smi (a script). R11.6 */
// SPDX-License-Identifier: Apache-2.0
#include "core/base/file.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/temp_folder.h"
#include "worker/gpu.h"
#include "worker/nvidia_smi.h"
#include "worker/scratch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LIBRARY TALLY_BIN_DIR "/../lib/libtally_test_nvml.so"
#define FIRST "GPU-11111111-aaaa-bbbb-cccc-000000000001"
#define SECOND "GPU-22222222-aaaa-bbbb-cccc-000000000002"

struct fixture {
    char folder[64];
    char table[PATH_MAX];
    char smi[PATH_MAX];
    struct gpu_source *source;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_folder_create(f->folder);
    assert_int_equal(path_join(f->table, sizeof f->table, f->folder, "gpus", NULL), ERR_OK);
    assert_int_equal(path_join(f->smi, sizeof f->smi, f->folder, "nvidia-smi", NULL), ERR_OK);
    assert_int_equal(setenv("TALLY_TEST_NVML", f->table, 1), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    gpu_source_close(f->source);
    assert_int_equal(scratch_remove(f->folder, NULL), ERR_OK);
    free(f);
    return 0;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    assert_int_equal(file_write_atomic(path, bytes_of_text(text), mode, NULL), ERR_OK);
}

static void open_source(struct fixture *f, const char *nvml)
{
    struct gpu_options const options = {
        .nvml_path = nvml, .smi_path = f->smi, .device_folder = f->folder};
    struct err err = {0};
    if (gpu_source_open(&options, &f->source, &err) != ERR_OK) {
        fail_msg("%s", err.message);
    }
}

static void gpus_are_found_and_read_by_nvml(void **state)
{
    struct fixture *f = *state;
    struct gpu_sample sample;
    struct err why = {0};
    size_t count = 0;
    write_file(
        f->table,
        FIRST
        " 3 89 16384 2520 ok 97 20480 24564 71 431500 62 2400 4 0 NVIDIA GeForce RTX 4090\n" SECOND
        " 0 90 14592 1980 ok 0 1 81559 33 70000 0 345 1 0 NVIDIA H100 80GB HBM3\n",
        0600);
    open_source(f, LIBRARY);
    const struct gpu *gpus = gpu_list(f->source, &count);
    assert_int_equal(count, 2);
    assert_string_equal(gpus[0].uuid, FIRST);
    assert_string_equal(gpus[0].model, "NVIDIA GeForce RTX 4090");
    assert_string_equal(gpus[0].driver, "550.54.14");
    assert_int_equal(gpus[0].minor, 3);
    assert_int_equal(gpus[0].vram_mib, 24564);
    assert_int_equal(gpus[0].compute_capability, 89);
    assert_int_equal(gpus[0].tflops_milli, 82575); /* 16,384 cores × 2 × 2.52 GHz */
    assert_ptr_equal(gpu_find(f->source, SECOND), &gpus[1]);
    assert_null(gpu_find(f->source, "GPU-none"));
    assert_int_equal(gpu_read(f->source, &gpus[0], &sample, &why), GPU_WORKS);
    assert_int_equal(sample.permille, 970);
    assert_int_equal(sample.vram_mib, 20480);
    assert_int_equal(sample.vram_total_mib, 24564);
    assert_int_equal(sample.temperature_c, 71);
    assert_int_equal(sample.power_mw, 431500);
    assert_int_equal(sample.fan_percent, 62);
    assert_int_equal(sample.sm_mhz, 2400);
    assert_int_equal(sample.memory_mhz, 12000);
    assert_int_equal(sample.throttle, 4);
    assert_int_equal(sample.xid, 0);
    assert_int_equal(sample.known, 31);
}

static void a_gpu_that_fell_off_the_bus_is_lost_and_others_are_not(void **state)
{
    struct fixture *f = *state;
    struct gpu_sample sample;
    struct err why = {0};
    size_t count = 0;
    write_file(f->table,
               FIRST " 0 89 1 1 ok 1 1 24564 1 1 1 1 0 0 A\n" SECOND
                     " 1 89 1 1 ok 1 1 24564 1 1 1 1 0 0 B\n",
               0600);
    open_source(f, LIBRARY);
    const struct gpu *gpus = gpu_list(f->source, &count);
    assert_int_equal(count, 2);
    write_file(f->table,
               FIRST " 0 89 1 1 lost 1 1 24564 1 1 1 1 0 0 A\n" SECOND
                     " 1 89 1 1 ok 1 1 24564 1 1 1 1 0 31 B\n",
               0600);
    assert_int_equal(gpu_read(f->source, &gpus[0], &sample, &why), GPU_IS_LOST);
    assert_non_null(strstr(why.message, FIRST));
    assert_non_null(strstr(why.message, "fallen off the bus"));
    assert_int_equal(gpu_read(f->source, &gpus[1], &sample, &why), GPU_WORKS);
    assert_int_equal(sample.xid, 31); /* a page fault of the program's: told, nothing more */
    write_file(f->table, FIRST " 0 89 1 1 ok 1 1 24564 1 1 1 1 0 79 A\n", 0600);
    assert_int_equal(gpu_read(f->source, &gpus[0], &sample, &why), GPU_IS_LOST);
    assert_non_null(strstr(why.message, "Xid 79"));
}

static void without_a_library_nvidia_smi_is_asked(void **state)
{
    struct fixture *f = *state;
    struct gpu_sample sample;
    struct err why = {0};
    size_t count = 0;
    write_file(f->smi,
               "#!/bin/sh\n"
               "case \"$1\" in\n"
               "*pci.bus_id*) echo '" FIRST ", NVIDIA GeForce RTX 3090, 535.161.08, 24576, 8.6, "
               "00000000:01:00.0';;\n"
               "*) [ \"$4\" = " FIRST " ] || exit 6\n"
               "   echo '37, 2048, 24576, 55, 211.37, [N/A], 1695, 9501, 0x0000000000000004';;\n"
               "esac\n",
               0700);
    open_source(f, "libtally-no-such-library.so");
    const struct gpu *gpus = gpu_list(f->source, &count);
    assert_int_equal(count, 1);
    assert_string_equal(gpus[0].model, "NVIDIA GeForce RTX 3090");
    assert_int_equal(gpus[0].compute_capability, 86);
    assert_int_equal(gpus[0].tflops_milli, 0);
    assert_int_equal(gpu_read(f->source, &gpus[0], &sample, &why), GPU_WORKS);
    assert_int_equal(sample.permille, 370);
    assert_int_equal(sample.power_mw, 211370);
    assert_int_equal(sample.fan_percent, 0);
    assert_int_equal(sample.memory_mhz, 9501);
    assert_int_equal(sample.throttle, 4);
    assert_int_equal(sample.known,
                     GPU_KNOWN_SM_CLOCK | GPU_KNOWN_MEMORY_CLOCK | GPU_KNOWN_THROTTLE);
    write_file(f->smi, "#!/bin/sh\nexit 15\n", 0700);
    assert_int_equal(gpu_read(f->source, &gpus[0], &sample, &why), GPU_IS_LOST);
    write_file(f->smi, "#!/bin/sh\nexit 2\n", 0700);
    assert_int_equal(gpu_read(f->source, &gpus[0], &sample, &why), GPU_UNREADABLE);
}

static void a_machine_without_a_gpu_says_what_was_looked_for(void **state)
{
    struct fixture *f = *state;
    struct gpu_options options = {.nvml_path = "libtally-no-such-library.so", .smi_path = f->smi};
    struct err err = {0};
    assert_int_equal(gpu_source_open(&options, &f->source, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "libtally-no-such-library.so"));
    assert_non_null(strstr(err.message, f->smi));
    assert_int_equal(unsetenv("TALLY_TEST_NVML"), 0);
    options.nvml_path = LIBRARY;
    assert_int_equal(gpu_source_open(&options, &f->source, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "Driver Not Loaded"));
    assert_int_equal(setenv("TALLY_TEST_NVML", f->table, 1), 0);
    assert_int_equal(gpu_source_open(&options, &f->source, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "knows of no GPU"));
}

static void a_sandbox_gets_the_nodes_of_one_gpu(void **state)
{
    struct fixture *f = *state;
    struct sandbox_gpu nodes;
    struct err err = {0};
    size_t count = 0;
    char path[PATH_MAX];
    write_file(f->table, FIRST " 1 89 1 1 ok 1 1 24564 1 1 1 1 0 0 A\n", 0600);
    open_source(f, LIBRARY);
    const struct gpu *gpu = gpu_list(f->source, &count);
    static const char *const names[] = {"nvidia1", "nvidiactl", "nvidia-uvm"};
    for (size_t i = 0; i < 3; i++) { /* the one that is missing is named */
        assert_int_equal(gpu_for_sandbox(f->source, gpu, &nodes, &err), ERR_NOT_FOUND);
        assert_non_null(strstr(err.message, names[i]));
        assert_non_null(strstr(err.message, "nvidia-modprobe"));
        assert_int_equal(path_join(path, sizeof path, f->folder, names[i], NULL), ERR_OK);
        write_file(path, "", 0600);
    }
    assert_int_equal(gpu_for_sandbox(f->source, gpu, &nodes, &err), ERR_OK);
    assert_int_equal(nodes.device_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(nodes.devices[i].shown + strlen("/dev/"), names[i]);
        assert_non_null(strstr(nodes.devices[i].source, f->folder));
    }
    assert_non_null(
        strstr(nodes.libraries, "/lib")); /* the library's own folder, which is outside /usr */
}

static void lines_that_are_not_nvidia_smis_are_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "a",
                                        "GPU-1, X, 1, 24576, 8.6",
                                        "GPU-1, X, 1, 24576, 8.6, 00000000:01:00.0, more",
                                        "XPU-1, X, 1, 24576, 8.6, 00000000:01:00.0",
                                        "GPU-1, X, 1, [N/A], 8.6, 00000000:01:00.0",
                                        "GPU-1, X, 1, 24576, 8.6, ../../../etc",
                                        "GPU-1, \xff, 1, 24576, 8.6, 00000000:01:00.0"};
    struct gpu gpu;
    struct gpu_sample sample;
    char bus[32];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(nvidia_smi_parse_gpu(bytes_of_text(wrong[i]), &gpu, bus));
        assert_false(nvidia_smi_parse_sample(bytes_of_text(wrong[i]), &sample));
    }
    assert_true(nvidia_smi_parse_gpu(bytes_of_text("GPU-1, X, 1, 24576, 8.6, 00000000:C1:00.0"),
                                     &gpu, bus));
    assert_string_equal(bus, "0000:c1:00.0");
    assert_true(
        nvidia_smi_parse_sample(bytes_of_text("0, 1, 2, 3, 4, 0, [N/A], ERR!, 0xBEEF"), &sample));
    assert_int_equal(sample.known, GPU_KNOWN_FAN | GPU_KNOWN_THROTTLE); /* a 0 is an answer */
    assert_int_equal(sample.throttle, 0xbeef);
    assert_true(nvidia_smi_parse_sample(bytes_of_text("0, 1, 2, 3, 4, 5, 6, 7, [N/A]"), &sample));
    assert_int_equal(sample.known & GPU_KNOWN_THROTTLE, 0);
    assert_false(nvidia_smi_parse_sample(bytes_of_text("0, 1, 2, 3, 4, 5, 6, 7"), &sample));
}

int main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_FILES(gpus_are_found_and_read_by_nvml),
        WITH_FILES(a_gpu_that_fell_off_the_bus_is_lost_and_others_are_not),
        WITH_FILES(without_a_library_nvidia_smi_is_asked),
        WITH_FILES(a_machine_without_a_gpu_says_what_was_looked_for),
        WITH_FILES(a_sandbox_gets_the_nodes_of_one_gpu),
        cmocka_unit_test(lines_that_are_not_nvidia_smis_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
