#include "worker/index/import_made.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/checksum.h"
#include "common/base/memory.h"
#include "proto/container_joint.h"

/* Codes that are made at a time, some 0.2 s of work; each such chunk has a mark, its checksum, once
 * it is written. */
#define CHUNK_CODES ((uint64_t)1 << 20)

/* The files, on one rank. */
typedef struct made {
    kin_import_state *import;
    int codes, marks;
    char *codes_path, *marks_path;
    uint64_t *words; /* [CHUNK_CODES][words] */
    uint64_t chunks;
} made;

static void open_files(made *m)
{
    kin_error error;
    const char *paths[] = {m->codes_path, m->marks_path};
    int *descriptors[] = {&m->codes, &m->marks};
    for (int i = 0; i < 2; i++) {
        *descriptors[i] = open(paths[i], O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (*descriptors[i] >= 0) continue;
        (void)kin_fail(&error, KIN_IO, "cannot create %s: %s", paths[i], strerror(errno));
        kin_comm_fail(m->import->comm, &error);
    }
}

static uint64_t chunk_codes(const made *m, uint64_t chunk)
{
    uint64_t left = m->import->source.count - chunk * CHUNK_CODES;
    return left < CHUNK_CODES ? left : CHUNK_CODES;
}

static bool read_all(int descriptor, void *data, size_t bytes, uint64_t offset)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t part =
            pread(descriptor, (uint8_t *)data + done, bytes - done, (off_t)(offset + done));
        if (part < 0 && errno == EINTR) continue;
        if (part <= 0) return false;
        done += (size_t)part;
    }
    return true;
}

/* Whether the chunk was written before this run, and is what its mark says. */
static bool is_done(const made *m, uint64_t chunk)
{
    uint64_t mark = 0;
    size_t code_bytes = m->import->source.bits / 8;
    size_t bytes = (size_t)chunk_codes(m, chunk) * code_bytes;
    return read_all(m->marks, &mark, sizeof mark, chunk * sizeof mark) && mark != 0 &&
           read_all(m->codes, m->words, bytes, chunk * CHUNK_CODES * code_bytes) &&
           kin_checksum(m->words, bytes) == kin_load_le64(&mark);
}

static void make_chunk(made *m, uint64_t chunk)
{
    kin_error error;
    kin_import_state *import = m->import;
    uint64_t count = chunk_codes(m, chunk), step = 65536;
    unsigned words = import->source.bits / 64;
    size_t bytes = (size_t)count * words * 8;
    for (uint64_t at = 0; at < count; at += step) {
        uint64_t part = count - at < step ? count - at : step;
        kin_synthetic_codes(import->source.synthetic, chunk * CHUNK_CODES + at, part,
                            m->words + at * words);
        kin_comm_tick(import->comm);
    }
    kin_code_source_swap(m->words, count * words);
    uint64_t mark = kin_checksum(m->words, bytes);
    kin_store_le64(&mark, mark);
    kin_import_check(import,
                     kin_container_joint_write(m->codes, m->codes_path,
                                               chunk * CHUNK_CODES * words * 8, m->words, bytes,
                                               &error),
                     &error);
    kin_import_check(import,
                     kin_container_joint_write(m->marks, m->marks_path, chunk * sizeof mark, &mark,
                                               sizeof mark, &error),
                     &error);
}

static void show_progress(void *user)
{
    kin_import_state *import = user;
    uint64_t done, rejected;
    kin_comm_reported(import->comm, &done, &rejected);
    kin_progress_update(import->progress, done, 0);
}

static void make_missing(made *m)
{
    kin_import_state *import = m->import;
    uint64_t ranks = (uint64_t)kin_comm_ranks(import->comm), count = 0, chunk, codes = 0;
    uint64_t *done = kin_calloc(m->chunks, sizeof *done);
    uint64_t *items = kin_calloc(m->chunks, sizeof *items);
    for (chunk = (uint64_t)kin_comm_rank(import->comm); chunk < m->chunks; chunk += ranks) {
        done[chunk] = is_done(m, chunk);
        kin_comm_tick(import->comm);
    }
    kin_comm_sum(import->comm, done, m->chunks);
    for (chunk = 0; chunk < m->chunks; chunk++)
        if (!done[chunk]) items[count++] = chunk;
    kin_comm_report(import->comm, 0, 0);
    if (import->progress != NULL) {
        kin_progress_begin(import->progress, "codes made", count * CHUNK_CODES, 0);
        kin_comm_watch(import->comm, show_progress, import);
    }
    kin_comm_work_begin(import->comm, items, count);
    while (kin_comm_work_next(import->comm, &chunk)) {
        make_chunk(m, chunk);
        kin_comm_report(import->comm, codes += CHUNK_CODES, 0);
    }
    kin_comm_barrier(import->comm);
    kin_comm_watch(import->comm, NULL, NULL);
    free(items);
    free(done);
}

void kin_import_make_codes(kin_import_state *import)
{
    if (import->source.synthetic == NULL) return;
    made m = {.import = import,
              .codes_path = kin_building_path(&import->building, "codes.bin"),
              .marks_path = kin_building_path(&import->building, "codes.marks"),
              .chunks = (import->source.count + CHUNK_CODES - 1) / CHUNK_CODES};
    kin_error error;
    m.words = kin_malloc((size_t)CHUNK_CODES * (import->source.bits / 8));
    open_files(&m);
    make_missing(&m);
    close(m.codes);
    close(m.marks);
    free(m.words);
    free(m.marks_path);
    kin_code_source set = import->source;
    import->made_path = m.codes_path;
    kin_status status = kin_code_source_open_made(&import->source, &set, m.codes_path, &error);
    kin_code_source_close(&set);
    kin_import_check(import, status, &error);
}
