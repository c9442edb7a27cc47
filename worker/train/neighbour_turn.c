/* The turn of neighbourhood-contrastive codes, once they are learned. */
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/train/code_rotation.h"
#include "worker/train/moments.h"
#include "worker/train/neighbour_parts.h"

/* Rows of one forward call: of a block that moments reads. */
#define ROWS KIN_TRAIN_BLOCK_ROWS

/* The layer before the hyperbolic tangent, of the whole sample, as a sample of its own. */
typedef struct codes {
    const kin_neighbour_learner *l;
    kin_mlp_work *work;
    size_t layer;
} codes;

static void read_codes(void *user, uint64_t first, uint64_t count, float *vectors)
{
    const codes *c = user;
    const kin_neighbour_learner *l = c->l;
    const float *statistics = l->values + kin_mlp_parameters(l->mlp);
    for (uint64_t i = 0; i < count; i += ROWS) {
        size_t rows = count - i < ROWS ? (size_t)(count - i) : ROWS;
        kin_mlp_forward(l->mlp, c->work, l->values, statistics,
                        l->sample->rows + (first + i) * l->sample->components, rows, false, 0);
        memcpy(vectors + i * l->bits, kin_mlp_output(l->mlp, c->work, c->layer),
               rows * l->bits * sizeof *vectors);
    }
}

kin_status kin_neighbour_turn(kin_neighbour_learner *l, const kin_train_options *options,
                              size_t layer, kin_buffer *curve, kin_error *error)
{
    const kin_layer *code = kin_mlp_layer(l->mlp, layer);
    codes made = {l, kin_mlp_work_new(l->mlp, ROWS), layer};
    kin_train_source source = {.count = l->sample->count,
                               .dimensions = (uint32_t)l->bits,
                               .read = read_codes,
                               .user = &made};
    kin_code_rotation rotation = {0};
    kin_status status =
        kin_code_rotation_learn(l->context, &source, -l->options->emphasis, KIN_ROTATION_AXES, 0,
                                &rotation, KIN_NEIGHBOUR_STEPS_END, 1, error);
    if (status == KIN_OK) {
        kin_code_rotation_apply(&rotation, l->bits, code->inputs, l->values + code->parameters_at);
        kin_code_rotation_tell(&rotation, l->context, options, curve);
    }
    kin_code_rotation_fini(&rotation);
    kin_mlp_work_destroy(&made.work);
    return status;
}

size_t kin_neighbour_turn_bytes(const kin_mlp *mlp, size_t count, size_t slices)
{
    return kin_mlp_work_bytes(mlp, ROWS) +
           kin_code_rotation_bytes(kin_mlp_outputs(mlp), slices,
                                   count * slices / KIN_TRAIN_SLICES + slices);
}
