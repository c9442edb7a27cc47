/* The parent's side of the decode sandbox: untrusted bytes in, rasters and thumbnails out.
 *
 * A decoder is a launcher process (kindred-decode) that forks a sandboxed child, and forks another
 * whenever that dies, hangs or talks nonsense, so that the parent never forks after it has started
 * MPI, ZeroMQ or threads. One thread uses a decoder at a time. */
#ifndef WORKER_DECODE_DECODER_H
#define WORKER_DECODE_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/limits.h"
#include "common/base/reason.h"
#include "common/base/status.h"
#include "common/image/image.h"
#include "common/image/raster.h"

typedef struct kin_decoder kin_decoder;

typedef struct kin_decoder_options {
    bool no_sandbox; /* loud; for machines whose kernel lacks seccomp */
    int timeout_ms;  /* a picture */
    int nice;        /* added to the caller's nice value: who decodes gives way to others */
} kin_decoder_options;

#define KIN_DECODER_OPTIONS_DEFAULT         \
    (kin_decoder_options)                   \
    {                                       \
        .timeout_ms = KIN_DECODE_TIMEOUT_MS \
    }

/* Starts launcher and child and has the sandbox tested (a self-test that tries what is forbidden).
 * Call before MPI_Init, ZeroMQ contexts and threads. */
KIN_MUST_USE kin_status kin_decoder_open(kin_decoder **decoder, const kin_decoder_options *options,
                                         kin_error *error);
void kin_decoder_close(kin_decoder **decoder);

typedef struct kin_decode_request {
    kin_raster_spec raster;  /* mode NONE for none */
    uint32_t thumbnail_side; /* the picture within side x side as a JPEG; 0 for none */
} kin_decode_request;

/* What a picture gave. Zeroed to begin with; the caller finishes it. */
typedef struct kin_decoded {
    kin_reason reason;      /* KIN_REASON_NONE: decoded */
    char detail[160];       /* a rejected picture: what exactly is wrong */
    uint32_t width, height; /* of the picture, upright (after EXIF orientation) */
    kin_image raster;
    kin_buffer thumbnail; /* JPEG bytes */
    int64_t decode_ns;    /* spent in the child */
} kin_decoded;

void kin_decoded_fini(kin_decoded *decoded);

/* Where the picture's bytes go: KIN_PICTURE_BYTES_MAX of memory shared with the child. The caller
 * reads a file straight into it. Valid until the decoder is closed; its contents until the next
 * call of kin_decoder_run. */
uint8_t *kin_decoder_input(kin_decoder *decoder);

/* Decodes the first `bytes` bytes of the input area. A bad picture is KIN_OK with a reason; KIN_IO
 * means that the decoder itself cannot go on. Buffers in *decoded are reused between calls. */
KIN_MUST_USE kin_status kin_decoder_run(kin_decoder *decoder, size_t bytes,
                                        const kin_decode_request *request, kin_decoded *decoded,
                                        kin_error *error);

/* What makes pixels of bytes, for the encoder's fingerprint: "libjpeg-turbo-dct/2 stb-2.27
 * resize/2" and the like. Equal words, equal pixels. */
const char *kin_decoder_name(void);

#endif
