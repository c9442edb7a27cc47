/* The ledger of a generation: every input that is not indexed, and why. Specification:
 * proto/LEDGER.md. */
#ifndef PROTO_LEDGER_H
#define PROTO_LEDGER_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/reason.h"
#include "common/base/status.h"
#include "proto/container.h"

typedef struct kin_ledger_row {
    uint64_t id; /* position in the frozen list */
    kin_reason reason;
    const char *key; /* borrowed, not NUL-terminated */
    uint32_t key_bytes;
    const char *detail; /* borrowed: what exactly is wrong; may be empty */
    uint32_t detail_bytes;
} kin_ledger_row;

/* Rows gathered in order of id, then built into a file's bytes. Zeroed is empty. */
typedef struct kin_ledger_builder {
    kin_buffer rows; /* fixed-size */
    kin_buffer text; /* keys and details */
    uint64_t count;
} kin_ledger_builder;

void kin_ledger_builder_add(kin_ledger_builder *builder, const kin_ledger_row *row);
void kin_ledger_builder_finish(kin_ledger_builder *builder, kin_buffer *out);
void kin_ledger_builder_fini(kin_ledger_builder *builder);

/* A parsed ledger; borrows data. */
typedef struct kin_ledger {
    kin_container container;
    const uint8_t *rows, *text;
    uint64_t text_bytes;
    uint64_t count;
} kin_ledger;

KIN_MUST_USE kin_status kin_ledger_parse(kin_ledger *ledger, const void *data, size_t bytes,
                                         const char *name, kin_error *error);
kin_ledger_row kin_ledger_get(const kin_ledger *ledger, uint64_t index);

#endif
