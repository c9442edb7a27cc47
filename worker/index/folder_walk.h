/* All that is in a folder, recursively, whatever it is; see sources.h. */
#ifndef WORKER_INDEX_FOLDER_WALK_H
#define WORKER_INDEX_FOLDER_WALK_H

#include "worker/index/inputs.h"
#include "worker/index/sources.h"

/* Adds the files below path. What is no file, and folders that cannot be read, become rejected
 * inputs; symbolic links are counted, or followed but for loops, as options say. */
void kin_folder_walk(kin_inputs *inputs, const kin_sources_options *options, const char *path);

#endif
