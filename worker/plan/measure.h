/* What this machine does in a second, where no job has to be run to see it; and pictures for jobs
 * that have none. */
#ifndef WORKER_PLAN_MEASURE_H
#define WORKER_PLAN_MEASURE_H

#include <stdint.h>

#include "common/base/status.h"

/* Seconds a byte: of writing a file in the folder until it is on the disk, and of reading it from
 * there. KIN_IO. */
KIN_MUST_USE kin_status kin_measure_disk(const char *folder, double *write_s, double *read_s,
                                         kin_error *error);
/* Seconds a byte that one thread reads of memory. */
double kin_measure_memory(void);

/* The file system that a folder is on, as a number that stays while it is mounted. */
uint64_t kin_measure_device(const char *folder);

/* Makes `count` JPEG files of about average_bytes in a new folder: photos of three sizes, at a
 * quarter of a byte a pixel, made up. KIN_IO. */
KIN_MUST_USE kin_status kin_measure_pictures(const char *folder, uint32_t count,
                                             uint64_t average_bytes, kin_error *error);

/* Vectors of independent random numbers, as a .npy. KIN_IO. */
KIN_MUST_USE kin_status kin_measure_vectors(const char *path, uint64_t count, uint32_t dimensions,
                                            kin_error *error);

#endif
