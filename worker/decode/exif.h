/* The orientation that a camera wrote: EXIF (CIPA DC-008), a TIFF structure in a JPEG's APP1 or
 * a PNG's eXIf. */
#ifndef WORKER_DECODE_EXIF_H
#define WORKER_DECODE_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* data is the TIFF structure, in a JPEG behind "Exif\0\0". The orientation 1..8; 1 where there is
 * none, or nonsense: EXIF never makes a picture unreadable. Reads the first directory only, within
 * bytes. */
int kin_exif_orientation(const uint8_t *data, size_t bytes);

#endif
