#include "coordinator/serve/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "coordinator/partition/placement.h"

#define NS_PER_MS 1000000

void kin_fleet_init(kin_fleet *fleet, kin_link *link, const kin_digest *manifest,
                    uint32_t shard_count, uint32_t replicas, uint32_t beat_ms, uint32_t patience_ms)
{
    memset(fleet, 0, sizeof *fleet);
    fleet->link = link;
    fleet->manifest = *manifest;
    fleet->shard_count = shard_count;
    fleet->replicas = replicas;
    fleet->beat_ms = beat_ms;
    fleet->patience_ms = patience_ms;
    fleet->damage = kin_calloc(shard_count, sizeof *fleet->damage);
}

static void worker_destroy(kin_fleet_worker *worker)
{
    free(worker->name);
    free(worker->host);
    free(worker->no_pictures);
    free(worker->serves);
    free(worker->refuses);
    free(worker->assigned);
    free(worker);
}

void kin_fleet_fini(kin_fleet *fleet)
{
    for (uint32_t i = 0; i < fleet->end; i++)
        if (fleet->workers[i] != NULL) worker_destroy(fleet->workers[i]);
    for (uint32_t s = 0; fleet->damage != NULL && s < fleet->shard_count; s++)
        free(fleet->damage[s]);
    free(fleet->damage);
    kin_buffer_fini(&fleet->body);
    memset(fleet, 0, sizeof *fleet);
}

uint32_t kin_fleet_find(const kin_fleet *fleet, const kin_link_peer *peer)
{
    for (uint32_t i = 0; i < fleet->end; i++) {
        const kin_fleet_worker *worker = fleet->workers[i];
        if (worker != NULL && worker->peer.identity_bytes == peer->identity_bytes &&
            memcmp(worker->peer.identity, peer->identity, peer->identity_bytes) == 0)
            return i;
    }
    return KIN_FLEET_NONE;
}

uint32_t kin_fleet_named(const kin_fleet *fleet, kin_bytes name)
{
    for (uint32_t i = 0; i < fleet->end; i++)
        if (fleet->workers[i] != NULL && strlen(fleet->workers[i]->name) == name.bytes &&
            memcmp(fleet->workers[i]->name, name.data, name.bytes) == 0)
            return i;
    return KIN_FLEET_NONE;
}

static void send_to(kin_fleet *fleet, uint32_t i, const kin_message *message)
{
    kin_error error = {0};
    kin_status status = kin_message_build(message, &fleet->body, &error);
    if (status == KIN_OK)
        status = kin_link_send(fleet->link, &fleet->workers[i]->peer, fleet->body.data,
                               fleet->body.bytes);
    if (status != KIN_OK)
        kin_log(KIN_LOG_DEBUG, "cannot tell %s: %s", fleet->workers[i]->name,
                kin_status_word(status));
}

/* --- Who serves what ------------------------------------------------------------------------ */

static bool takes_part(const kin_fleet_worker *worker)
{
    return worker != NULL && !worker->leaving;
}

/* The workers that take part, and what stands for their names. */
static uint32_t members(const kin_fleet *fleet, uint32_t *numbers, uint64_t *hashes)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < fleet->end; i++) {
        if (!takes_part(fleet->workers[i])) continue;
        numbers[count] = i;
        hashes[count++] = fleet->workers[i]->hash;
    }
    return count;
}

/* A place that a worker refuses goes to the next one that has no such place and does not refuse. */
static uint32_t replacement(const kin_fleet *fleet, const uint32_t *numbers, uint32_t count,
                            const uint8_t *wanted, uint32_t shard)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t m = (i + shard) % count;
        if (!fleet->workers[numbers[m]]->refuses[shard] &&
            !wanted[(size_t)m * fleet->shard_count + shard])
            return m;
    }
    return KIN_FLEET_NONE;
}

/* wanted [count][shard_count]: the placement, and what must be kept until that is served. */
static void plan(const kin_fleet *fleet, const uint32_t *numbers, const uint64_t *hashes,
                 uint32_t count, uint8_t *wanted)
{
    uint32_t replicas = fleet->replicas < count ? fleet->replicas : count;
    uint32_t *placement = kin_calloc((size_t)fleet->shard_count * replicas, sizeof *placement);
    kin_placement_compute(hashes, count, fleet->shard_count, replicas, placement);
    for (uint32_t s = 0; s < fleet->shard_count; s++) {
        uint32_t served = 0;
        for (uint32_t r = 0; r < replicas; r++) {
            uint32_t m = placement[s * replicas + r];
            if (fleet->workers[numbers[m]]->refuses[s])
                m = replacement(fleet, numbers, count, wanted, s);
            if (m == KIN_FLEET_NONE) continue;
            wanted[(size_t)m * fleet->shard_count + s] = 1;
            served += fleet->workers[numbers[m]]->serves[s];
        }
        for (uint32_t m = 0; m < count && served < replicas; m++) {
            if (!fleet->workers[numbers[m]]->serves[s]) continue;
            wanted[(size_t)m * fleet->shard_count + s] = 1;
        }
    }
    free(placement);
}

