/* Files: whole reads, mappings, and writes that are there whole or not at all. */
#ifndef COMMON_BASE_FILE_H
#define COMMON_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"

/* Reads a whole file into buffer (appended). KIN_NOT_FOUND, KIN_LIMIT above bytes_max, KIN_IO. */
KIN_MUST_USE kin_status kin_file_read(const char *path, size_t bytes_max, kin_buffer *buffer,
                                      kin_error *error);

/* Writes path so that a reader sees the old contents or the new ones, after any crash: temporary
 * name beside it, fsync, rename, fsync of the folder. */
KIN_MUST_USE kin_status kin_file_write_atomic(const char *path, const void *data, size_t bytes,
                                              kin_error *error);

/* A file mapped read-only. Zeroed is closed. A file that another process shortens while mapped
 * kills the reader; ours are immutable once renamed. */
typedef struct kin_mapping {
    const uint8_t *data;
    size_t bytes;
} kin_mapping;

KIN_MUST_USE kin_status kin_mapping_open(kin_mapping *mapping, const char *path, kin_error *error);
void kin_mapping_close(kin_mapping *mapping);

/* A file under construction: path.tmp until it is published. Zeroed is closed. */
typedef struct kin_file_writer {
    int descriptor;
    char *path;
    char *temporary_path;
    uint64_t bytes; /* written so far */
    kin_buffer pending;
} kin_file_writer;

KIN_MUST_USE kin_status kin_file_writer_open(kin_file_writer *writer, const char *path,
                                             kin_error *error);
KIN_MUST_USE kin_status kin_file_writer_append(kin_file_writer *writer, const void *data,
                                               size_t bytes, kin_error *error);
/* Flushes what is pending and writes bytes at an offset that was appended before. */
KIN_MUST_USE kin_status kin_file_writer_rewrite(kin_file_writer *writer, uint64_t offset,
                                                const void *data, size_t bytes, kin_error *error);
/* Flushes what is pending and makes the file at least so large; what was not written is zero. Space
 * is taken now where the file system can: a full disk is seen here. */
KIN_MUST_USE kin_status kin_file_writer_extend(kin_file_writer *writer, uint64_t bytes,
                                               kin_error *error);
/* Reads back bytes that were written by rewrite. */
KIN_MUST_USE kin_status kin_file_writer_read(const kin_file_writer *writer, uint64_t offset,
                                             void *data, size_t bytes, kin_error *error);
/* Flush, fsync, rename, fsync of the folder; the writer is closed whatever happens. */
KIN_MUST_USE kin_status kin_file_writer_publish(kin_file_writer *writer, kin_error *error);
/* Closes and removes what was not published; harmless on a closed or zeroed writer. */
void kin_file_writer_discard(kin_file_writer *writer);

/* mkdir -p. */
KIN_MUST_USE kin_status kin_directory_make(const char *path, kin_error *error);
/* rm -r; a path that is not there is fine. */
KIN_MUST_USE kin_status kin_directory_remove(const char *path, kin_error *error);
KIN_MUST_USE kin_status kin_directory_sync(const char *path, kin_error *error);

bool kin_path_exists(const char *path);
bool kin_path_is_directory(const char *path);

/* "a/b" from "a" and "b"; the caller frees. */
char *kin_path_join(const char *folder, const char *name);

/* The folder that the running program's file is in; the caller frees. */
char *kin_program_folder(void);

/* The path of a sibling program of Kindred (beside this one, else in PATH); the caller frees. */
KIN_MUST_USE kin_status kin_program_path(const char *name, char **path, kin_error *error);

/* read() or pread() until bytes are there or the file ends; the count in *done. */
KIN_MUST_USE kin_status kin_read_full(int descriptor, void *data, size_t bytes, size_t *done);

#endif
