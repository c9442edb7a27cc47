/* `kindred search --codes`: a file of codes, asked as a batch. */
#ifndef COORDINATOR_CLIENT_CODES_SEARCH_H
#define COORDINATOR_CLIENT_CODES_SEARCH_H

#include "coordinator/client/ask.h"

/* Asks for every code of path (.npy, uint8 [n][bits / 8]); batch says the rest. The answers go to
 * standard output, a JSON object {"query": i, "hits": [{"id": 7, "distance": 3}, ...]} a line, or
 * into output (.npy, int64 [n][k][2]: id and distance, -1 and -1 behind the last hit). With
 * ask->check they are compared with those of a scan. Closes ask; returns what the program returns.
 */
kin_exit kin_codes_search(kin_ask *ask, const char *path, kin_batch batch, const char *output);

#endif
