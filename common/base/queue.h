/* A bounded queue between threads. When it is full the producer is told, and says so to whoever
 * asked. */
#ifndef COMMON_BASE_QUEUE_H
#define COMMON_BASE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

/* First in, first out, of pointers that the queue does not own. Any thread. */
typedef struct kin_queue kin_queue;

kin_queue *kin_queue_new(uint32_t capacity);
/* The queue is empty or what is in it is lost; no thread waits in it. NULL is fine. */
void kin_queue_destroy(kin_queue **queue);

/* False if the queue is full or closed. Never waits. */
bool kin_queue_push(kin_queue *queue, void *item);

/* Waits for an item; NULL once the queue is closed and empty. */
void *kin_queue_pop(kin_queue *queue);

/* The first item, or with match the first that match(item, like) accepts; NULL at once where there
 * is none. */
void *kin_queue_try_pop(kin_queue *queue, bool (*match)(const void *item, const void *like),
                        const void *like);

/* Nothing goes in any more; what is in comes out. */
void kin_queue_close(kin_queue *queue);

uint32_t kin_queue_count(kin_queue *queue);

#endif
