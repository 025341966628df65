/* What programs show of their progress, as they write it. R11.3, R7.6 */
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cmocka_all.h"
#include "worker/progress.h"

#include <string.h>

static enum progress_news take(struct progress *progress, const char *line)
{
    return progress_take(progress, true, bytes_of(line, strlen(line)));
}

static void assert_read(struct progress *progress, const char *line, uint64_t permille,
                        const char *operation)
{
    assert_int_equal(take(progress, line), PROGRESS_READ);
    assert_int_equal(progress->permille, permille);
    assert_string_equal(progress->operation, operation);
}

static void one_tqdm_bar_is_the_whole(void **state)
{
    struct progress progress = {0};
    (void)state;
    assert_read(&progress, "  0%|          | 0/100 [00:00<?, ?it/s]", 0, "0 of 100");
    assert_read(&progress, " 45%|████▌     | 45/100 [00:05<00:06,  8.91it/s]", 450, "45 of 100");
    assert_read(&progress, "train: 100%|██████████| 100/100 [00:11<00:00,  8.9it/s, loss=0.1]",
                1000, "100 of 100");
}

static void a_bar_that_begins_anew_is_within_another(void **state)
{
    struct progress progress = {0};
    (void)state;
    assert_read(&progress, "100%|##########| 10/10 [00:01<00:00,  8.91it/s]", 1000, "10 of 10");
    assert_read(&progress, "  0%|          | 0/10 [00:00<?, ?it/s]", 1000, "0 of 10");
    assert_read(&progress, " 50%|#####     | 5/10 [00:00<?, ?it/s]", 1000, "5 of 10");
}

static void keras_epochs_and_steps_are_put_together(void **state)
{
    struct progress progress = {0};
    (void)state;
    assert_read(&progress, "Epoch 3/10", 200, "epoch 3 of 10");
    assert_read(&progress, " 45/450 [==>...........................] - ETA: 5s - loss: 0.3", 210,
                "epoch 3 of 10, 45 of 450");
    assert_read(
        &progress,
        "\x1b[1m450/450\x1b[0m \x1b[32m━━━━━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m2s\x1b[0m 5ms/step",
        300, "epoch 3 of 10, 450 of 450");
    assert_read(&progress, "Epoch 10/10", 900, "epoch 10 of 10");
}

static void lightning_shows_the_epoch_alone(void **state)
{
    struct progress progress = {0};
    (void)state;
    assert_read(&progress, "Epoch 0:  45%|████▌     | 45/100 [00:05<00:06,  8.9it/s, v_num=0]", 0,
                "epoch 1, 45 of 100");
    assert_read(&progress, "Epoch 1: 100%|██████████| 100/100 [00:05<00:00, 18.9it/s]", 0,
                "epoch 2, 100 of 100");
}

static void epochs_of_ones_own_and_bars_within_them(void **state)
{
    struct progress progress = {0};
    (void)state;
    assert_read(&progress, "Epoch [2/4], loss 0.5", 250, "epoch 2 of 4");
    assert_read(&progress, " 50%|#####     | 5/10 [00:00<?, ?it/s]", 375, "epoch 2 of 4, 5 of 10");
    assert_read(&progress, "epoch 3 of 4", 500, "epoch 3 of 4");
}

static void the_protocol_counts_alone_once_it_is_spoken(void **state)
{
    struct progress progress = {0};
    (void)state;
    assert_read(&progress, "Epoch 1/2", 0, "epoch 1 of 2");
    assert_int_equal(take(&progress, "::tally progress=0.7 operation=\"mine\""), PROGRESS_TOLD);
    assert_int_equal(take(&progress, "Epoch 2/2"), PROGRESS_NOTHING);
    assert_int_equal(progress.permille, 700);
    assert_string_equal(progress.operation, "mine");
    assert_int_equal(take(&progress, "::tally operation=\"next\""), PROGRESS_TOLD);
    assert_int_equal(progress.permille, 700);
    /* on standard error it is output like any other */
    assert_int_equal(progress_take(&progress, false, bytes_of("::tally progress=1", 18)),
                     PROGRESS_NOTHING);
}

static void what_only_looks_so_is_output(void **state)
{
    static const char *const lines[] = {"",
                                        "45/100",
                                        "1/2 cup of sugar",
                                        "Epoch",
                                        "Epoch 3",
                                        "Epoch 0/5",
                                        "Epoch 6/5",
                                        "Epoch x/5",
                                        "epochs 3/5",
                                        "100% sure | really | 3/4 [",
                                        "45%|███| 101/100 [00:05",
                                        "45%|███| 1/0 [00:05",
                                        "%|| 1/2 [",
                                        "9999999999999999999999/9999999999999999999999 [=",
                                        "Epoch 3 of love",
                                        "12/31 [note] see",
                                        "\x1b[",
                                        "\x1b[31",
                                        "2024/12/31 [=="};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct progress progress = {0};
        if (take(&progress, lines[i]) != PROGRESS_NOTHING) {
            fail_msg("%s was read as %s", lines[i], progress.operation);
        }
    }
}

static void without_any_word_the_time_says_it(void **state)
{
    struct progress progress = {0};
    (void)state;
    assert_true(progress_by_time(&progress, 500, 2000));
    assert_int_equal(progress.permille, 250);
    assert_string_equal(progress.operation, "by the paid time");
    assert_true(progress_by_time(&progress, 5000, 2000));
    assert_int_equal(progress.permille, 990);
    assert_read(&progress, "Epoch 1/2", 0, "epoch 1 of 2");
    assert_false(progress_by_time(&progress, 500, 2000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_tqdm_bar_is_the_whole),
        cmocka_unit_test(a_bar_that_begins_anew_is_within_another),
        cmocka_unit_test(keras_epochs_and_steps_are_put_together),
        cmocka_unit_test(lightning_shows_the_epoch_alone),
        cmocka_unit_test(epochs_of_ones_own_and_bars_within_them),
        cmocka_unit_test(the_protocol_counts_alone_once_it_is_spoken),
        cmocka_unit_test(what_only_looks_so_is_output),
        cmocka_unit_test(without_any_word_the_time_says_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
