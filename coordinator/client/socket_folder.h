/* A folder for the sockets of one process, which only its user may enter. What a killed process
 * left behind is removed by the next one that makes such a folder. */
#ifndef COORDINATOR_CLIENT_SOCKET_FOLDER_H
#define COORDINATOR_CLIENT_SOCKET_FOLDER_H

#include "common/base/status.h"

/* Zeroed is none. */
typedef struct kin_socket_folder {
    char *path; /* short: a socket's path has 107 bytes at most */
    int lock;   /* a file in it that is locked as long as this process lives */
} kin_socket_folder;

KIN_MUST_USE kin_status kin_socket_folder_make(kin_socket_folder *folder, kin_error *error);

/* Removes it with all that is in it; none is fine. */
void kin_socket_folder_remove(kin_socket_folder *folder);

#endif
