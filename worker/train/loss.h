/* What mini-batches are to make small. Each returns weight times a sum over all elements and
 * writes its gradient with respect to the outputs [rows][columns]; with weight = 1 / rows of the
 * whole batch, sums over slices are means over batches. */
#ifndef WORKER_TRAIN_LOSS_H
#define WORKER_TRAIN_LOSS_H

#include <stddef.h>
#include <stdint.h>

/* Sum of (output - target)^2. */
double kin_loss_squares(const float *outputs, const float *targets, size_t rows, size_t columns,
                        double weight, float *gradient);

/* Cross entropy of independent bits: targets in [0, 1], outputs before the logistic function. */
double kin_loss_logistic(const float *outputs, const float *targets, size_t rows, size_t columns,
                         double weight, float *gradient);

/* Cross entropy of classes: labels [rows] < columns, outputs before the softmax. right, unless
 * NULL, grows by the rows whose largest output is the label's. */
double kin_loss_softmax(const float *outputs, const uint32_t *labels, size_t rows, size_t columns,
                        double weight, float *gradient, uint64_t *right);

/* Rows of outputs [rows][columns] become probabilities, in place. */
void kin_softmax(float *outputs, size_t rows, size_t columns);

#endif
