#include "coordinator/client/index_report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/base/text.h"
#include "proto/encoder_quality.h"

#define HISTOGRAM_BINS 10
#define DISTANCE_BINS 16
#define BAR_WIDTH 40         /* characters of the longest bar */
#define SHARDS_SHOWN_MAX 16  /* more are a matter for --json */
#define CORRELATIONS_SHOWN 3 /* the worst ones */

/* Bits in one coin with that chance of heads. */
static double entropy(double chance)
{
    if (chance <= 0 || chance >= 1) return 0;
    return -chance * log2(chance) - (1 - chance) * log2(1 - chance);
}

static unsigned bits_of(const kin_manifest *manifest, uint32_t learned_bits)
{
    return learned_bits > 0 && learned_bits < manifest->bits ? learned_bits : manifest->bits;
}

void kin_index_figures_compute(kin_index_figures *figures, const kin_manifest *manifest,
                               uint32_t learned_bits)
{
    memset(figures, 0, sizeof *figures);
    for (int reason = 0; reason < KIN_REASON_COUNT; reason++)
        figures->rejected += manifest->rejected[reason];
    uint64_t largest = 0;
    for (uint32_t i = 0; i < manifest->shard_count; i++) {
        figures->shard_bytes += manifest->shards[i].bytes;
        if (manifest->shards[i].count > largest) largest = manifest->shards[i].count;
    }
    if (manifest->indexed == 0) return;
    double pictures = (double)manifest->indexed;
    figures->bytes_a_picture = (double)figures->shard_bytes / pictures;
    figures->balance = (double)largest * manifest->shard_count / pictures;
    for (unsigned i = 0; i < bits_of(manifest, learned_bits); i++) {
        uint64_t ones = manifest->bit_ones[i];
        figures->dead_bits += ones == 0 || ones == manifest->indexed;
        figures->entropy_bits += entropy((double)ones / pictures);
    }
    double distinct = log2((double)manifest->distinct_codes);
    if (distinct < figures->entropy_bits) figures->entropy_bits = distinct;
}

static void append_rejected(kin_buffer *out, const kin_manifest *manifest)
{
    char count[32];
    for (int reason = 1; reason < KIN_REASON_COUNT; reason++)
        if (manifest->rejected[reason] > 0)
            kin_buffer_printf(out, "    %-14s %12s\n", kin_reason_word((kin_reason)reason),
                              kin_text_count(manifest->rejected[reason], count));
    if (manifest->links_not_followed > 0)
        kin_buffer_printf(out, "  links not followed: %s\n",
                          kin_text_count(manifest->links_not_followed, count));
}

static void append_shards(kin_buffer *out, const kin_manifest *manifest)
{
    char first[KIN_CODE_TEXT_BYTES], last[KIN_CODE_TEXT_BYTES], count[32], bytes[32];
    uint32_t shown =
        manifest->shard_count < SHARDS_SHOWN_MAX ? manifest->shard_count : SHARDS_SHOWN_MAX;
    for (uint32_t i = 0; i < shown; i++) {
        const kin_manifest_shard *shard = &manifest->shards[i];
        kin_code_text(&shard->first, manifest->bits, first);
        kin_code_text(&shard->last, manifest->bits, last);
        kin_buffer_printf(out, "  %-15s %.16s - %.16s %12s  %s\n", shard->file, first, last,
                          kin_text_count(shard->count, count), kin_text_bytes(shard->bytes, bytes));
    }
    if (shown < manifest->shard_count)
        kin_buffer_printf(out, "  ... and %u more (--json lists all)\n",
                          manifest->shard_count - shown);
}

/* How many bits are 1 in 0-10 %, 10-20 %, ... of the pictures: good codes are near 50 %. */
static void append_histogram(kin_buffer *out, const kin_manifest *manifest, unsigned bits)
{
    unsigned bin[HISTOGRAM_BINS] = {0}, largest = 1;
    for (unsigned i = 0; i < bits; i++) {
        double share = (double)manifest->bit_ones[i] / (double)manifest->indexed;
        unsigned b = (unsigned)(share * HISTOGRAM_BINS);
        if (b >= HISTOGRAM_BINS) b = HISTOGRAM_BINS - 1;
        if (++bin[b] > largest) largest = bin[b];
    }
    kin_buffer_append_string(out, "  share of ones    bits (near 50 % is good)\n");
    for (unsigned b = 0; b < HISTOGRAM_BINS; b++) {
        char bar[BAR_WIDTH + 1] = "";
        memset(bar, '#', (bin[b] * BAR_WIDTH + largest - 1) / largest);
        kin_buffer_printf(out, "    %3u - %3u %%  %5u%s%s\n", b * 10, b * 10 + 10, bin[b],
                          bin[b] > 0 ? "  " : "", bar);
    }
}

static void append_health(kin_buffer *out, const kin_manifest *manifest,
                          const kin_index_figures *figures, uint32_t learned_bits)
{
    unsigned bits = bits_of(manifest, learned_bits);
    char distinct[32], largest[32];
    kin_buffer_printf(out, "\ncode health\n  distinct codes  %s, the commonest of %s pictures\n",
                      kin_text_count(manifest->distinct_codes, distinct),
                      kin_text_count(manifest->largest_bucket, largest));
    kin_buffer_printf(out, "  entropy         at most %.1f of %u bits\n  dead bits       %u\n",
                      figures->entropy_bits, bits, figures->dead_bits);
    if (manifest->correlation_count > 0) kin_buffer_append_string(out, "  correlated bits ");
    for (uint32_t i = 0; i < manifest->correlation_count && i < CORRELATIONS_SHOWN; i++)
        kin_buffer_printf(out, "%s%u and %u (%+.2f)", i > 0 ? ", " : "", manifest->correlation[i].a,
                          manifest->correlation[i].b, manifest->correlation[i].phi);
    if (manifest->correlation_count > 0) kin_buffer_append_byte(out, '\n');
    append_histogram(out, manifest, bits);
}

