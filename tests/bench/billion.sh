#!/usr/bin/env bash
# A billion codes, built and searched: the table of RESULTS.md, on standard output.
#
#   tests/bench/billion.sh [COUNT [FOLDER]]
#
# COUNT codes (1000000000) of 64 bits; FOLDER (/tmp/kindred-billion) needs 60 GB for a billion, and
# the machine 24 GiB. BUILD=build, TABLES="2 3", RANKS=2, MEMORY=8G, QUERIES=1000, CHECK=128 (answers
# held against a scan), KINDS="c u", KEEP=1 (leaves everything there; codes and indexes that are
# there are used again) in the environment. Under 30 minutes on two cores for a billion.
set -eu
cd "$(dirname "$0")/../.."
count=${1:-1000000000}
folder=${2:-/tmp/kindred-billion}
build=${BUILD:-build}
ranks=${RANKS:-2} memory=${MEMORY:-8G} queries=${QUERIES:-1000}
export KINDRED_BENCH_CHECK=${CHECK:-128}
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
    [ ! -e "$folder/codes-$1.bin" ] || return 0
    for ((r = 0; r < ranks; r++)); do
        first=$((r * each))
        size=$((count - first < each ? count - first : each))
        [ "$size" -gt 0 ] || continue
        "$build/tests/bench_codes" "$1" 64 "$first" "$size" "$folder/codes-$1.part" &
        pids+=($!)
    done
    for r in "${pids[@]}"; do wait "$r"; done
    sync "$folder/codes-$1.part"
    mv "$folder/codes-$1.part" "$folder/codes-$1.bin"
}

# What the build is held to: copying the file, and writing as much as the result.
copy_and_write() {
    cp "$folder/codes-$1.bin" "$folder/copy.bin"
    sync "$folder/copy.bin"
    head -c "$2" /dev/zero > "$folder/zeros.bin"
    sync "$folder/zeros.bin"
    rm "$folder/copy.bin" "$folder/zeros.bin"
}

# kind, tables
import() {
    local index=$folder/index-$1-$2 start seconds bytes copy
    start=$(now)
    if [ ! -e "$index/CURRENT" ]; then
        mpirun --oversubscribe -n "$ranks" "$build/bin/kindred-index" import -o "$index" \
            --tables "$2" --memory "$memory" "raw:64:$folder/codes-$1.bin" 2>> "$log"
        seconds=$(since "$start")
        bytes=$(stat -c %s "$index/generation-000001/shard-0000.kin")
        start=$(now)
        copy_and_write "$1" "$bytes"
        copy=$(since "$start")
        say "$1, $2 tables: built in $seconds s; copying the file and writing $bytes bytes takes" \
            "$copy s: $(awk -v a="$seconds" -v b="$copy" 'BEGIN { printf "%.2f", a / b }') times"
        grep -h 'stages\|codes imported' "$log" | tail -2
    fi
    ln -sf "$index/generation-000001/shard-0000.kin" "$folder/bench-$1-64-$count-$2.kin"
    if [ "$1" = c ]; then
        ln -sf "$index/generation-000001/shard-0000.kin" "$folder/bench-n-64-$count-$2.kin"
    fi
    cat "$index/generation-000001/shard-0000.kin" > /dev/null # into memory
}

# bench_search takes a shard that is there already by its name.
search() {
    "$build/tests/bench_search" "$1" 64 "$count" "$2" "$queries" "$folder" | tee -a "$log"
}

say "$(uname -m), $(nproc) cores, $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' \
    /proc/meminfo), $(date +%F): $count codes of 64 bits, $ranks ranks, $memory"
for kind in ${KINDS:-c u}; do
    start=$(now)
    make_codes "$kind"
    say "$kind: codes made in $(since "$start") s"
    for tables in ${TABLES:-2 3}; do
        import "$kind" "$tables"
        search "$kind" "$tables"
        if [ "$kind" = c ]; then
            search n "$tables"
            "$build/tests/bench_query" "$folder/index-c-$tables" c | tee -a "$log"
        fi
        [ "${KEEP:-0}" = 1 ] || rm -rf "$folder/index-$kind-$tables"
    done
    "$build/tests/bench_search" --scan "$kind" 64 "$folder/codes-$kind.bin" | tee -a "$log"
    [ "${KEEP:-0}" = 1 ] || rm -f "$folder/codes-$kind.bin"
done
[ "${KEEP:-0}" = 1 ] || rm -rf "$folder"
