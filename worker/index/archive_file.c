#include "worker/index/archive_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/base/file.h"
#include "common/base/limits.h"

/* What libarchive reads at a time; offsets of members do not depend on it. */
#define READ_BYTES ((size_t)1 << 20)

typedef struct lister {
    struct archive *archive;
    const kin_archive_options *options;
    kin_file_writer unpacked; /* open once a compressed archive was met */
    uint64_t ordinal;
} lister;

bool kin_archive_is_named(const char *path)
{
    static const char *const endings[] = {".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst", ".tlz"};
    const char *base = strrchr(path, '/');
    base = base != NULL ? base + 1 : path;
    size_t length = strlen(base);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && strcasecmp(base + length - ending, endings[i]) == 0) return true;
    }
    const char *last = strrchr(base, '.');
    return last != NULL && last - base > 4 && strncasecmp(last - 4, ".tar", 4) == 0;
}

/* A reader of tar in the compressions that libarchive has within itself: those that need another
 * program would fork, which a rank must not. */
static struct archive *new_reader(void)
{
    struct archive *archive = archive_read_new();
    if (archive == NULL) return NULL;
    archive_read_support_format_tar(archive);
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_bzip2(archive);
    archive_read_support_filter_compress(archive);
    archive_read_support_filter_lzma(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_lz4(archive);
    archive_read_support_filter_zstd(archive);
    return archive;
}

static kin_reason damage_of(struct archive *archive)
{
    const char *text = archive_error_string(archive);
    bool truncated = text != NULL && (strcasestr(text, "truncated") || strcasestr(text, "eof"));
    return truncated ? KIN_REASON_TRUNCATED : KIN_REASON_CORRUPT;
}

/* Reads the member's data, into the file of unpacked members where keep is set. */
static kin_status unpack(lister *l, kin_archive_member *member, bool keep, kin_error *error)
{
    uint64_t done = 0;
    member->unpacked = keep;
    member->offset = keep ? l->unpacked.bytes : 0;
    for (;;) {
        const void *data;
        size_t bytes;
        la_int64_t offset;
        int result = archive_read_data_block(l->archive, &data, &bytes, &offset);
        l->options->tick(l->options->user);
        if (result == ARCHIVE_EOF) break;
        if (result < ARCHIVE_WARN) {
            member->reason = damage_of(l->archive);
            return KIN_OK;
        }
        /* Sparse members leave holes, which no picture has. */
        if ((uint64_t)offset != done) member->reason = KIN_REASON_UNSUPPORTED;
        done += bytes;
        if (!keep || done > member->bytes) continue;
        kin_status status = kin_file_writer_append(&l->unpacked, data, bytes, error);
        if (status != KIN_OK) return status;
    }
    if (done != member->bytes && member->reason == KIN_REASON_NONE)
        member->reason = KIN_REASON_TRUNCATED;
    return KIN_OK;
}

static kin_status list_member(lister *l, struct archive_entry *entry, kin_error *error)
{
    const char *name = archive_entry_pathname(entry);
    if (name == NULL) name = archive_entry_pathname_utf8(entry);
    mode_t type = archive_entry_filetype(entry);
    kin_archive_member member = {.name = name != NULL ? name : "?", .ordinal = l->ordinal++};
    while (strncmp(member.name, "./", 2) == 0 && member.name[2] != 0)
        member.name += 2;
    if (type == AE_IFDIR) return KIN_OK;
    member.link = type == AE_IFLNK || archive_entry_hardlink(entry) != NULL;
    bool compressed = archive_filter_count(l->archive) > 1;
    kin_status status = KIN_OK;
    if (type != AE_IFREG && !member.link) {
        member.reason = KIN_REASON_NOT_A_FILE;
    } else if (!member.link) {
        member.bytes = (uint64_t)archive_entry_size(entry);
        if (archive_entry_sparse_count(entry) > 0) member.reason = KIN_REASON_UNSUPPORTED;
        bool keep = member.bytes <= KIN_PICTURE_BYTES_MAX && l->options->unpack_path != NULL;
        if (compressed && keep && l->unpacked.path == NULL)
            status = kin_file_writer_open(&l->unpacked, l->options->unpack_path, error);
        if (compressed && status == KIN_OK) status = unpack(l, &member, keep, error);
        if (!compressed) member.offset = (uint64_t)archive_filter_bytes(l->archive, 0);
    }
    if (status == KIN_OK) l->options->member(l->options->user, &member);
    return status;
}

static kin_status list_all(lister *l, kin_reason *damage, kin_error *error)
{
    for (;;) {
        struct archive_entry *entry;
        int result = archive_read_next_header(l->archive, &entry);
        l->options->tick(l->options->user);
        if (result == ARCHIVE_EOF) return KIN_OK;
        /* A header that is damaged could be skipped (RETRY): what follows might be anything. */
        if (result == ARCHIVE_RETRY || result < ARCHIVE_WARN) {
            *damage = damage_of(l->archive);
            return KIN_OK;
        }
        kin_status status = list_member(l, entry, error);
        if (status != KIN_OK) return status;
    }
}

/* Ends what opening began; opened is libarchive's answer to it. */
static kin_status list_opened(lister *l, int opened, kin_reason *damage, kin_error *error)
{
    kin_status status = KIN_OK;
    if (opened < ARCHIVE_WARN) *damage = damage_of(l->archive);
    if (opened >= ARCHIVE_WARN) status = list_all(l, damage, error);
    if (status == KIN_OK && l->unpacked.path != NULL)
        status = kin_file_writer_publish(&l->unpacked, error);
    kin_file_writer_discard(&l->unpacked);
    archive_read_free(l->archive);
    return status;
}

kin_status kin_archive_list(const char *path, const kin_archive_options *options,
                            kin_reason *damage, kin_error *error)
{
    lister l = {.options = options, .archive = new_reader()};
    if (l.archive == NULL) return kin_fail(error, KIN_IO, "libarchive does not start");
    *damage = KIN_REASON_NONE;
    int opened = archive_read_open_filename(l.archive, path, READ_BYTES);
    return list_opened(&l, opened, damage, error);
}

kin_status kin_archive_list_memory(const void *data, size_t bytes,
                                   const kin_archive_options *options, kin_reason *damage,
                                   kin_error *error)
{
    lister l = {.options = options, .archive = new_reader()};
    if (l.archive == NULL) return kin_fail(error, KIN_IO, "libarchive does not start");
    *damage = KIN_REASON_NONE;
    int opened = archive_read_open_memory(l.archive, data, bytes);
    return list_opened(&l, opened, damage, error);
}
