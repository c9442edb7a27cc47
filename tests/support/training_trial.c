#include "tests/support/training_trial.h"

#include <string.h>

#include "tests/support/test.h"

kin_buffer training_same(const int *ranks, size_t count, const kin_train_options *options,
                         const kin_train_source *source)
{
    kin_buffer first = {0};
    for (size_t i = 0; i < count; i++) {
        kin_buffer files[TRAINING_RANKS_MAX] = {0};
        kin_status statuses[TRAINING_RANKS_MAX];
        kin_error errors[TRAINING_RANKS_MAX] = {0};
        assert_in_range(ranks[i], 1, TRAINING_RANKS_MAX);
        kin_rank_threads_train(ranks[i], options, source, files, statuses, errors);
        for (int r = 0; r < ranks[i]; r++) {
            if (statuses[r] != KIN_OK)
                fail_msg("%s, rank %d: %s", options->method, r, errors[r].text);
            if (first.bytes == 0) {
                first = files[r];
                continue;
            }
            assert_int_equal(files[r].bytes, first.bytes);
            if (memcmp(files[r].data, first.data, first.bytes) != 0)
                fail_msg("%s: %d ranks learn another file", options->method, ranks[i]);
            kin_buffer_fini(&files[r]);
        }
    }
    return first;
}

void training_refused(const kin_train_options *options, const kin_train_source *source,
                      kin_status status, const char *text)
{
    kin_buffer files[3] = {0};
    kin_status statuses[3];
    kin_error errors[3] = {0};
    kin_rank_threads_train(3, options, source, files, statuses, errors);
    for (int r = 0; r < 3; r++) {
        assert_int_equal(files[r].bytes, 0);
        bool says = strstr(errors[r].text, text) != NULL || (r > 0 && errors[r].text[0] != 0);
        if (statuses[r] != status || !says)
            fail_msg("status %d, '%s' does not say '%s'", (int)statuses[r], errors[r].text, text);
    }
}

kin_hasher *training_hasher(const kin_buffer *file)
{
    kin_encoder_file parsed;
    kin_error error = {0};
    if (kin_encoder_file_parse(&parsed, file->data, file->bytes, "f", &error) != KIN_OK)
        fail_msg("%s", error.text);
    return kin_hasher_new(&parsed);
}

static kin_status save(void *user, const void *state, size_t bytes, kin_error *error)
{
    training_shelf *shelf = user;
    kin_buffer_clear(&shelf->state);
    kin_buffer_append(&shelf->state, state, bytes);
    return --shelf->left > 0 ? KIN_OK : kin_fail(error, KIN_IO, "the job was killed");
}

static void load(void *user, kin_buffer *state)
{
    training_shelf *shelf = user;
    shelf->loads += shelf->state.bytes > 0;
    kin_buffer_append(state, shelf->state.data, shelf->state.bytes);
}

void training_keep(kin_train_options *options, training_shelf *shelf)
{
    options->save_often = true;
    options->save = save;
    options->load = load;
    options->user = shelf;
}

bool training_through(int ranks, const kin_train_options *options, const kin_train_source *source)
{
    kin_buffer files[TRAINING_RANKS_MAX] = {0};
    kin_status statuses[TRAINING_RANKS_MAX];
    kin_error errors[TRAINING_RANKS_MAX] = {0};
    kin_rank_threads_train(ranks, options, source, files, statuses, errors);
    for (int r = 0; r < ranks; r++) {
        assert_int_equal(statuses[r] == KIN_OK, statuses[0] == KIN_OK);
        kin_buffer_fini(&files[r]);
    }
    return statuses[0] == KIN_OK;
}
