/* Golden files: bytes that a format's writer must give for ever. */
#ifndef TESTS_SUPPORT_GOLDEN_H
#define TESTS_SUPPORT_GOLDEN_H

#include <stddef.h>

/* Fails the test unless data is exactly tests/golden/name. With KINDRED_GOLDEN_WRITE=1, a golden
 * file that is not there yet is written instead: once for each format version. */
void golden_check(const char *name, const void *data, size_t bytes);

/* The path of a file below the root of the tree, whatever folder the test runs in; the caller
 * frees. */
char *tree_path(const char *path);

/* A new temporary folder; the caller frees and removes (kin_directory_remove). */
char *temporary_folder(void);

#endif
