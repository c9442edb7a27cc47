/* From the rows of a task to its shares of the shard files, and the record that says so. */
#ifndef WORKER_INDEX_IMPORT_WRITE_H
#define WORKER_INDEX_IMPORT_WRITE_H

#include "worker/index/import_gather.h"

/* The path of a shard in building/generation, and of a task's record; the caller frees. */
char *kin_import_shard_path(const kin_import_state *import, uint32_t shard);
char *kin_import_record_path(const kin_import_state *import, uint32_t task);

/* Opens the share of a task that holds one code, whose rows come to the sink; user of the sink. */
typedef struct kin_import_stream kin_import_stream;
kin_import_stream *kin_import_stream_open(kin_import_state *import, uint32_t task,
                                          kin_import_sink *sink);

/* Sorts the rows of a task, writes its shares and its record. stream: NULL, or what took the rows,
 * which is destroyed. Ends the job where it fails. */
void kin_import_write(kin_import_state *import, uint32_t task, kin_import_rows *rows,
                      kin_import_stream **stream);

#endif
