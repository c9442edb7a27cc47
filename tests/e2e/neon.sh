#!/usr/bin/env bash
# The search kernels of AArch64, compiled across and run under qemu, by the unit test that compares
# every kernel with brute force and with the scalar one. Part of `make check-all`.
. "$(dirname "$0")/../support/tap.sh"

if [ -z "${KINDRED_TEST_LONG:-}" ]; then
    ok "NEON kernels under emulation # SKIP only in make check-all"
    finish
fi
cd "$root" || exit 1
check "the kernels compile for AArch64" aarch64-linux-gnu-gcc -std=c17 -ffp-contract=off -O2 -Wall \
    -Wextra -Werror -D_GNU_SOURCE -DKIN_PLAIN_TEST -static -I. tests/unit/test_search.c \
    worker/search/*.c common/code/*.c common/base/{memory,cpu,clock,status,log,buffer,text}.c -ffunction-sections \
    -Wl,--gc-sections -lpthread -lm -o "$work/test_search"
check "they equal brute force and the scalar ones" qemu-aarch64 "$work/test_search"
finish
