#include "coordinator/client/answer_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/code/values.h"

double kin_answer_asymmetric(uint32_t score)
{
    return (double)score / KIN_VALUES_RIGHT_ANGLE;
}

/* A column of a table: the score, or a dash. */
static void append_score(kin_buffer *out, const kin_answer *answer, uint32_t i)
{
    if (i < answer->score_count)
        kin_buffer_printf(out, "%10.6f  ", kin_answer_asymmetric(answer->scores[i]));
    else if (answer->rerank > 0)
        kin_buffer_printf(out, "%10s  ", "-");
}

static void append_table(kin_buffer *out, const char *name, const kin_question *question,
                         const kin_answer *answer)
{
    char code[KIN_CODE_TEXT_BYTES], count[32], total[32];
    kin_text_append_escaped(out, name, strlen(name));
    kin_buffer_printf(out, "   code %s\n", kin_code_text(&answer->code, answer->bits, code));
    int id_width = 2;
    for (uint32_t i = 0; i < answer->hit_count; i++) {
        int width = snprintf(NULL, 0, "%" PRIu64, answer->hits[i].id);
        if (width > id_width) id_width = width;
    }
    if (answer->hit_count > 0)
        kin_buffer_printf(out, "  rank  distance  %s%*s  key\n",
                          answer->rerank > 0 ? "asymmetric  " : "", id_width, "id");
    for (uint32_t i = 0; i < answer->hit_count; i++) {
        const kin_hit *hit = &answer->hits[i];
        kin_buffer_printf(out, "%6u  %8u  ", i + 1, hit->distance);
        append_score(out, answer, i);
        kin_buffer_printf(out, "%*" PRIu64 "  ", id_width, hit->id);
        kin_text_append_escaped(out, answer->keys[i], answer->key_bytes[i]);
        kin_buffer_append_byte(out, '\n');
    }
    if (question->within >= 0 && answer->hit_count == 0)
        kin_buffer_printf(out, "  no picture within %d bits\n", question->within);
    else if (question->within >= 0 && answer->total_within > answer->hit_count)
        kin_buffer_printf(out, "  the first %s of %s within %d bits; -k asks for more\n",
                          kin_text_count(answer->hit_count, count),
                          kin_text_count(answer->total_within, total), question->within);
    for (int32_t d = 0; answer->histogram != NULL && d <= question->within; d++)
        kin_buffer_printf(out, "%s%6d  %s\n", d == 0 ? "  bits  codes at that distance\n" : "", d,
                          kin_text_count(answer->histogram[d], count));
    if (answer->rerank > 0)
        kin_buffer_printf(out,
                          "  re-ranked: the first %s hits, by the asymmetric distance of their "
                          "values\n",
                          kin_text_count(answer->rerank, count));
    if (answer->any_ties && answer->hit_count == question->k && answer->rerank == 0)
        kin_buffer_printf(out, "  of the hits at %u bits these are any, as --any-ties allows\n",
                          answer->hits[answer->hit_count - 1].distance);
    if (answer->checked)
        kin_buffer_printf(out, "  checked: a scan of all codes of %s gives the same answer\n",
                          answer->generation);
    if (answer->answered < answer->shards)
        kin_buffer_printf(out, "  partial: %u of %u shards answered\n", answer->answered,
                          answer->shards);
}

/* "member": "text", and "member_hex" for what JSON cannot say. */
static void append_member(kin_buffer *out, const char *member, const char *text, size_t bytes)
{
    kin_buffer_printf(out, "\"%s\": ", member);
    kin_text_append_json(out, text, bytes);
    if (kin_text_is_utf8(text, bytes)) return;
    kin_buffer_printf(out, ", \"%s_hex\": \"", member);
    for (size_t i = 0; i < bytes; i++)
        kin_buffer_printf(out, "%02x", (unsigned char)text[i]);
    kin_buffer_append_byte(out, '"');
}

