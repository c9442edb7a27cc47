#include "common/base/queue.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/memory.h"

struct kin_queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    uint32_t capacity, first, count;
    bool closed;
    void **items; /* [capacity], a ring */
};

kin_queue *kin_queue_new(uint32_t capacity)
{
    KIN_CHECK(capacity >= 1);
    kin_queue *queue = kin_calloc(1, sizeof *queue);
    queue->items = kin_calloc(capacity, sizeof *queue->items);
    queue->capacity = capacity;
    KIN_CHECK(pthread_mutex_init(&queue->lock, NULL) == 0);
    KIN_CHECK(pthread_cond_init(&queue->filled, NULL) == 0);
    return queue;
}

void kin_queue_destroy(kin_queue **queue)
{
    if (*queue == NULL) return;
    pthread_cond_destroy(&(*queue)->filled);
    pthread_mutex_destroy(&(*queue)->lock);
    free((*queue)->items);
    free(*queue);
    *queue = NULL;
}

static void **slot(kin_queue *queue, uint32_t i)
{
    return &queue->items[(queue->first + i) % queue->capacity];
}

/* Takes out item i; the order of the others stays. Under the lock. */
static void *take(kin_queue *queue, uint32_t i)
{
    void *item = *slot(queue, i);
    for (; i > 0; i--)
        *slot(queue, i) = *slot(queue, i - 1);
    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
    return item;
}

bool kin_queue_push(kin_queue *queue, void *item)
{
    pthread_mutex_lock(&queue->lock);
    bool room = !queue->closed && queue->count < queue->capacity;
    if (room) {
        *slot(queue, queue->count++) = item;
        pthread_cond_signal(&queue->filled);
    }
    pthread_mutex_unlock(&queue->lock);
    return room;
}

void *kin_queue_pop(kin_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->count == 0 && !queue->closed)
        pthread_cond_wait(&queue->filled, &queue->lock);
    void *item = queue->count > 0 ? take(queue, 0) : NULL;
    pthread_mutex_unlock(&queue->lock);
    return item;
}

void *kin_queue_try_pop(kin_queue *queue, bool (*match)(const void *item, const void *like),
                        const void *like)
{
    void *item = NULL;
    pthread_mutex_lock(&queue->lock);
    for (uint32_t i = 0; i < queue->count && item == NULL; i++)
        if (match == NULL || match(*slot(queue, i), like)) item = take(queue, i);
    pthread_mutex_unlock(&queue->lock);
    return item;
}

void kin_queue_close(kin_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->filled);
    pthread_mutex_unlock(&queue->lock);
}

uint32_t kin_queue_count(kin_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    uint32_t count = queue->count;
    pthread_mutex_unlock(&queue->lock);
    return count;
}
