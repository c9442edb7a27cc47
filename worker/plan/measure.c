#include "worker/plan/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/image/encode_image.h"
#include "proto/feature_file.h"

/* Large enough that a disk's own memory does not hold all of it, small enough for a second. */
#define DISK_BYTES ((size_t)96 << 20)
#define PIECE_BYTES ((size_t)8 << 20)
/* Larger than caches are. */
#define MEMORY_BYTES ((size_t)256 << 20)
/* Of photos as cameras and the web have them, about. */
#define BYTES_PER_PIXEL 0.25
#define QUALITY 85
#define CROP_SIDE 160

static double seconds_since(int64_t start_ns)
{
    return (double)(kin_clock_ns() - start_ns) * 1e-9;
}

static bool write_pieces(int descriptor, const uint8_t *piece)
{
    for (size_t done = 0; done < DISK_BYTES;) {
        ssize_t part =
            write(descriptor, piece + done % PIECE_BYTES, PIECE_BYTES - done % PIECE_BYTES);
        if (part < 0 && errno == EINTR) continue;
        if (part <= 0) return false;
        done += (size_t)part;
    }
    return fsync(descriptor) == 0;
}

kin_status kin_measure_disk(const char *folder, double *write_s, double *read_s, kin_error *error)
{
    char *path = kin_path_join(folder, "disk");
    uint8_t *piece = kin_malloc(PIECE_BYTES);
    kin_random random = {1};
    kin_status status = KIN_OK;
    for (size_t i = 0; i < PIECE_BYTES; i += sizeof(uint64_t)) {
        uint64_t word = kin_random_u64(&random);
        memcpy(piece + i, &word, sizeof word);
    }
    int descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int64_t start_ns = kin_clock_ns();
    if (descriptor < 0 || !write_pieces(descriptor, piece))
        status = kin_fail(error, KIN_IO, "cannot write %s: %s", path, strerror(errno));
    *write_s = seconds_since(start_ns) / (double)DISK_BYTES;
    if (status == KIN_OK) {
        (void)posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED); /* from the disk */
        (void)lseek(descriptor, 0, SEEK_SET);
        start_ns = kin_clock_ns();
        size_t done = 1, all = 0;
        while (done > 0 && kin_read_full(descriptor, piece, PIECE_BYTES, &done) == KIN_OK)
            all += done;
        *read_s = seconds_since(start_ns) / (double)(all > 0 ? all : 1);
    }
    if (descriptor >= 0) close(descriptor);
    (void)unlink(path);
    free(piece);
    free(path);
    return status;
}

double kin_measure_memory(void)
{
    size_t words = MEMORY_BYTES / sizeof(uint64_t);
    uint64_t *memory = kin_memory_large(MEMORY_BYTES), sum[8] = {0};
    double best = INFINITY;
    if (memory == NULL) return 0;
    memset(memory, 1, MEMORY_BYTES);
    for (int round = 0; round < 3; round++) {
        int64_t start_ns = kin_clock_ns();
        for (size_t i = 0; i < words; i += 8)
            for (size_t lane = 0; lane < 8; lane++)
                sum[lane] += memory[i + lane];
        double seconds = seconds_since(start_ns);
        if (seconds < best) best = seconds;
    }
    for (size_t lane = 0; lane < 8; lane++) /* read for something */
        __asm__ volatile("" : : "r"(sum[lane]));
    free(memory);
    return best / (double)MEMORY_BYTES;
}

uint64_t kin_measure_device(const char *folder)
{
    struct stat facts;
    return stat(folder, &facts) == 0 ? (uint64_t)facts.st_dev : 0;
}

