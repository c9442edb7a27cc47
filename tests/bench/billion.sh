#!/usr/bin/env bash
# A billion codes, built and searched: the table of RESULTS.md, on standard output.
#
#   tests/bench/billion.sh [COUNT [FOLDER]]
#
# COUNT codes (1000000000) of 64 bits; FOLDER (/tmp/kindred-billion) needs 60 GB for a billion, and
# the machine 24 GiB. BUILD=build, TABLES=2, RANKS=2, MEMORY=8G, QUERIES=1000, KINDS="c u" and KEEP=1
# (leaves everything there) in the environment. Under 30 minutes on two cores for a billion.
set -eu
cd "$(dirname "$0")/../.."
count=${1:-1000000000}
folder=${2:-/tmp/kindred-billion}
build=${BUILD:-build}
tables=${TABLES:-2} ranks=${RANKS:-2} memory=${MEMORY:-8G} queries=${QUERIES:-1000}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
mkdir -p "$folder"
log=$folder/log.txt
: > "$log"

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }
say() { printf '%s\n' "$*" | tee -a "$log"; }

# The file, by as many processes as there are ranks.
make_codes() {
    local each=$(((count + ranks - 1) / ranks)) pids=() r first size
    rm -f "$folder/codes.bin"
    for ((r = 0; r < ranks; r++)); do
        first=$((r * each))
        size=$((count - first < each ? count - first : each))
        [ "$size" -gt 0 ] || continue
        "$build/tests/bench_codes" "$1" 64 "$first" "$size" "$folder/codes.bin" &
        pids+=($!)
    done
    for r in "${pids[@]}"; do wait "$r"; done
    sync "$folder/codes.bin"
}

# What the build is held to: copying the file, and writing as much as the result.
copy_and_write() {
    cp "$folder/codes.bin" "$folder/copy.bin"
    sync "$folder/copy.bin"
    head -c "$1" /dev/zero > "$folder/zeros.bin"
    sync "$folder/zeros.bin"
    rm "$folder/copy.bin" "$folder/zeros.bin"
}

import() {
    rm -rf "$folder/index"
    mpirun --oversubscribe -n "$ranks" "$build/bin/kindred-index" import -o "$folder/index" \
        --tables "$tables" --memory "$memory" "raw:64:$folder/codes.bin" 2>> "$log"
}

# bench_search takes a shard that is there already by this name.
search() {
    ln -sf "$folder/index/generation-000001/shard-0000.kin" \
        "$folder/bench-$1-64-$count-$tables.kin"
    "$build/tests/bench_search" "$1" 64 "$count" "$tables" "$queries" "$folder" | tee -a "$log"
}

say "$(uname -m), $(nproc) cores, $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' \
    /proc/meminfo), $(date +%F): $count codes of 64 bits, $tables tables, $ranks ranks, $memory"
for kind in ${KINDS:-c u}; do
    start=$(now)
    make_codes "$kind"
    say "$kind: codes made in $(since "$start") s"
    start=$(now)
    import
    seconds=$(since "$start")
    bytes=$(stat -c %s "$folder/index/generation-000001/shard-0000.kin")
    start=$(now)
    copy_and_write "$bytes"
    copy=$(since "$start")
    say "$kind: built in $seconds s; copying the file and writing $bytes bytes takes $copy s:" \
        "$(awk -v a="$seconds" -v b="$copy" 'BEGIN { printf "%.2f", a / b }') times that"
    grep -h 'stages\|codes imported' "$log" | tail -2
    search "$kind"
    if [ "$kind" = c ]; then search n; fi
done
[ "${KEEP:-0}" = 1 ] || rm -rf "$folder"
