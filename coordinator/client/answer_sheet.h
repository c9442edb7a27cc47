/* Answers gathered into a sheet, and the sheet written as the name of its file asks. */
#ifndef COORDINATOR_CLIENT_ANSWER_SHEET_H
#define COORDINATOR_CLIENT_ANSWER_SHEET_H

#include <stdbool.h>

#include "common/image/sheet.h"
#include "coordinator/client/client.h"

typedef struct kin_answer_sheet {
    kin_sheet sheet;
    const char *path; /* of the file to write; borrowed */
    bool html;        /* .html or .htm; else .png */
    uint32_t tiles;
} kin_answer_sheet;

/* KIN_BAD_INPUT where the name of the file ends with none of .png, .html, .htm; KIN_LIMIT above
 * KIN_SHEET_ROWS_MAX questions. */
KIN_MUST_USE kin_status kin_answer_sheet_open(kin_answer_sheet *answers, const char *path,
                                              uint32_t question_count, kin_error *error);

/* Adds a row and asks client for its thumbnails. KIN_LIMIT above KIN_SHEET_TILES_MAX. */
KIN_MUST_USE kin_status kin_answer_sheet_add(kin_answer_sheet *answers, kin_client *client,
                                             const char *name, const kin_question *question,
                                             const kin_answer *answer, kin_error *error);

/* Writes the file, whole or not at all. title and subtitle are the sheet's header. */
KIN_MUST_USE kin_status kin_answer_sheet_write(kin_answer_sheet *answers, const char *title,
                                               const char *subtitle, kin_error *error);

void kin_answer_sheet_fini(kin_answer_sheet *answers);

#endif