static void append_certificate(kin_buffer *out, const kin_question *question,
                               const kin_answer *answer)
{
    kin_buffer_printf(out, ", \"certificate\": {\"fingerprint\": \"%s\", \"pruned\": %u, \"kth\": ",
                      answer->fingerprint, answer->pruned);
    if (answer->hit_count > 0 && answer->hit_count == question->k && answer->rerank == 0)
        kin_buffer_printf(out, "%u", answer->hits[answer->hit_count - 1].distance);
    else
        kin_buffer_append_string(out, "null");
    if (answer->radius >= 0)
        kin_buffer_printf(out, ", \"radius\": %d", answer->radius);
    else
        kin_buffer_append_string(out, ", \"radius\": null");
    kin_buffer_printf(out, ", \"ties\": \"%s\"%s}", answer->any_ties ? "any" : "kept",
                      answer->checked ? ", \"checked\": true" : "");
}

static void append_json(kin_buffer *out, const char *name, const kin_question *question,
                        const kin_answer *answer)
{
    char code[KIN_CODE_TEXT_BYTES];
    kin_buffer_append_byte(out, '{');
    append_member(out, "query", name, strlen(name));
    kin_buffer_append_string(out, ", \"hits\": [");
    for (uint32_t i = 0; i < answer->hit_count; i++) {
        kin_buffer_printf(out, "%s{\"id\": %" PRIu64 ", \"distance\": %u, ", i > 0 ? ", " : "",
                          answer->hits[i].id, answer->hits[i].distance);
        if (i < answer->score_count)
            kin_buffer_printf(out, "\"asymmetric\": %.9f, ",
                              kin_answer_asymmetric(answer->scores[i]));
        append_member(out, "key", answer->keys[i], answer->key_bytes[i]);
        kin_buffer_append_byte(out, '}');
    }
    kin_buffer_printf(
        out, "], \"coverage\": {\"shards\": %u, \"answered\": %u}, \"code\": \"%s\", ",
        answer->shards, answer->answered, kin_code_text(&answer->code, answer->bits, code));
    append_member(out, "generation", answer->generation, strlen(answer->generation));
    if (answer->rerank > 0)
        kin_buffer_printf(out, ", \"rerank\": %u, \"reranked\": %u", answer->rerank,
                          answer->score_count);
    if (answer->fingerprint[0] != 0) append_certificate(out, question, answer);
    if (question->within >= 0)
        kin_buffer_printf(out, ", \"total\": %" PRIu64, answer->total_within);
    for (int32_t d = 0; answer->histogram != NULL && d <= question->within; d++)
        kin_buffer_printf(out, "%s%" PRIu64, d == 0 ? ", \"histogram\": [" : ", ",
                          answer->histogram[d]);
    kin_buffer_append_string(out, answer->histogram != NULL ? "]}\n" : "}\n");
}

static void append_tsv(kin_buffer *out, const char *name, const kin_answer *answer)
{
    for (uint32_t i = 0; i < answer->hit_count; i++) {
        kin_text_append_escaped(out, name, strlen(name));
        kin_buffer_printf(out, "\t%u\t%u\t%" PRIu64 "\t", i + 1, answer->hits[i].distance,
                          answer->hits[i].id);
        kin_text_append_escaped(out, answer->keys[i], answer->key_bytes[i]);
        if (i < answer->score_count)
            kin_buffer_printf(out, "\t%.9f", kin_answer_asymmetric(answer->scores[i]));
        else if (answer->rerank > 0)
            kin_buffer_append_byte(out, '\t');
        kin_buffer_append_byte(out, '\n');
    }
}

void kin_answer_append(kin_buffer *out, kin_answer_format format, const char *name,
                       const kin_question *question, const kin_answer *answer)
{
    if (format == KIN_ANSWER_JSON)
        append_json(out, name, question, answer);
    else if (format == KIN_ANSWER_TSV)
        append_tsv(out, name, answer);
    else
        append_table(out, name, question, answer);
}