static void assign(kin_fleet *fleet, uint32_t i, const uint8_t *wanted)
{
    kin_fleet_worker *worker = fleet->workers[i];
    if (worker->told && memcmp(worker->assigned, wanted, fleet->shard_count) == 0) return;
    kin_message message = kin_message_of(KIN_MESSAGE_ASSIGN);
    message.beat_ms = fleet->beat_ms;
    message.patience_ms = fleet->patience_ms;
    message.shards = kin_calloc(fleet->shard_count, sizeof *message.shards);
    for (uint32_t s = 0; s < fleet->shard_count; s++) {
        if (wanted[s])
            message.shards[message.shard_count++].shard = s;
        else
            worker->serves[s] = 0; /* questions for it go elsewhere from now on */
    }
    memcpy(worker->assigned, wanted, fleet->shard_count);
    worker->told = true;
    send_to(fleet, i, &message);
    free(message.shards);
}

static void replan(kin_fleet *fleet)
{
    uint32_t numbers[KIN_WORKERS_MAX];
    uint64_t hashes[KIN_WORKERS_MAX];
    uint32_t count = members(fleet, numbers, hashes);
    if (count == 0) return;
    uint8_t *wanted = kin_calloc((size_t)count * fleet->shard_count, 1);
    plan(fleet, numbers, hashes, count, wanted);
    for (uint32_t m = 0; m < count; m++)
        assign(fleet, numbers[m], wanted + (size_t)m * fleet->shard_count);
    free(wanted);
}

/* --- What workers say ----------------------------------------------------------------------- */

static uint32_t worker_new(kin_fleet *fleet, const kin_message *hello)
{
    uint32_t i = 0;
    while (fleet->workers[i] != NULL)
        i++;
    kin_fleet_worker *worker = kin_calloc(1, sizeof *worker);
    worker->name = kin_bytes_text(hello->name);
    worker->hash = kin_checksum(hello->name.data, hello->name.bytes);
    worker->serves = kin_calloc(fleet->shard_count, 1);
    worker->refuses = kin_calloc(fleet->shard_count, 1);
    worker->assigned = kin_calloc(fleet->shard_count, 1);
    fleet->workers[i] = worker;
    fleet->count++;
    if (i >= fleet->end) fleet->end = i + 1;
    return i;
}

kin_status kin_fleet_hello(kin_fleet *fleet, const kin_link_peer *peer, const kin_message *hello,
                           kin_error *error)
{
    if (hello->manifest.bytes != sizeof fleet->manifest.byte ||
        memcmp(hello->manifest.data, fleet->manifest.byte, sizeof fleet->manifest.byte) != 0)
        return kin_fail(error, KIN_MISMATCH,
                        "worker %.*s has another index or generation (%.*s) than this "
                        "coordinator; start both on the same one",
                        (int)hello->name.bytes, (const char *)hello->name.data,
                        (int)hello->generation.bytes, (const char *)hello->generation.data);
    uint32_t i = kin_fleet_find(fleet, peer);
    if (i == KIN_FLEET_NONE && fleet->count == KIN_WORKERS_MAX)
        return kin_fail(error, KIN_LIMIT, "there are %d workers already", KIN_WORKERS_MAX);
    bool known = i != KIN_FLEET_NONE;
    if (!known) i = worker_new(fleet, hello);
    kin_fleet_worker *worker = fleet->workers[i];
    free(worker->host);
    free(worker->no_pictures);
    worker->peer = *peer;
    worker->host = kin_bytes_text(hello->host);
    worker->no_pictures = kin_bytes_text(hello->text);
    worker->pid = hello->pid;
    worker->threads = hello->threads;
    worker->encodes = hello->encodes;
    worker->heard_ns = kin_clock_ns();
    worker->told = false;
    if (!known) kin_log(KIN_LOG_INFO, "worker %s is there", worker->name);
    replan(fleet);
    return KIN_OK;
}

