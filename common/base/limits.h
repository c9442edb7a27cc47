/* Every limit on what comes from outside, each with its reason. Nothing from outside sizes an
 * allocation, a loop or a file before it was compared with one of these. */
#ifndef COMMON_BASE_LIMITS_H
#define COMMON_BASE_LIMITS_H

#include <stdint.h>

/* Codes: three widths, so that kernels are fixed-size and a code is at most four words. */
#define KIN_CODE_BITS_MIN 64
#define KIN_CODE_BITS_DEFAULT 64
#define KIN_CODE_BITS_MAX 256
/* What is learned, in whole bytes; below 8 bits nothing is told apart. Stored with zeros up to the
 * next width. */
#define KIN_LEARNED_BITS_MIN 16
#define KIN_LEARNED_BITS_STEP 8

/* Hits a query may ask for. 65,536 hits with keys stay well under one message. */
#define KIN_K_DEFAULT 12
#define KIN_K_MAX 65536

/* Codes that one message asks for, and the hits of its answer: 16 bytes each fill a message. */
#define KIN_BATCH_CODES_MAX 65536
#define KIN_BATCH_HITS_MAX 4000000u

/* Keys: a path (PATH_MAX, 4,096) or two of them for an archive member. */
#define KIN_KEY_BYTES_MAX 8192

/* Picture files: larger ones are films, scans of maps or attacks. Shared with the decode child,
 * whose whole address space is 512 MB. */
#define KIN_PICTURE_BYTES_MAX (64u << 20)
/* Sides: what a 16-bit JPEG header can say, and no decoder row overflows an int. */
#define KIN_PICTURE_SIDE_MAX 65535
/* Pixels that are decoded whole: 40 million RGBA pixels twice are 320 MB of the child's 512. */
#define KIN_PICTURE_PIXELS_MAX 40000000u
/* Pixels of a JPEG that libjpeg-turbo decodes at a reduced scale, row by row. */
#define KIN_JPEG_PIXELS_MAX 250000000u
#define KIN_DECODE_TIMEOUT_MS 2000
/* What a person may set it to: a picture that takes a minute is not worth the wait. */
#define KIN_DECODE_TIMEOUT_MS_MIN 100
#define KIN_DECODE_TIMEOUT_MS_MAX 60000
#define KIN_DECODE_ADDRESS_SPACE_BYTES (512u << 20)

/* Rasters that an encoder may ask of the decoder, and thumbnails. */
#define KIN_RASTER_SIDE_MAX 1024
#define KIN_THUMBNAIL_SIDE_DEFAULT 96
#define KIN_THUMBNAIL_SIDE_MAX 512
#define KIN_THUMBNAIL_BYTES_MAX (256u << 10)

/* Pictures that a worker encodes at once: each has a decode child of up to 512 MB and a network's
 * tensors, a few MB to 100 MB. Unless told, no more than the first: questions are by picture now
 * and then, and searches want the cores. */
#define KIN_ENCODERS_DEFAULT_MAX 8
#define KIN_ENCODERS_MAX 64

/* Feature vectors: a float each; 8,192 holds every tap of the networks we know. */
#define KIN_FEATURE_DIMENSIONS_MAX 8192

/* Vectors that a graph of nearest neighbours is made of: all pairs of 131,072 of 128 numbers are
 * 2.2e12 multiplications and additions, a minute of one core. */
#define KIN_NEIGHBOUR_SAMPLE_MAX 131072
/* Neighbours of each (the graph's memory), steps of a walk (each costs a cache miss), widths of
 * layers and batches (a batch's cosines are their square): far beyond what helps. */
#define KIN_NEIGHBOURS_MAX 1000
#define KIN_NEIGHBOUR_WALK_MAX 1000
#define KIN_NEIGHBOUR_WIDTH_MAX 4096

/* Data sets for learning and measuring. Classes: every picture's class is compared with every
 * other's, and a table of all of them is to be read. */
#define KIN_CLASSES_MAX 65536
#define KIN_CLASS_NAME_BYTES_MAX 255
/* An IDX file is held in memory, a byte a pixel: five million pictures of 28 x 28. */
#define KIN_IDX_BYTES_MAX ((uint64_t)4 << 30)

/* A hasher: layers (the deepest autoencoders of the literature have 9 on the way to the code),
 * weights (12 million floats are 48 MB, and an encoder file may have 64), classes that a head tells
 * apart, texts of the card. */
#define KIN_HASHER_LAYERS_MAX 9
#define KIN_HASHER_WEIGHTS_MAX 12000000u
#define KIN_HEAD_CLASSES_MAX 4096
#define KIN_ENCODER_TEXT_BYTES_MAX (1u << 20)
/* Rows of a mini-batch: larger ones learn no better, and each row takes a copy of every layer. */
#define KIN_TRAIN_BATCH_MAX 65536
#define KIN_ENCODER_FILE_BYTES_MAX (64u << 20)

/* Shards of a generation: one a worker slot; a query message names all of them in 16 KiB. */
#define KIN_SHARDS_DEFAULT 4
#define KIN_SHARDS_MAX 4096
/* Pictures a shard holds before the default number of shards grows. */
#define KIN_SHARD_PICTURES_DEFAULT 4000000u

/* Messages: one frame each. A picture of the largest size fits, and nothing much larger. */
#define KIN_MESSAGE_BYTES_MAX (KIN_PICTURE_BYTES_MAX + (1u << 20))
#define KIN_MESSAGE_DEPTH_MAX 8
/* Objects a message may declare in all: a msgpack_object is 24 bytes, so 2 million are 48 MB. */
#define KIN_MESSAGE_OBJECTS_MAX 2000000u

/* Thumbnails one request may ask for: 64 of the largest side are 50 MB of pixels. */
#define KIN_THUMBNAILS_PER_REQUEST_MAX 64

/* Contact sheets: more rows or tiles than this is nothing to look at, and a client asks for the
 * thumbnails of all of them; 100 million pixels are 300 MB while a PNG is written. */
#define KIN_SHEET_ROWS_MAX 200
#define KIN_SHEET_TILES_MAX 4096
#define KIN_SHEET_PIXELS_MAX 100000000

/* Requests: a person gives up before a minute has passed. */
#define KIN_DEADLINE_MS_DEFAULT 10000
#define KIN_DEADLINE_MS_MAX 600000

/* Workers a coordinator serves, and queries it holds at once, of all and of one client, before it
 * answers BUSY. */
#define KIN_WORKERS_MAX 1024
#define KIN_REPLICAS_DEFAULT 2
#define KIN_QUERIES_IN_FLIGHT_MAX 4096
#define KIN_QUERIES_OF_CLIENT_MAX 2048

/* Ranks of a job, and pictures of a chunk (the checkpoint): a chunk is a few seconds of work. */
#define KIN_RANKS_MAX 4096
#define KIN_CHUNK_PICTURES 64
/* Chunks grow with the job, so that it has no more than this many files in one folder (which bound
 * the largest job), up to this many pictures each. */
#define KIN_CHUNKS_DESIRED 65536
#define KIN_CHUNK_PICTURES_MAX 8192
/* Pictures that the hasher learns from, as whole chunks. */
#define KIN_TRAINING_PICTURES_DEFAULT 32768
/* A sample is held in memory: a million vectors of 1,024 floats are 4 GB over all ranks. */
#define KIN_SAMPLE_PICTURES_MAX 1000000

/* Codes that are imported: ids are numbers below 2^40, and 2^43 bytes of 64-bit codes are more than
 * one file of a usual file system holds. */
#define KIN_IMPORT_CODES_MAX ((uint64_t)1 << 40)

#endif
