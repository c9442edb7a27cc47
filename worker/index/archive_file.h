/* The members of a tar archive: the only home of archive.h (libarchive).
 *
 * A plain archive is read in place: its members are known by their offsets, and any rank reads any
 * of them in any order. A compressed one has no places: its members are unpacked once, while they
 * are listed, one behind the other into a file of the build. */
#ifndef WORKER_INDEX_ARCHIVE_FILE_H
#define WORKER_INDEX_ARCHIVE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/reason.h"
#include "common/base/status.h"

typedef struct kin_archive_member {
    const char *name; /* borrowed; any bytes; without a leading "./" */
    uint64_t ordinal; /* among the archive's members, from 0 */
    uint64_t offset;  /* of its data in the file that holds them; 0 for a rejected one */
    uint64_t bytes;
    bool unpacked;     /* the data is in unpack_path, not in the archive */
    bool link;         /* a symbolic or hard link: it has no data */
    kin_reason reason; /* why it is rejected already */
} kin_archive_member;

typedef struct kin_archive_options {
    const char *unpack_path; /* made where a compressed archive is met; NULL: do not unpack */
    void *user;
    void (*member)(void *user, const kin_archive_member *member);
    void (*tick)(void *user);
} kin_archive_options;

/* Whether a path has a name that archives have: .tar, .tgz, .tbz, .tbz2, .txz, .tzst, .tar.gz,
 * .tar.xz and so on. */
bool kin_archive_is_named(const char *path);

/* Lists path. *damage is NONE, or why the archive cannot be read on behind the members that were
 * told. Other errors (of unpacking) are KIN_IO. */
KIN_MUST_USE kin_status kin_archive_list(const char *path, const kin_archive_options *options,
                                         kin_reason *damage, kin_error *error);

/* The same of an archive in memory. */
KIN_MUST_USE kin_status kin_archive_list_memory(const void *data, size_t bytes,
                                                const kin_archive_options *options,
                                                kin_reason *damage, kin_error *error);

#endif