/* How far apart pictures are that have nothing to do with each other: far more spread than fair
 * bits means bits that say the same. */
static void append_distances(kin_buffer *out, unsigned bits, const kin_code_survey *survey)
{
    char pairs[32], codes[32];
    unsigned bin_bits = (bits + DISTANCE_BINS - 1) / DISTANCE_BINS;
    uint64_t bin[DISTANCE_BINS + 1] = {0}, largest = 1;
    for (unsigned d = 0; d <= bits; d++) {
        bin[d / bin_bits] += survey->at[d];
        if (bin[d / bin_bits] > largest) largest = bin[d / bin_bits];
    }
    kin_buffer_printf(out,
                      "  distances       mean %.1f, deviation %.1f bits (independent fair bits: "
                      "%.1f, %.1f)\n",
                      survey->mean, survey->deviation, bits / 2.0, sqrt(bits) / 2);
    kin_buffer_printf(out, "  distance         pairs (%s of %s codes)\n",
                      kin_text_count(survey->pairs, pairs), kin_text_count(survey->codes, codes));
    for (unsigned b = 0; b <= DISTANCE_BINS; b++) {
        char bar[BAR_WIDTH + 1] = "";
        unsigned first = b * bin_bits, last = first + bin_bits - 1;
        if (first > bits || (b == DISTANCE_BINS && bin[b] == 0)) break;
        memset(bar, '#', (size_t)((bin[b] * BAR_WIDTH + largest - 1) / largest));
        kin_buffer_printf(out, "    %3u - %3u  %5.1f %%%s%s\n", first, last < bits ? last : bits,
                          100 * (double)bin[b] / (double)survey->pairs, bin[b] > 0 ? "  " : "",
                          bar);
    }
}

/* Codes may have fewer bits than are stored: said beside the hasher's name. */
static void append_encoder(kin_buffer *out, const kin_manifest *manifest,
                           const kin_index_card *card, const char *digest)
{
    kin_buffer_printf(out, "\nencoder %.32s\n  code            %u bits by %s", digest,
                      manifest->bits, manifest->hasher);
    if (bits_of(manifest, card->learned_bits) < manifest->bits)
        kin_buffer_printf(out, ", %u learned,", (unsigned)card->learned_bits);
    kin_buffer_printf(out, " of %s (%u numbers)\n", manifest->features, manifest->dimensions);
}

static void append_quality(kin_buffer *out, const kin_index_card *card)
{
    kin_buffer sentence = {0};
    kin_encoder_quality_sentence(&sentence, &card->quality);
    if (sentence.bytes > 0) {
        kin_buffer_append_string(out, "  measured        ");
        kin_buffer_append(out, sentence.data, sentence.bytes);
        kin_buffer_append_byte(out, '\n');
    }
    kin_buffer_fini(&sentence);
}

void kin_index_report_append(kin_buffer *out, const char *index, const char *generation,
                             const kin_manifest *manifest, const kin_index_card *card,
                             const kin_code_survey *survey)
{
    kin_index_figures figures;
    kin_index_figures_compute(&figures, manifest, card->learned_bits);
    char count[32], bytes[32], picture_bytes[32], digest[33];
    kin_digest_text(&manifest->fingerprint, digest);
    kin_text_append_escaped(out, index, strlen(index));
    kin_buffer_printf(out, ", %s\n", generation);
    kin_buffer_printf(out, "  indexed         %12s\n", kin_text_count(manifest->indexed, count));
    kin_buffer_printf(out, "  rejected        %12s\n", kin_text_count(figures.rejected, count));
    append_rejected(out, manifest);
    kin_buffer_printf(out, "  size            %s, %.0f bytes a picture; the pictures are %s\n",
                      kin_text_bytes(figures.shard_bytes, bytes), figures.bytes_a_picture,
                      kin_text_bytes(manifest->picture_bytes, picture_bytes));
    if (manifest->thumbnail_side > 0)
        kin_buffer_printf(out, "  thumbnails      %u pixels\n", manifest->thumbnail_side);
    else
        kin_buffer_append_string(out, "  thumbnails      none\n");
    if (manifest->value_dimensions > 0)
        kin_buffer_printf(out, "  re-ranking      %u values of 8 bits a picture, %s\n",
                          manifest->value_dimensions,
                          kin_text_bytes(manifest->value_dimensions * manifest->indexed, bytes));
    else
        kin_buffer_append_string(out, "  re-ranking      no values are kept (build --rerank)\n");
    append_encoder(out, manifest, card, digest);
    kin_buffer_printf(
        out, "  learned from    %s pictures, seed %" PRIu64 "\n  decoder         %s\n",
        kin_text_count(manifest->training_pictures, count), manifest->seed, manifest->decoder);
    append_quality(out, card);
    kin_buffer_printf(out, "\n%u shard%s, the largest %.2f times the mean\n", manifest->shard_count,
                      manifest->shard_count == 1 ? "" : "s", figures.balance);
    append_shards(out, manifest);
    if (manifest->indexed > 0) append_health(out, manifest, &figures, card->learned_bits);
    if (survey != NULL && survey->pairs > 0)
        append_distances(out, bits_of(manifest, card->learned_bits), survey);
}
