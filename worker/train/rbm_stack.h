/* A stack of restricted Boltzmann machines, learned greedily: each on what those before it make of
 * the sample. Hinton, Osindero and Teh, "A Fast Learning Algorithm for Deep Belief Nets", Neural
 * Computation 2006. */
#ifndef WORKER_TRAIN_RBM_STACK_H
#define WORKER_TRAIN_RBM_STACK_H

#include "worker/train/fit.h"
#include "worker/train/visible.h"

typedef struct kin_rbm_stack kin_rbm_stack;

/* widths [depth + 1]: visible units of the first machine, then each one's hidden ones. linear:
 * those of the last are (worker/train/rbm.h). rows: of a slice, at most. widths and visible are
 * borrowed; visible may be filled in later. */
kin_rbm_stack *kin_rbm_stack_new(const size_t *widths, size_t depth, bool linear,
                                 const kin_visible *visible, size_t rows);
void kin_rbm_stack_destroy(kin_rbm_stack **stack);

/* By options' epochs and rate of pretraining; phases 0 to depth - 1 of the keeper, fractions start
 * to end of all work. Collective. */
KIN_MUST_USE kin_status kin_rbm_stack_learn(kin_rbm_stack *stack, const kin_train_context *context,
                                            const kin_train_options *options,
                                            const kin_train_source *source,
                                            const kin_fit_split *split, double start, double end,
                                            kin_keeper *keeper, kin_buffer *curve,
                                            kin_error *error);

/* What machine l has learned: parameters as in worker/train/rbm.h. */
const float *kin_rbm_stack_parameters(const kin_rbm_stack *stack, size_t l);

size_t kin_rbm_stack_bytes(const size_t *widths, size_t depth, size_t rows);

#endif
