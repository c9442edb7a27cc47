/* Where the files of an index are:
 *   INDEX/CURRENT                       one line: the name of the current generation
 *   INDEX/generation-000001/            immutable once it has this name
 *     manifest.kin encoder.kin ledger.kin shard-0000.kin shard-0001.kin ...
 *   INDEX/building/                     a build that is not finished */
#ifndef PROTO_GENERATION_H
#define PROTO_GENERATION_H

#include "common/base/status.h"
#include "proto/manifest.h"

#define KIN_CURRENT_FILE "CURRENT"
#define KIN_MANIFEST_FILE "manifest.kin"
#define KIN_ENCODER_FILE "encoder.kin"
#define KIN_LEDGER_FILE "ledger.kin"
#define KIN_NETWORK_FILE "network.kin"
#define KIN_BUILDING_FOLDER "building"
#define KIN_GENERATION_NAME_BYTES 32

/* Reads INDEX/CURRENT and checks that it names a generation folder. name
 * [KIN_GENERATION_NAME_BYTES]. KIN_NOT_FOUND says how to build an index; other sentences say what
 * is wrong with this one. */
KIN_MUST_USE kin_status kin_generation_current(const char *index_path, char *name,
                                               kin_error *error);

/* Reads the manifest of a generation; name NULL is the current one. *folder (the caller frees) is
 * the generation's folder; may be NULL. */
KIN_MUST_USE kin_status kin_generation_manifest(const char *index_path, const char *name,
                                                kin_manifest *manifest, char **folder,
                                                kin_error *error);

/* "generation-000007" from 7 and back (0 for a name that is none). */
void kin_generation_name(unsigned number, char name[KIN_GENERATION_NAME_BYTES]);
unsigned kin_generation_number(const char *name);

#endif
