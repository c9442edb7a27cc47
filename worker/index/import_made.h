/* The codes of a synthetic set as a file in INDEX/building, so that every pass reads them and none
 * makes them anew. */
#ifndef WORKER_INDEX_IMPORT_MADE_H
#define WORKER_INDEX_IMPORT_MADE_H

#include "worker/index/import_state.h"

/* All ranks together: makes what is missing of building/codes.bin, which becomes the source. Other
 * sources stay as they are. Ends the job where it fails. */
void kin_import_make_codes(kin_import_state *import);

#endif
