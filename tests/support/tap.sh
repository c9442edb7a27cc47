# TAP for shell tests: source it, then ok / not_ok / check / finish.
# BUILD names the build folder; $bin holds its programs; $work is this test's own folder.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=$(cd "$root" && cd "${BUILD:-build}/bin" && pwd) || exit 1
PATH=$bin:$PATH
work=$(mktemp -d)
tap_count=0
tap_failed=0
tap_pids=()

ok() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1"
}
not_ok() {
    tap_count=$((tap_count + 1))
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_count - $1"
    shift
    [ $# -eq 0 ] || printf '# %s\n' "$@"
}

# check WHAT COMMAND...: ok if the command succeeds; what it printed is shown if it does not.
check() {
    local what=$1 out
    shift
    if out=$("$@" 2>&1); then ok "$what"; else not_ok "$what" "failed: $*" "${out:0:2000}"; fi
}

# refuses WHAT STATUS TEXT COMMAND...: the command exits with STATUS and says TEXT (a grep pattern).
refuses() {
    local what=$1 status=$2 text=$3 out got
    shift 3
    out=$("$@" 2>&1 </dev/null)
    got=$?
    if [ $got -eq "$status" ] && grep -qe "$text" <<<"$out"; then
        ok "$what"
    else
        not_ok "$what" "wanted exit $status and '$text', got exit $got: ${out:0:600}"
    fi
}

# later PID...: processes to end when the test ends.
later() { tap_pids+=("$@"); }

tap_cleanup() {
    for pid in ${tap_pids[@]+"${tap_pids[@]}"}; do kill "$pid" 2>/dev/null; done
    for pid in ${tap_pids[@]+"${tap_pids[@]}"}; do wait "$pid" 2>/dev/null; done
    chmod -R u+rwX "$work" 2>/dev/null
    rm -rf "$work"
}
trap tap_cleanup EXIT

finish() {
    echo "1..$tap_count"
    [ $tap_failed -eq 0 ] && [ $tap_count -gt 0 ]
    exit $?
}
