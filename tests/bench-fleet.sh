#!/usr/bin/env bash
# What a thousand agents, and five thousand, do to one controller on this machine: real streams over
# mutual TLS, real identities and ledgers, pretended work. Prints a table; ends with 1 where a target
# is missed. The agents share the processors with the controller.
#
#   tests/bench-fleet.sh [--agents "1000 5000"] [--results 20]
#
# KEEPWATCH_EXAMPLES  folder with fleet_load, in a folder with the programs (else a release build)
# KEEPWATCH_BENCH     folder for the agents' ledgers (else in memory, where there is /dev/shm)
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$here/target}
examples=${KEEPWATCH_EXAMPLES:-$target/release/examples}
folder=${KEEPWATCH_BENCH:-$([ -d /dev/shm ] && echo /dev/shm || echo /tmp)}
sizes="1000 5000" results=20
while [ $# -gt 0 ]; do
    case $1 in
    --agents) sizes=$2 && shift ;;
    --results) results=$2 && shift ;;
    *) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" && exit 2 ;;
    esac
    shift
done
command -v sqlite3 >/dev/null || { echo "sqlite3 is missing" >&2 && exit 2; }
# Beside its example each program that it starts.
[ -x "$examples/fleet_load" ] ||
    (cd "$here" && cargo build --release --locked --workspace --bins --example fleet_load)
ulimit -n "$(ulimit -Hn)"

misses=0
row() { # what, measured, target ('' = shown only), most|least
    local verdict=
    if [ -n "$3" ]; then
        verdict=$(awk -v m="$2" -v t="$3" -v how="$4" 'BEGIN { print (how == "most" ? m <= t : m >= t) ? "pass" : "MISS" }')
        [ "$verdict" = pass ] || misses=$((misses + 1))
    fi
    printf '%-52s %10s %10s  %s\n' "$1" "$2" "${3:--}" "$verdict"
}
for agents in $sizes; do
    lines=$("$examples/fleet_load" "$agents" "$results" "$folder")
    of() { awk -v name="$1" '$1 == name { print $2 }' <<<"$lines"; }
    # The targets are for a thousand.
    target() { [ "$agents" -gt 1000 ] || echo "$1"; }
    printf '\n%s agents, %s cores\n%-52s %10s %10s\n' "$agents" "$(nproc)" "" measured target
    row "all enrolled, s" "$(of enrol_all_s)" "" most
    row "all connected, s" "$(of connect_all_s)" "" most
    row "a policy change has reached all, s" "$(of policy_to_all_s)" "$(target 5)" most
    row "results taken in, a second" "$(of results_per_s)" "$(target 1000)" least
    row "all back after a restart, s" "$(of back_after_restart_s)" "$(target 60)" most
    row "and all told that was done meanwhile, s" "$(of told_after_restart_s)" "" most
    row "jobs lost" "$(awk -v a="$(of jobs_done)" -v b="$(of jobs_recorded)" 'BEGIN { print a - b }')" 0 most
    row "the controller's memory, all idle, MiB" "$(of memory_idle_mib)" "$(target 200)" most
    row "the controller's memory, peak after restart, MiB" "$(of memory_peak_mib)" "$(target 200)" most
done
[ $misses = 0 ] || { printf '%s missed\n' $misses && exit 1; }
