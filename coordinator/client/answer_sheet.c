#include "coordinator/client/answer_sheet.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/image/encode_image.h"
#include "common/image/resize.h"
#include "coordinator/client/answer_text.h"
#include "coordinator/client/html_sheet.h"

#define COLUMNS 12    /* hits side by side: one row at the default k, and no wider than a screen */
#define TILE_MARGIN 8 /* around the largest picture within its square */
#define QUESTION_JPEG_QUALITY 88

kin_status kin_answer_sheet_open(kin_answer_sheet *answers, const char *path,
                                 uint32_t question_count, kin_error *error)
{
    memset(answers, 0, sizeof *answers);
    answers->path = path;
    answers->html = kin_text_has_ending(path, ".html") || kin_text_has_ending(path, ".htm");
    if (!answers->html && !kin_text_has_ending(path, ".png"))
        return kin_fail(error, KIN_BAD_INPUT,
                        "--sheet is '%s'; its name must end with .png or .html", path);
    if (question_count > KIN_SHEET_ROWS_MAX)
        return kin_fail(error, KIN_LIMIT,
                        "a sheet shows at most %d queries, and these are %u; ask for fewer at once",
                        KIN_SHEET_ROWS_MAX, question_count);
    answers->sheet.columns = COLUMNS;
    return KIN_OK;
}

static void note_coverage(kin_sheet_row *row, const kin_question *question,
                          const kin_answer *answer)
{
    char total[32];
    if (answer->answered < answer->shards)
        row->note = kin_sprintf("partial answer: %u of %u shards answered", answer->answered,
                                answer->shards);
    else if (question->within >= 0)
        row->note = kin_sprintf("%s within %d bits", kin_text_count(answer->total_within, total),
                                question->within);
}

kin_status kin_answer_sheet_add(kin_answer_sheet *answers, kin_client *client, const char *name,
                                const kin_question *question, const kin_answer *answer,
                                kin_error *error)
{
    if (answer->hit_count >= KIN_SHEET_TILES_MAX - answers->tiles)
        return kin_fail(error, KIN_LIMIT,
                        "a sheet shows at most %d pictures, and there are more; ask for fewer with "
                        "-k, or for fewer pictures at once",
                        KIN_SHEET_TILES_MAX);
    answers->tiles += answer->hit_count + 1;
    kin_image *images = kin_calloc(answer->hit_count, sizeof *images);
    kin_buffer *jpegs = kin_calloc(answer->hit_count, sizeof *jpegs);
    kin_status status = answer->hit_count == 0
                            ? KIN_OK
                            : kin_client_thumbnails(client, answer, answers->html ? NULL : images,
                                                    answers->html ? jpegs : NULL, error);
    char code[KIN_CODE_TEXT_BYTES];
    kin_sheet_row *row = kin_sheet_add_row(&answers->sheet, answer->hit_count);
    row->code = kin_strdup(kin_code_text(&answer->code, answer->bits, code));
    note_coverage(row, question, answer);
    row->question.key = kin_strdup(name);
    row->question.no_image = question->picture != NULL ? "no picture" : "asked by code";
    if (answer->thumbnail.pixels != NULL) {
        const kin_image *thumbnail = &answer->thumbnail;
        kin_image_init(&row->question.image, thumbnail->width, thumbnail->height);
        memcpy(row->question.image.pixels, thumbnail->pixels,
               (size_t)3 * thumbnail->width * thumbnail->height);
    }
    for (uint32_t i = 0; i < answer->hit_count; i++) {
        row->hits[i] = (kin_sheet_tile){.key = kin_strdup(answer->keys[i]),
                                        .image = images[i],
                                        .jpeg = jpegs[i],
                                        .id = answer->hits[i].id,
                                        .distance = answer->hits[i].distance};
        if (i < answer->score_count)
            row->hits[i].score = kin_sprintf("%.4f", kin_answer_asymmetric(answer->scores[i]));
    }
    free(images);
    free(jpegs);
    return status;
}

static uint32_t longer_side(const kin_image *image)
{
    return image->width > image->height ? image->width : image->height;
}

/* The side of the largest stored thumbnail. */
static uint32_t largest_side(const kin_sheet *sheet)
{
    uint32_t largest = 0;
    for (uint32_t i = 0; i < sheet->row_count; i++)
        for (uint32_t j = 0; j < sheet->rows[i].hit_count; j++) {
            uint32_t side = longer_side(&sheet->rows[i].hits[j].image);
            if (side > largest) largest = side;
        }
    return largest > 0 ? largest : KIN_THUMBNAIL_SIDE_DEFAULT;
}

/* Reduces a question's picture to the size of those it is compared with. */
static void reduce(kin_image *image, uint32_t side)
{
    uint32_t longer = longer_side(image);
    if (longer <= side) return;
    uint32_t width = (uint32_t)((uint64_t)image->width * side / longer);
    uint32_t height = (uint32_t)((uint64_t)image->height * side / longer);
    kin_image reduced;
    kin_image_resize(image, width + !width, height + !height, &reduced);
    kin_image_fini(image);
    *image = reduced;
}

static void prepare_questions(kin_answer_sheet *answers, uint32_t side)
{
    for (uint32_t i = 0; i < answers->sheet.row_count; i++) {
        kin_sheet_tile *question = &answers->sheet.rows[i].question;
        if (question->image.pixels == NULL) continue;
        if (answers->html)
            kin_image_append_jpeg(&question->image, QUESTION_JPEG_QUALITY, &question->jpeg);
        else
            reduce(&question->image, side);
    }
}

kin_status kin_answer_sheet_write(kin_answer_sheet *answers, const char *title,
                                  const char *subtitle, kin_error *error)
{
    kin_sheet *sheet = &answers->sheet;
    sheet->title = kin_strdup(title);
    sheet->subtitle = kin_strdup(subtitle);
    uint32_t side = largest_side(sheet);
    sheet->tile_side = side + 2 * TILE_MARGIN;
    prepare_questions(answers, side);
    kin_buffer bytes = {0};
    kin_image image = {0};
    kin_status status = KIN_OK;
    if (answers->html)
        kin_html_sheet_append(&bytes, sheet);
    else
        status = kin_sheet_draw(sheet, &image, error);
    if (status == KIN_OK && !answers->html) kin_image_append_png(&image, &bytes);
    if (status == KIN_OK)
        status = kin_file_write_atomic(answers->path, bytes.data, bytes.bytes, error);
    kin_image_fini(&image);
    kin_buffer_fini(&bytes);
    return status;
}

void kin_answer_sheet_fini(kin_answer_sheet *answers)
{
    kin_sheet_fini(&answers->sheet);
}
