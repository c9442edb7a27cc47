#include "worker/search/probe.h"

#include "common/base/clock.h"
#include "common/base/random.h"

/* Buckets between asking for a bucket's start, for its entries, and reading them: memory answers in
 * about 100 ns, and a bucket takes 10 to 30. */
#define STARTS_AHEAD 24
#define GROUPS_AHEAD 12
#define RING 64
/* Lines of a run that are asked for; the processor sees by itself how longer ones go on. */
#define LINES_AHEAD 10
/* Entries of the first look into a run while nothing bounds the distance: all of them are hits. */
#define FIRST_ENTRIES 64
/* Entries and buckets (one counts as so many entries) between two looks at the clock. */
#define LOOK_ENTRIES 262144
#define LOOK_BUCKET 64
#define SAMPLES 32

void kin_probe_begin(kin_probe *probe, const kin_codes_view *codes, kin_search_query *query,
                     kin_found_places *places, kin_cpu_level level)
{
    probe->codes = codes;
    probe->query = query;
    probe->places = places;
    probe->entries = probe->buckets = probe->look_at = 0;
    probe->foreseen_ns = 0;
    kin_found_begin(&probe->found, codes, query);
    for (uint32_t j = 0; j < codes->table_count; j++) {
        const kin_code_table *table = &codes->table[j];
        kin_probe_table *mine = &probe->table[j];
        uint32_t next = j + 1 < codes->table_count ? table[1].rotation : codes->bits;
        uint32_t part = next - table->rotation;
        mine->part_bits = part < table->bucket_bits ? part : table->bucket_bits;
        mine->shells = 0;
        mine->kernel = kin_group_kernel_get(table, level);
        mine->turned = query->code;
        kin_code_rotate(&mine->turned, codes->bits, table->rotation);
        kin_group_query_set(&mine->groups, table, &mine->turned);
    }
}

bool kin_probe_is_late(kin_probe *probe)
{
    uint64_t work = probe->entries + LOOK_BUCKET * probe->buckets;
    kin_search_query *query = probe->query;
    if (work >= probe->look_at) {
        probe->look_at = work + LOOK_ENTRIES;
        if (query->status == KIN_OK && query->deadline_ns != INT64_MAX &&
            kin_clock_ns() > query->deadline_ns)
            query->status = KIN_DEADLINE;
    }
    return query->status != KIN_OK;
}

/* The first `bits` bits (up to 32) of a difference of turned codes, turned by `rotation` more. */
static inline uint32_t part_of(const kin_code *difference, uint32_t code_bits, uint32_t rotation,
                               uint32_t bits)
{
    uint32_t words = code_bits / 64, word = rotation / 64 % words, shift = rotation % 64;
    uint64_t high = difference->word[word];
    if (shift > 0) high = high << shift | difference->word[(word + 1) % words] >> (64 - shift);
    return bits == 0 ? 0 : (uint32_t)(high >> (64 - bits));
}

/* Whether a code, given by its turned difference to the query, was seen through a table: then its
 * part is among the shells that were read. */
static bool was_seen(const kin_probe *probe, const kin_probe_run *run, const kin_code *turned)
{
    const kin_codes_view *codes = probe->codes;
    kin_code difference = *turned;
    for (uint32_t i = 0; i < codes->bits / 64; i++)
        difference.word[i] ^= probe->table[run->table].turned.word[i];
    for (uint32_t j = 0; j < codes->table_count; j++) {
        const kin_probe_table *other = &probe->table[j];
        if (other->shells == 0 || (j == run->table && !run->is_scan)) continue;
        uint32_t rotation =
            codes->table[j].rotation + codes->bits - codes->table[run->table].rotation;
        uint32_t part = part_of(&difference, codes->bits, rotation % codes->bits, other->part_bits);
        if ((uint32_t)__builtin_popcount(part) < other->shells) return true;
    }
    return false;
}