/* A slope of colours, waves, and noise as strong as it takes to compress so well. */
static void paint(kin_image *image, double noise)
{
    kin_random random = {image->width};
    for (uint32_t y = 0; y < image->height; y++)
        for (uint32_t x = 0; x < image->width; x++) {
            double wave = 60 * sin(x * 0.05) * cos(y * 0.03) + 40 * sin((x + y) * 0.011);
            double grain = noise * ((double)(kin_random_u64(&random) >> 40) / (1 << 24) - 0.5);
            for (int c = 0; c < 3; c++) {
                double value = 128 + wave * (1 - 0.3 * c) + grain;
                uint8_t level = value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
                image->pixels[((size_t)y * image->width + x) * 3 + (size_t)c] = level;
            }
        }
}

/* The noise at which a crop takes BYTES_PER_PIXEL. */
static double find_noise(void)
{
    kin_image crop;
    kin_buffer file = {0};
    double low = 0, high = 255;
    kin_image_init(&crop, CROP_SIDE, CROP_SIDE);
    for (int step = 0; step < 10; step++) {
        double middle = (low + high) / 2;
        paint(&crop, middle);
        kin_buffer_clear(&file);
        kin_image_append_jpeg(&crop, QUALITY, &file);
        if ((double)file.bytes > BYTES_PER_PIXEL * CROP_SIDE * CROP_SIDE)
            high = middle;
        else
            low = middle;
    }
    kin_buffer_fini(&file);
    kin_image_fini(&crop);
    return low;
}

kin_status kin_measure_pictures(const char *folder, uint32_t count, uint64_t average_bytes,
                                kin_error *error)
{
    static const double sizes[] = {0.5, 1, 1.5};
    double noise = find_noise();
    kin_buffer file = {0};
    kin_status status = kin_directory_make(folder, error);
    for (uint32_t s = 0; s < 3 && status == KIN_OK; s++) {
        double pixels = (double)average_bytes * sizes[s] / BYTES_PER_PIXEL;
        uint32_t width = (uint32_t)sqrt(pixels * 4 / 3), height = (uint32_t)(pixels / width);
        kin_image image;
        kin_image_init(&image, width, height > 0 ? height : 1);
        paint(&image, noise);
        kin_buffer_clear(&file);
        kin_image_append_jpeg(&image, QUALITY, &file);
        kin_image_fini(&image);
        for (uint32_t i = s; i < count && status == KIN_OK; i += 3) {
            char *path = kin_sprintf("%s/%u.jpg", folder, (unsigned)i);
            kin_file_writer writer = {0};
            status = kin_file_writer_open(&writer, path, error);
            if (status == KIN_OK)
                status = kin_file_writer_append(&writer, file.data, file.bytes, error);
            if (status == KIN_OK) status = kin_file_writer_publish(&writer, error);
            kin_file_writer_discard(&writer);
            free(path);
        }
    }
    kin_buffer_fini(&file);
    return status;
}

kin_status kin_measure_vectors(const char *path, uint64_t count, uint32_t dimensions,
                               kin_error *error)
{
    kin_random random = {1};
    kin_buffer header = {0};
    kin_file_writer writer = {0};
    float *row = kin_malloc(dimensions * sizeof *row);
    kin_feature_file_begin(&header, count, dimensions);
    kin_status status = kin_file_writer_open(&writer, path, error);
    if (status == KIN_OK)
        status = kin_file_writer_append(&writer, header.data, header.bytes, error);
    for (uint64_t i = 0; i < count && status == KIN_OK; i++) {
        for (uint32_t d = 0; d < dimensions;
             d++) /* of two uniform ones: what learning takes does not depend on it */
            row[d] = (float)((double)(kin_random_u64(&random) >> 32) / 4294967296.0 +
                             (double)(kin_random_u64(&random) >> 32) / 4294967296.0 - 1);
        status = kin_file_writer_append(&writer, row, dimensions * sizeof *row, error);
    }
    if (status == KIN_OK) status = kin_file_writer_publish(&writer, error);
    kin_file_writer_discard(&writer);
    kin_buffer_fini(&header);
    free(row);
    return status;
}
