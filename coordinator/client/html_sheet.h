/* A sheet as one HTML file that needs nothing else: pictures are data URIs, there is no script. */
#ifndef COORDINATOR_CLIENT_HTML_SHEET_H
#define COORDINATOR_CLIENT_HTML_SHEET_H

#include "common/base/buffer.h"
#include "common/image/sheet.h"

/* Appends the page. Pictures are the tiles' JPEG bytes; everything else is escaped. */
void kin_html_sheet_append(kin_buffer *out, const kin_sheet *sheet);

#endif
