/* Iterative quantization: the rotation of a sample that loses least when only signs are kept.
 * Gong and Lazebnik, "Iterative Quantization: A Procrustean Approach to Learning Binary Codes",
 * CVPR 2011. */
#ifndef WORKER_TRAIN_ITQ_H
#define WORKER_TRAIN_ITQ_H

#include "worker/train/context.h"

/* A slice's centred vectors on the principal directions, rows padded with zeros to whole blocks of
 * KIN_TRAIN_BLOCK_ROWS. */
typedef struct kin_itq_slice {
    double *projected; /* [blocks * KIN_TRAIN_BLOCK_ROWS][bits] */
    size_t count;      /* rows that are vectors */
} kin_itq_slice;

/* Learns rotation [bits][bits], the same on every rank, from slices [owned]; code bits are the
 * signs of projected times rotation. Starts from `first` [bits][bits], a rotation that is the same
 * on every rank, or, where that is NULL, from a random one of seed. loss [iterations] gets
 * the quantization loss |B - V R|^2 before each update, which never grows; NULL if not wanted.
 * Ticks from start to end. */
KIN_MUST_USE kin_status kin_itq_learn(const kin_train_context *context, const kin_itq_slice *slices,
                                      size_t bits, const double *first, uint64_t seed,
                                      uint32_t iterations, double *rotation, double *loss,
                                      double start, double end, kin_error *error);

#endif