/* The bucket that holds the entry, among those that start with the run's prefix. */
static uint32_t bucket_of(const kin_code_table *table, const kin_probe_run *run, uint64_t entry)
{
    uint32_t more = table->bucket_bits - run->prefix_bits;
    uint32_t low = run->prefix << more, high = low + ((uint32_t)1 << more);
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        uint64_t first, last;
        kin_table_range(table, middle, 1, &first, &last);
        if (entry < first)
            high = middle;
        else
            low = middle;
    }
    return low;
}

/* A candidate: its distance lacks the bits between the run's prefix and its bucket. */
static void take(kin_probe *probe, const kin_probe_run *run, uint64_t entry, uint32_t distance)
{
    const kin_code_table *table = &probe->codes->table[run->table];
    const kin_probe_table *mine = &probe->table[run->table];
    uint32_t more = table->bucket_bits - run->prefix_bits, bucket = run->prefix;
    if (more > 0) {
        bucket = bucket_of(table, run, entry);
        uint32_t other = bucket ^ kin_table_bucket_of(&mine->turned, table->bucket_bits);
        distance += (uint32_t)__builtin_popcount(other & (((uint32_t)1 << more) - 1));
    }
    if ((int)distance > kin_found_radius(&probe->found)) return;
    kin_code turned;
    kin_table_entry(table, entry, bucket, &turned);
    if (!was_seen(probe, run, &turned))
        kin_found_add(&probe->found, run->table, bucket, entry, &turned, distance, probe->places);
}

/* Where the run of codes that are equal to the last one found ends, if it goes on at `first`. */
static uint64_t skip_equal(kin_probe *probe, const kin_probe_run *run, uint64_t first)
{
    const kin_code_table *table = &probe->codes->table[run->table];
    kin_found *found = &probe->found;
    if (found->count == 0 || first >= run->last) return first;
    const kin_found_run *last = &found->runs[found->count - 1];
    if (last->table != run->table || last->entry + last->count != first ||
        last->count < KIN_RUN_MAX)
        return first;
    uint64_t low = first,
             high = run->last; /* codes before low are equal, those from high are not */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        kin_code turned;
        kin_table_entry(table, middle, last->bucket, &turned);
        if (bucket_of(table, run, middle) == last->bucket &&
            kin_code_compare(&turned, &found->last) == 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > first) kin_found_extend(found, low - first);
    return low;
}

void kin_probe_read(kin_probe *probe, const kin_probe_run *run)
{
    const kin_code_table *table = &probe->codes->table[run->table];
    const kin_probe_table *mine = &probe->table[run->table];
    kin_candidate candidates[KIN_RUN_MAX];
    uint64_t first = run->first;
    while (first < run->last) {
        int radius = kin_found_radius(&probe->found);
        if ((int)run->distance > radius) return;
        uint64_t left = run->last - first, most = KIN_RUN_MAX;
        if (radius == (int)probe->codes->bits && !probe->query->count_within) most = FIRST_ENTRIES;
        uint32_t count = (uint32_t)(left < most ? left : most);
        uint32_t found = mine->kernel(table->groups + first / KIN_TABLE_GROUP * table->group_bytes,
                                      (uint32_t)(first % KIN_TABLE_GROUP), count, &mine->groups,
                                      (uint32_t)radius - run->distance, candidates);
        for (uint32_t i = 0; i < found; i++)
            take(probe, run, first + candidates[i].row, run->distance + candidates[i].distance);
        probe->entries += count;
        first += count;
        if (found > 0) first = skip_equal(probe, run, first);
        if (kin_probe_is_late(probe)) return;
    }
}

/* The next number with as many ones. */
static inline uint32_t next_of_weight(uint32_t mask)
{
    uint32_t low = mask & -mask, ripple = mask + low;
    return ripple | ((mask ^ ripple) >> 2) >> __builtin_ctz(mask);
}

static uint64_t choose(uint32_t n, uint32_t k)
{
    uint64_t count = 1;
    for (uint32_t i = 0; i < k; i++)
        count = count * (n - i) / (i + 1);
    return k > n ? 0 : count;
}

static inline void ask_for_starts(const kin_code_table *table, uint64_t bucket)
{
    __builtin_prefetch((const uint8_t *)table->starts + bucket * table->start_bytes);
}

