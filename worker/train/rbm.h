/* A restricted Boltzmann machine, learned by one step of contrastive divergence: Hinton, "Training
 * Products of Experts by Minimizing Contrastive Divergence", Neural Computation 2002. Hidden units
 * are binary, or linear with Gaussian noise of variance 1; visible ones are binary, or Gaussian of
 * variance 1 (Hinton and Salakhutdinov, Science 2006).
 *
 * Parameters: W [hidden][visible], hidden biases [hidden], visible biases [visible]. */
#ifndef WORKER_TRAIN_RBM_H
#define WORKER_TRAIN_RBM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kin_rbm {
    size_t visible, hidden;
    bool gaussian; /* visible units */
    bool linear;   /* hidden units */
} kin_rbm;

size_t kin_rbm_parameters(const kin_rbm *rbm);

/* Weights from N(0, 0.01), biases 0. */
void kin_rbm_init(const kin_rbm *rbm, uint64_t seed, float *parameters);

/* Floats of scratch that the functions below need for so many rows. */
size_t kin_rbm_scratch(const kin_rbm *rbm, size_t rows);

/* hidden [rows][hidden] = probabilities (means, of linear units) given visible [rows][visible]. */
void kin_rbm_up(const kin_rbm *rbm, const float *parameters, const float *visible, size_t rows,
                float *hidden);

/* The gradient that descends the free energy of the data against that of what one step of Gibbs
 * sampling makes of it, times weight: gradient [parameters], overwritten. Hidden states are drawn
 * from seed. Returns the squared error of the reconstruction, summed over all numbers. */
double kin_rbm_divergence(const kin_rbm *rbm, const float *parameters, const float *visible,
                          size_t rows, double weight, uint64_t seed, float *scratch,
                          float *gradient);

/* The free energy of a visible vector, to a constant: what falls as the data become likely. */
double kin_rbm_free_energy(const kin_rbm *rbm, const float *parameters, const float *visible);

#endif
