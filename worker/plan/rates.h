/* The rates of this machine, kept between runs: $XDG_CACHE_HOME/kindred/rates-HOST, else in
 * ~/.cache. A file of figures (proto/FIGURES.md); each kind of job has a prefix, and PREFIX.made is
 * the Unix time at which it was measured. */
#ifndef WORKER_PLAN_RATES_H
#define WORKER_PLAN_RATES_H

#include "proto/figures.h"

/* What the rates are of: processor, number of processors, memory, instruction set. */
void kin_rates_machine(char text[KIN_FIGURES_MACHINE_BYTES]);

/* The caller frees; NULL where there is neither XDG_CACHE_HOME nor HOME. */
char *kin_rates_path(void);

/* rates is usable whatever comes of it: empty, and of this machine, where nothing could be used.
 * KIN_NOT_FOUND: no file; KIN_CORRUPT, KIN_MISMATCH (of another machine), KIN_IO: one that is not
 * used. */
KIN_MUST_USE kin_status kin_rates_load(kin_figures *rates, kin_error *error);
KIN_MUST_USE kin_status kin_rates_save(const kin_figures *rates, kin_error *error);

/* prefix: NAME.rR, of what was measured with R ranks on a machine; else with the nearest number of
 * them. False where NAME was not measured at all. */
bool kin_rates_choose(const kin_figures *rates, const char *name, uint32_t local_ranks,
                      char prefix[KIN_FIGURE_NAME_BYTES]);

/* Unix time of PREFIX.made; 0 where such a job was not measured. */
int64_t kin_rates_made(const kin_figures *rates, const char *prefix);

#endif
