#!/usr/bin/env bash
# What the pages take with 10,000 PCs in 60 groups and a year of history: a real controller, real TLS,
# a real log-in. Prints the median and the worst server time and the bytes of each page, as they are
# and by gzip; ends with 1 where a target is missed.
#
#   tests/bench-page.sh [--hosts 10000] [--days 365] [--rounds 15] [--dev]
#
# --dev  the development build (its dependencies are optimised, its own code is not)
#
# KEEPWATCH_BENCH  folder for the fleet (else in memory, where there is /dev/shm)
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$here/target}
folder=${KEEPWATCH_BENCH:-$([ -d /dev/shm ] && echo /dev/shm || echo /tmp)}
hosts=10000 days=365 rounds=15 build=release
while [ $# -gt 0 ]; do
    case $1 in
    --hosts) hosts=$2 && shift ;;
    --days) days=$2 && shift ;;
    --rounds) rounds=$2 && shift ;;
    --dev) build=debug ;;
    *) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" && exit 2 ;;
    esac
    shift
done
for program in sqlite3 curl; do command -v $program >/dev/null || { echo "$program is missing" >&2 && exit 2; }; done
controller=$target/$build/keepwatch-controller
[ -x "$controller" ] || (cd "$here" && cargo build --release --locked -p keepwatch-controller)

place=$(mktemp -d "$folder/keepwatch-page.XXXXXX")
served=
trap 'kill $served 2>/dev/null || true; wait $served 2>/dev/null || true; rm -rf "$place"' EXIT
told=$("$controller" init --data "$place/data" --name localhost)
password=$(sed -n 's/.*one-time password[ :]*//p' <<<"$told" | head -n 1)
version=$("$controller" --version | awk '{ print $NF }')

printf 'writing %s PCs and %s days of history …\n' "$hosts" "$days" >&2
{
    echo "CREATE TABLE bench AS SELECT $hosts AS hosts, $days AS days, $(date +%s) AS now, '$version' AS version;"
    cat "$here/tests/bench-page.sql"
} | sqlite3 "$place/data/keepwatch.db" >/dev/null
rows=$(sqlite3 "$place/data/keepwatch.db" "SELECT COUNT(*) FROM jobs")

NO_COLOR=1 "$controller" serve --data "$place/data" --agents 127.0.0.1:0 --staff 127.0.0.1:0 --metrics 127.0.0.1:0 2>"$place/log" &
served=$!
until grep -q serving "$place/log"; do
    kill -0 $served || { tail -n 2 "$place/log" >&2 && exit 2; }
    sleep 0.2
done
port=$(sed -n 's/.*staff=[^ ]*:\([0-9]*\).*/\1/p' "$place/log" | head -n 1)
door=https://localhost:$port
ask() { curl --silent --show-error --cacert "$place/data/keys/ca.pem" --cookie "$place/cookies" --cookie-jar "$place/cookies" "$@"; }
: >"$place/cookies"
entered=$(ask --output /dev/null --write-out '%{http_code}' --header 'sec-fetch-site: same-origin' \
    --data-urlencode "name=admin" --data-urlencode "password=$password" --data next=/ "$door/login")
[ "$entered" = 303 ] || { echo "the log-in was refused: $entered" >&2 && exit 2; }

misses=0
verdict() { awk -v m="$1" -v t="$2" 'BEGIN { exit !(m <= t) }' || { misses=$((misses + 1)) && echo MISS && return; }; echo pass; }
one=$(sqlite3 "file:$place/data/keepwatch.db?mode=ro" "SELECT id FROM hosts ORDER BY id LIMIT 1 OFFSET $((hosts / 2))")
# Nobody has looked for a while: how the fleet stands is found out once.
first=$(ask --output /dev/null --write-out '%{time_starttransfer}' "$door/")
printf '\n%s PCs, %s jobs on record, %s build, %s cores; the first look of all: %s s\n' "$hosts" "$rows" "$build" "$(nproc)" "$first"
printf '%-34s %9s %9s %10s %9s\n' page "median ms" "worst ms" bytes gzip
for page in / /hosts '/hosts?state=at-risk' '/hosts?q=KW-17' "/hosts?q=no-backup:10d" '/hosts?sort=-backup&page=100' \
    "/hosts/$one" /jobs '/jobs?kind=restore' '/jobs?group=%E7%A7%91%E5%AE%A417' '/jobs?state=failed' /detections /groups; do
    address=$door$page
    # One connection for all: only the server's time counts.
    urls=() && for ((n = 0; n < rounds; n++)); do urls+=(--output /dev/null "$address"); done
    times=$(ask --header 'accept-encoding: gzip' --write-out '%{http_code} %{time_pretransfer} %{time_starttransfer}\n' "${urls[@]}" |
        awk '$1 != 200 { print "answered " $1 > "/dev/stderr"; exit 1 } { print ($3 - $2) * 1000 }' | sort -n)
    median=$(awk '{ v[NR] = $1 } END { printf "%.0f", v[int((NR + 1) / 2)] }' <<<"$times")
    worst=$(tail -n 1 <<<"$times" | awk '{ printf "%.0f", $1 }')
    bytes=$(ask "$address" | wc -c)
    packed=$(ask --header 'accept-encoding: gzip' "$address" | wc -c)
    shown=${page/$one/ONE}
    printf '%-34s %9s %9s %10s %9s  %s %s\n' "$shown" "$median" "$worst" "$bytes" "$packed" "$(verdict "$median" 150)" "$(verdict "$bytes" 307200)"
done
if [ $misses != 0 ]; then printf '%s missed\n' $misses && exit 1; fi
