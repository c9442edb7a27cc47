/* Writes a container whose sections' sizes are known before it starts: each section is written from
 * its start to its end, but sections side by side, by one thread or by several. */
#ifndef PROTO_CONTAINER_PLACED_H
#define PROTO_CONTAINER_PLACED_H

#include "proto/container.h"

/* Holds a block a section and the checksums of all blocks. */
typedef struct kin_container_placed kin_container_placed;

typedef struct kin_placed_section {
    char name[KIN_SECTION_NAME_BYTES + 1];
    uint64_t bytes;
} kin_placed_section;

/* Takes the space of the whole file. sections [section_count <= KIN_CONTAINER_SECTIONS_MAX], in the
 * order of the file. */
KIN_MUST_USE kin_status kin_container_placed_open(kin_container_placed **placed, const char *path,
                                                  kin_file_kind kind, uint32_t version,
                                                  const kin_placed_section *sections,
                                                  uint32_t section_count, kin_error *error);

/* The next bytes of a section, which has room for them. Different sections may be written by
 * different threads at once. */
KIN_MUST_USE kin_status kin_container_placed_append(kin_container_placed *placed, uint32_t section,
                                                    const void *data, size_t bytes,
                                                    kin_error *error);

/* Every section is full: writes tables and header, publishes atomically, destroys the writer. The
 * same sections give the bytes that a kin_container_writer gives. */
KIN_MUST_USE kin_status kin_container_placed_publish(kin_container_placed **placed,
                                                     kin_error *error);
/* Removes what was not published; NULL is fine. */
void kin_container_placed_destroy(kin_container_placed **placed);

#endif