static inline void ask_for_groups(const kin_code_table *table, uint64_t first, uint64_t last)
{
    const uint8_t *from = table->groups + first / KIN_TABLE_GROUP * table->group_bytes;
    const uint8_t *to =
        table->groups + (last + KIN_TABLE_GROUP - 1) / KIN_TABLE_GROUP * table->group_bytes;
    if (first == last) return;
    if (to > from + (size_t)64 * LINES_AHEAD) to = from + (size_t)64 * LINES_AHEAD;
    for (; from < to; from += 64)
        __builtin_prefetch(from);
    __builtin_prefetch(to - 1);
}

void kin_probe_shell(kin_probe *probe, uint32_t j)
{
    const kin_code_table *table = &probe->codes->table[j];
    kin_probe_table *mine = &probe->table[j];
    uint32_t weight = mine->shells, more = table->bucket_bits - mine->part_bits;
    uint32_t part = kin_table_bucket_of(&mine->turned, mine->part_bits);
    uint32_t mask = ((uint32_t)1 << weight) - 1;
    uint64_t count = choose(mine->part_bits, weight);
    int proven = kin_probe_proven(probe);
    struct {
        uint32_t prefix;
        uint64_t first, last;
    } ring[RING];
    for (uint64_t i = 0; i < count + STARTS_AHEAD + GROUPS_AHEAD; i++) {
        if (i < count) {
            ring[i % RING].prefix = part ^ mask;
            ask_for_starts(table, (uint64_t)(part ^ mask) << more);
            if (weight > 0) mask = next_of_weight(mask);
        }
        uint64_t at = i - STARTS_AHEAD; /* wraps below 0: far above count */
        if (at < count) {
            kin_table_range(table, (uint64_t)ring[at % RING].prefix << more, (uint64_t)1 << more,
                            &ring[at % RING].first, &ring[at % RING].last);
            ask_for_groups(table, ring[at % RING].first, ring[at % RING].last);
        }
        at = i - STARTS_AHEAD - GROUPS_AHEAD;
        if (at >= count) continue;
        kin_probe_read(probe, &(kin_probe_run){.table = j,
                                               .prefix = ring[at % RING].prefix,
                                               .prefix_bits = mine->part_bits,
                                               .distance = weight,
                                               .first = ring[at % RING].first,
                                               .last = ring[at % RING].last});
        probe->buckets++;
        if (kin_found_radius(&probe->found) <= proven || kin_probe_is_late(probe)) break;
    }
    mine->shells++; /* broken off only if nothing beyond can matter, or all is in vain */
}

double kin_probe_shell_entries(const kin_probe *probe, uint32_t j, uint32_t weight, double *buckets)
{
    const kin_code_table *table = &probe->codes->table[j];
    const kin_probe_table *mine = &probe->table[j];
    uint32_t more = table->bucket_bits - mine->part_bits;
    uint32_t part = kin_table_bucket_of(&mine->turned, mine->part_bits);
    uint64_t count = choose(mine->part_bits, weight), sum = 0;
    uint32_t samples = count < SAMPLES ? (uint32_t)count : SAMPLES;
    uint32_t mask = ((uint32_t)1 << weight) - 1, masks[SAMPLES];
    kin_random random = {.state = part + weight};
    *buckets = (double)count;
    for (uint32_t i = 0; i < samples; i++) {
        masks[i] = mask;
        if (count > SAMPLES) { /* as many different bits, at random */
            masks[i] = 0;
            while ((uint32_t)__builtin_popcount(masks[i]) < weight)
                masks[i] |= (uint32_t)1 << kin_random_below(&random, mine->part_bits);
        } else if (weight > 0) {
            mask = next_of_weight(mask);
        }
        ask_for_starts(table, (uint64_t)(part ^ masks[i]) << more);
    }
    for (uint32_t i = 0; i < samples; i++) {
        uint64_t first, last;
        kin_table_range(table, (uint64_t)(part ^ masks[i]) << more, (uint64_t)1 << more, &first,
                        &last);
        sum += last - first;
    }
    return samples == 0 ? 0 : (double)sum * (double)count / samples;
}
