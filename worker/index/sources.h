/* What a person names as pictures - folders, files, archives, lists of them - becomes inputs.
 *
 * Keys: the path as given, without slashes at its end, joined with the path inside the folder or
 * archive. Rank 0 alone looks. Nothing but folders, lists and archives is opened. */
#ifndef WORKER_INDEX_SOURCES_H
#define WORKER_INDEX_SOURCES_H

#include <stdbool.h>

#include "common/base/status.h"
#include "worker/index/inputs.h"
#include "worker/index/list_file.h"

typedef struct kin_sources_options {
    bool follow_links;         /* within folders; what is named itself is always followed */
    const char *index_path;    /* the index that is built: not an input, wherever it is */
    const char *unpack_folder; /* where compressed archives are unpacked; made when needed */
    void *user;
    void (*tick)(void *user);
} kin_sources_options;

/* Adds a path that was named: a folder with all that is in it, an archive (by its name) with its
 * members, anything else as one input. A path that is not there is an error when `must_exist`, and
 * an input that vanished when not (lists name millions). */
KIN_MUST_USE kin_status kin_sources_add(kin_inputs *inputs, const kin_sources_options *options,
                                        const char *path, bool must_exist, kin_error *error);

/* Gives each path of a list file ("-": standard input) to sink. */
KIN_MUST_USE kin_status kin_sources_read_list(const kin_sources_options *options,
                                              const char *list_path, char separator,
                                              kin_list_file_sink sink, void *user,
                                              kin_error *error);

/* Adds every path of a list file. */
KIN_MUST_USE kin_status kin_sources_add_list(kin_inputs *inputs, const kin_sources_options *options,
                                             const char *list_path, char separator,
                                             kin_error *error);

#endif
