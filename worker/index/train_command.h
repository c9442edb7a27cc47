/* `kindred-index train`: learns a hasher from a data set and writes its file. */
#ifndef WORKER_INDEX_TRAIN_COMMAND_H
#define WORKER_INDEX_TRAIN_COMMAND_H

/* argv[0] is the command's name. Returns the exit code. */
int kin_train_command(int argc, char **argv);

#endif
