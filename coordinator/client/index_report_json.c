#include <inttypes.h>
#include <string.h>

#include "common/base/text.h"
#include "coordinator/client/index_report.h"
#include "proto/encoder_quality.h"

static void append_string(kin_buffer *out, const char *member, const char *text)
{
    kin_buffer_printf(out, "\"%s\": ", member);
    kin_text_append_json(out, text, strlen(text));
    kin_buffer_append_string(out, ", ");
}

static void append_rejected(kin_buffer *out, const kin_manifest *manifest)
{
    const char *separator = "";
    kin_buffer_append_string(out, "\"rejected_by_reason\": {");
    for (int reason = 1; reason < KIN_REASON_COUNT; reason++) {
        if (manifest->rejected[reason] == 0) continue;
        kin_buffer_printf(out, "%s\"%s\": %" PRIu64, separator, kin_reason_word((kin_reason)reason),
                          manifest->rejected[reason]);
        separator = ", ";
    }
    kin_buffer_append_string(out, "}, ");
}

static void append_encoder(kin_buffer *out, const kin_manifest *manifest,
                           const kin_index_card *card)
{
    char digest[33];
    kin_digest_text(&manifest->fingerprint, digest);
    kin_buffer_append_string(out, "\"encoder\": {");
    append_string(out, "fingerprint", digest);
    append_string(out, "features", manifest->features);
    append_string(out, "hasher", manifest->hasher);
    append_string(out, "decoder", manifest->decoder);
    kin_buffer_printf(out,
                      "\"dimensions\": %u, \"training_pictures\": %" PRIu64 ", \"seed\": %" PRIu64,
                      manifest->dimensions, manifest->training_pictures, manifest->seed);
    if (card->learned_bits > 0)
        kin_buffer_printf(out, ", \"learned_bits\": %u", (unsigned)card->learned_bits);
    if (card->quality.bytes > 0) {
        kin_buffer_append_string(out, ", \"quality\": ");
        kin_encoder_quality_json(out, &card->quality);
    }
    kin_buffer_append_string(out, "}, ");
}

static void append_shards(kin_buffer *out, const kin_manifest *manifest)
{
    char first[KIN_CODE_TEXT_BYTES], last[KIN_CODE_TEXT_BYTES];
    kin_buffer_append_string(out, "\"shards\": [");
    for (uint32_t i = 0; i < manifest->shard_count; i++) {
        const kin_manifest_shard *shard = &manifest->shards[i];
        kin_buffer_printf(out, "%s{", i > 0 ? ", " : "");
        append_string(out, "file", shard->file);
        append_string(out, "first", kin_code_text(&shard->first, manifest->bits, first));
        append_string(out, "last", kin_code_text(&shard->last, manifest->bits, last));
        kin_buffer_printf(out, "\"count\": %" PRIu64 ", \"bytes\": %" PRIu64 "}", shard->count,
                          shard->bytes);
    }
    kin_buffer_append_string(out, "], ");
}

static void append_distances(kin_buffer *out, const kin_manifest *manifest,
                             const kin_code_survey *survey)
{
    kin_buffer_printf(out,
                      ", \"distances\": {\"codes\": %u, \"pairs\": %" PRIu64
                      ", \"mean\": %.4f, \"deviation\": %.4f, \"at\": [",
                      survey->codes, survey->pairs, survey->mean, survey->deviation);
    for (unsigned d = 0; d <= manifest->bits; d++)
        kin_buffer_printf(out, "%s%" PRIu64, d > 0 ? ", " : "", survey->at[d]);
    kin_buffer_append_string(out, "]}");
}

static void append_health(kin_buffer *out, const kin_manifest *manifest,
                          const kin_index_figures *figures, const kin_code_survey *survey)
{
    kin_buffer_printf(out,
                      "\"code\": {\"distinct\": %" PRIu64 ", \"largest_bucket\": %" PRIu64
                      ", \"entropy_bits\": %.3f, \"dead_bits\": %u, \"ones\": [",
                      manifest->distinct_codes, manifest->largest_bucket, figures->entropy_bits,
                      figures->dead_bits);
    for (unsigned i = 0; i < manifest->bits; i++)
        kin_buffer_printf(out, "%s%" PRIu64, i > 0 ? ", " : "", manifest->bit_ones[i]);
    kin_buffer_append_string(out, "], \"correlations\": [");
    for (uint32_t i = 0; i < manifest->correlation_count; i++)
        kin_buffer_printf(out, "%s{\"a\": %u, \"b\": %u, \"phi\": %.4f}", i > 0 ? ", " : "",
                          manifest->correlation[i].a, manifest->correlation[i].b,
                          manifest->correlation[i].phi);
    kin_buffer_append_byte(out, ']');
    if (survey != NULL && survey->pairs > 0) append_distances(out, manifest, survey);
    kin_buffer_append_byte(out, '}');
}

void kin_index_report_append_json(kin_buffer *out, const char *index, const char *generation,
                                  const kin_manifest *manifest, const kin_index_card *card,
                                  const kin_code_survey *survey)
{
    kin_index_figures figures;
    kin_index_figures_compute(&figures, manifest, card->learned_bits);
    kin_buffer_append_byte(out, '{');
    append_string(out, "index", index);
    append_string(out, "generation", generation);
    kin_buffer_printf(out,
                      "\"inputs\": %" PRIu64 ", \"indexed\": %" PRIu64 ", \"rejected\": %" PRIu64
                      ", \"links_not_followed\": %" PRIu64 ", ",
                      manifest->inputs, manifest->indexed, figures.rejected,
                      manifest->links_not_followed);
    append_rejected(out, manifest);
    kin_buffer_printf(out,
                      "\"bits\": %u, \"thumbnail_side\": %u, \"picture_bytes\": %" PRIu64
                      ", \"shard_bytes\": %" PRIu64
                      ", \"bytes_a_picture\": %.1f, \"balance\": %.4f, "
                      "\"value_dimensions\": %u, \"value_bytes\": %" PRIu64 ", ",
                      manifest->bits, manifest->thumbnail_side, manifest->picture_bytes,
                      figures.shard_bytes, figures.bytes_a_picture, figures.balance,
                      manifest->value_dimensions, manifest->value_dimensions * manifest->indexed);
    append_encoder(out, manifest, card);
    append_shards(out, manifest);
    append_health(out, manifest, &figures, survey);
    kin_buffer_append_string(out, "}\n");
}
