/* An answer as text: a table for a person, JSON or tab-separated values for a program. */
#ifndef COORDINATOR_CLIENT_ANSWER_TEXT_H
#define COORDINATOR_CLIENT_ANSWER_TEXT_H

#include "common/base/buffer.h"
#include "coordinator/client/client.h"

typedef enum kin_answer_format {
    KIN_ANSWER_TABLE,
    KIN_ANSWER_JSON,
    KIN_ANSWER_TSV
} kin_answer_format;

/* The first line of the tab-separated form, and of answers that are re-ranked. */
#define KIN_ANSWER_TSV_HEADER "query\trank\tdistance\tid\tkey\n"
#define KIN_ANSWER_TSV_HEADER_RERANK "query\trank\tdistance\tid\tkey\tasymmetric\n"

/* A score (kin_answer's) as a number: 0 to 2. */
double kin_answer_asymmetric(uint32_t score);

/* Appends the answer to the question that name stands for (a file's name, or a code). JSON is one
 * object on one line:
 *   {"query": "q.png", "hits": [{"id": 7, "distance": 3, "key": "a/b.png"}, ...],
 *    "coverage": {"shards": 4, "answered": 4}, "code": "0123456789abcdef",
 *    "generation": "generation-000001",
 *    "certificate": {"fingerprint": "...", "pruned": 0, "kth": 12, "radius": 12, "ties": "kept"},
 *    "total": 40, "histogram": [1, 0, 2]}
 * where `certificate` says how far the answer is proven (radius null: it is not, shards are
 * missing; kth null: there are fewer than k hits; "checked": true where it was compared with a
 * scan), `total` is there for a question with `within`, and counts hits beyond k too, and
 * `histogram` for one that asked for it. Of an answer that is re-ranked, "rerank": N and
 * "reranked": how many of its hits were, stand before the certificate (whose kth is null), and each
 * of these hits has "asymmetric", 1 - the cosine of its values with the question's. A name or key
 * that is not UTF-8 has its bytes in "query_hex" or "key_hex" beside it. */
void kin_answer_append(kin_buffer *out, kin_answer_format format, const char *name,
                       const kin_question *question, const kin_answer *answer);

#endif
