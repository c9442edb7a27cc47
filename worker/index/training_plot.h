/* The curves of a training as a picture. */
#ifndef WORKER_INDEX_TRAINING_PLOT_H
#define WORKER_INDEX_TRAINING_PLOT_H

#include <stddef.h>

#include "common/base/buffer.h"

/* curve [bytes]: the text of an encoder file's card (proto/ENCODER.md): a line of names, then a
 * line of phase, epoch, loss, error, balance, rate, held-out for each epoch. Appends a PNG: the
 * loss of the last phase that has more than one line, and error, balance and rate of all phases
 * that have them, as far as there are two of one to draw a line through. Lines that are not such
 * are left out; without any, nothing is appended. */
void kin_training_plot(const char *curve, size_t bytes, const char *title, kin_buffer *png);

#endif