void kin_fleet_ready(kin_fleet *fleet, uint32_t i, const kin_message *ready)
{
    kin_fleet_worker *worker = fleet->workers[i];
    for (uint32_t n = 0; n < ready->shard_count; n++) {
        const kin_message_shard *shard = &ready->shards[n];
        if (shard->shard >= fleet->shard_count) continue;
        bool refuses = shard->error.bytes > 0;
        if (refuses && !worker->refuses[shard->shard]) {
            free(fleet->damage[shard->shard]);
            fleet->damage[shard->shard] = kin_bytes_text(shard->error);
            kin_log(KIN_LOG_ERROR, "worker %s refuses shard %u: %s", worker->name, shard->shard,
                    fleet->damage[shard->shard]);
        }
        worker->refuses[shard->shard] = refuses;
        /* What it was not told in the meantime to drop. */
        worker->serves[shard->shard] = !refuses && worker->assigned[shard->shard];
    }
    replan(fleet);
}

void kin_fleet_bye(kin_fleet *fleet, uint32_t i)
{
    if (fleet->workers[i]->leaving) return;
    fleet->workers[i]->leaving = true;
    kin_log(KIN_LOG_INFO, "worker %s leaves", fleet->workers[i]->name);
    replan(fleet);
}

void kin_fleet_remove(kin_fleet *fleet, uint32_t i)
{
    worker_destroy(fleet->workers[i]);
    fleet->workers[i] = NULL;
    fleet->count--;
    replan(fleet);
}

void kin_fleet_beat(kin_fleet *fleet, int64_t now_ns)
{
    if (now_ns - fleet->beat_ns < (int64_t)fleet->beat_ms * NS_PER_MS) return;
    fleet->beat_ns = now_ns;
    kin_message beat = kin_message_of(KIN_MESSAGE_BEAT);
    for (uint32_t i = 0; i < fleet->end; i++)
        if (fleet->workers[i] != NULL) send_to(fleet, i, &beat);
}

uint32_t kin_fleet_silent(const kin_fleet *fleet, int64_t now_ns)
{
    for (uint32_t i = 0; i < fleet->end; i++)
        if (fleet->workers[i] != NULL &&
            now_ns - fleet->workers[i]->heard_ns > (int64_t)fleet->patience_ms * NS_PER_MS)
            return i;
    return KIN_FLEET_NONE;
}

void kin_fleet_figures(kin_fleet *fleet, uint32_t worker, const kin_message *beat)
{
    uint32_t count = beat->count_count < KIN_FIGURES ? beat->count_count : KIN_FIGURES;
    for (uint32_t i = 0; i < count; i++)
        fleet->workers[worker]->figures[i] = beat->counts[i];
}

/* --- Choices -------------------------------------------------------------------------------- */

/* Of two that could: the one that is not late, then the one with less to do. */
static bool is_better(const kin_fleet *fleet, uint32_t i, uint32_t best)
{
    if (best == KIN_FLEET_NONE) return true;
    const kin_fleet_worker *a = fleet->workers[i], *b = fleet->workers[best];
    return a->late != b->late ? b->late : a->tasks < b->tasks;
}

uint32_t kin_fleet_choose(const kin_fleet *fleet, uint32_t shard, uint32_t avoid)
{
    uint32_t best = KIN_FLEET_NONE;
    for (uint32_t i = 0; i < fleet->end; i++)
        if (i != avoid && takes_part(fleet->workers[i]) && fleet->workers[i]->serves[shard] &&
            is_better(fleet, i, best))
            best = i;
    return best;
}

uint32_t kin_fleet_choose_encoder(const kin_fleet *fleet, uint32_t avoid)
{
    uint32_t best = KIN_FLEET_NONE;
    for (uint32_t i = 0; i < fleet->end; i++)
        if (i != avoid && takes_part(fleet->workers[i]) && fleet->workers[i]->encodes &&
            is_better(fleet, i, best))
            best = i;
    return best;
}

uint32_t kin_fleet_replicas_of(const kin_fleet *fleet, uint32_t shard)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < fleet->end; i++)
        count += takes_part(fleet->workers[i]) && fleet->workers[i]->serves[shard];
    return count;
}

bool kin_fleet_lost(const kin_fleet *fleet, uint32_t shard)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < fleet->end; i++) {
        if (!takes_part(fleet->workers[i])) continue;
        if (!fleet->workers[i]->refuses[shard]) return false;
        count++;
    }
    return count > 0;
}

bool kin_fleet_settled(const kin_fleet *fleet)
{
    for (uint32_t s = 0; s < fleet->shard_count; s++)
        if (kin_fleet_replicas_of(fleet, s) == 0 && !kin_fleet_lost(fleet, s)) return false;
    return true;
}
