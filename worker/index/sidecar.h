/* MODEL.json, the sidecar of a model: how pixels become its input, and what is taken out of it. The
 * only user of jansson. */
#ifndef WORKER_INDEX_SIDECAR_H
#define WORKER_INDEX_SIDECAR_H

#include "common/base/options.h"
#include "common/base/status.h"
#include "proto/network_file.h"

/* A few kilobytes at most; more is no sidecar. */
#define KIN_SIDECAR_BYTES_MAX (1u << 20)

/* What ImageNet's networks take where nothing says otherwise: 224 x 224 of a shorter side of 256,
 * red, green, blue, mean and deviation of ImageNet. No taps. */
void kin_sidecar_default(kin_network_spec *spec);

/* Changes what the file says of a spec: {"name", "input": {"width", "height", "resize": "stretch" |
 * "crop" | "pad", "shorter_side", "interpolation": "bilinear" | "bicubic", "channels": "rgb" |
 * "bgr", "scale", "mean": [3], "std": [3]}, "taps": [...], "pooling": "average" | "max" | "gem",
 * "power", "centre", "normalise"}. "source" and "license" are for people; any other word is
 * refused, so that a slip of the pen is seen. KIN_NOT_FOUND, KIN_BAD_INPUT with file and word. */
KIN_MUST_USE kin_status kin_sidecar_read(kin_network_spec *spec, const char *path,
                                         kin_error *error);

/* The same of text. name is for sentences. */
KIN_MUST_USE kin_status kin_sidecar_parse(kin_network_spec *spec, const char *text, size_t bytes,
                                          const char *name, kin_error *error);

/* Changes what words of a command line say, "WORD=VALUE" each, with the same words: of "input",
 * "pooling", "power", "centre", "normalise", and size=W or size=WxH. What shorter_side is follows
 * from the sides where it is not set with them. KIN_BAD_INPUT with the word. */
KIN_MUST_USE kin_status kin_sidecar_set(kin_network_spec *spec, const kin_option_list *settings,
                                        kin_error *error);

#endif
