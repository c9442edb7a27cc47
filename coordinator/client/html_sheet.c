#include "coordinator/client/html_sheet.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/text.h"

#define CAPTION_END_BYTES 8 /* of a name, always shown */

static const char style[] =
    ":root{--paper:#f4f3f0;--card:#fff;--edge:#e2e0da;--ink:#22211e;--faint:#77746c;"
    "--accent:#1f5fd6;--same:#23804a}\n"
    "@media(prefers-color-scheme:dark){:root{--paper:#181817;--card:#242422;--edge:#383733;"
    "--ink:#eceae4;--faint:#9d9a91;--accent:#5b93ff;--same:#6cc893}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;padding:2rem;background:var(--paper);color:var(--ink);"
    "font:13px/1.4 system-ui,sans-serif}\n"
    "h1{font-size:1.35rem;margin:0}\n"
    "p{margin:.2rem 0 0;color:var(--faint)}\n"
    "section{display:grid;gap:12px;margin-top:1.75rem;"
    "grid-template-columns:repeat(auto-fill,minmax(calc(var(--side) + 20px),1fr))}\n"
    "section>p{grid-column:1/-1;margin:0}\n"
    "figure{margin:0;padding:9px;background:var(--card);border:1px solid var(--edge);"
    "border-radius:8px;min-width:0}\n"
    ".query{border:3px solid var(--accent);padding:7px}\n"
    ".picture{aspect-ratio:1;display:flex;align-items:center;justify-content:center;"
    "background:#fff;border-radius:4px;color:#77746c;text-align:center}\n"
    ".none{background:#f1f0ed}\n"
    "img{display:block;max-width:100%;max-height:100%}\n"
    "figcaption{margin-top:8px;overflow:hidden}\n"
    "figcaption span{color:var(--faint)}\n"
    ".query b{background:var(--accent);color:var(--card);border-radius:9px;padding:1px 7px}\n"
    ".same b,.same span{color:var(--same)}\n"
    ".key{display:flex;white-space:pre}\n"
    ".key span{color:inherit;overflow:hidden;text-overflow:ellipsis}\n";

static void append_text(kin_buffer *out, const char *text)
{
    kin_text_append_html(out, text, strlen(text));
}

/* RFC 4648, section 4. */
static void append_base64(kin_buffer *out, const uint8_t *data, size_t bytes)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *end = (char *)kin_buffer_reserve(out, (bytes + 2) / 3 * 4);
    for (size_t i = 0; i < bytes; i += 3) {
        size_t left = bytes - i;
        uint32_t group = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                         (left > 2 ? data[i + 2] : 0);
        *end++ = digit[group >> 18];
        *end++ = digit[group >> 12 & 63];
        *end++ = left > 1 ? digit[group >> 6 & 63] : '=';
        *end++ = left > 2 ? digit[group & 63] : '=';
    }
    out->bytes += (bytes + 2) / 3 * 4;
}

static void append_picture(kin_buffer *out, const kin_sheet_tile *tile)
{
    if (tile->jpeg.bytes == 0) {
        kin_buffer_append_string(out, "<div class=\"picture none\">");
        append_text(out, tile->no_image != NULL ? tile->no_image : "no thumbnail");
    } else {
        kin_buffer_append_string(
            out, "<div class=\"picture\"><img alt=\"\" src=\"data:image/jpeg;base64,");
        append_base64(out, tile->jpeg.data, tile->jpeg.bytes);
        kin_buffer_append_string(out, "\">");
    }
    kin_buffer_append_string(out, "</div>");
}

/* In two parts, of which only the first is shortened: the end of a name tells it apart. */
static void append_caption(kin_buffer *out, const kin_sheet_tile *tile)
{
    const char *caption = kin_sheet_caption(tile->key);
    size_t bytes = strlen(caption);
    size_t cut = bytes > CAPTION_END_BYTES ? bytes - CAPTION_END_BYTES : 0;
    while (cut > 0 && ((unsigned char)caption[cut] & 0xc0) == 0x80) /* within a character */
        cut--;
    kin_buffer_append_string(out, "<div class=\"key\"><span>");
    kin_text_append_html(out, caption, cut);
    kin_buffer_append_string(out, "</span>");
    kin_text_append_html(out, caption + cut, bytes - cut);
    kin_buffer_append_string(out, "</div></figcaption></figure>\n");
}

static void append_question(kin_buffer *out, const kin_sheet_row *row)
{
    kin_buffer_append_string(out, "<figure class=\"query\" title=\"");
    append_text(out, row->question.key);
    if (row->code != NULL) {
        kin_buffer_append_string(out, "&#10;code ");
        append_text(out, row->code);
    }
    kin_buffer_append_string(out, "\">");
    append_picture(out, &row->question);
    kin_buffer_append_string(out, "<figcaption><b>query</b>");
    append_caption(out, &row->question);
}

static void append_hit(kin_buffer *out, const kin_sheet_tile *tile)
{
    bool same = tile->distance == 0;
    kin_buffer_printf(out, "<figure%s title=\"", same ? " class=\"same\"" : "");
    append_text(out, tile->key);
    kin_buffer_printf(out, "&#10;distance %u &#183; id %" PRIu64, tile->distance, tile->id);
    if (tile->score != NULL) kin_buffer_printf(out, " &#183; asymmetric distance %s", tile->score);
    kin_buffer_append_string(out, "\">");
    append_picture(out, tile);
    kin_buffer_printf(out, "<figcaption><b>%u</b> <span>%s</span>", tile->distance,
                      same                  ? "&#183; same code"
                      : tile->distance == 1 ? "bit"
                                            : "bits");
    if (tile->score != NULL) kin_buffer_printf(out, " <span>&#183; %s</span>", tile->score);
    append_caption(out, tile);
}

void kin_html_sheet_append(kin_buffer *out, const kin_sheet *sheet)
{
    kin_buffer_append_string(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
                                  "<meta charset=\"utf-8\">\n"
                                  "<meta name=\"viewport\" content=\"width=device-width\">\n"
                                  "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    append_text(out, sheet->title);
    kin_buffer_printf(out,
                      "</title>\n<style>\n%s:root{--side:%upx}\n</style>\n</head>\n<body>\n<h1>",
                      style, sheet->tile_side);
    append_text(out, sheet->title);
    kin_buffer_append_string(out, "</h1>\n<p>");
    append_text(out, sheet->subtitle);
    kin_buffer_append_string(out, "</p>\n");
    for (uint32_t i = 0; i < sheet->row_count; i++) {
        const kin_sheet_row *row = &sheet->rows[i];
        kin_buffer_append_string(out, "<section>\n");
        if (row->note != NULL) {
            kin_buffer_append_string(out, "<p>");
            append_text(out, row->note);
            kin_buffer_append_string(out, "</p>\n");
        }
        append_question(out, row);
        for (uint32_t j = 0; j < row->hit_count; j++)
            append_hit(out, &row->hits[j]);
        kin_buffer_append_string(out, "</section>\n");
    }
    kin_buffer_append_string(out, "</body>\n</html>\n");
}
