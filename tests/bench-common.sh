# What the benches share: options, measuring in turn, the table. Sourced; sets nothing off by
# itself but the reading of the options that follow the script's name.
#
# Expects: $here, the checkout; $all, the letters of all measurements; $peers, the crates that
# --install-peers installs, as "crate@version binary" lines.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/keepwatch
work=${KEEPWATCH_BENCH:-$cache/bench}
target=${CARGO_TARGET_DIR:-$here/target}
export PATH="$PATH:$cache/peers/bin"
mib=1536 rounds=3 threads=2 only=$all install=no
while [ $# -gt 0 ]; do
    case $1 in
    --install-peers) install=yes ;;
    --mib) mib=$2 && shift ;;
    --rounds) rounds=$2 && shift ;;
    --threads) threads=$2 && shift ;;
    --only) only=$2 && shift ;;
    *) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" && exit 2 ;;
    esac
    shift
done

say() { printf '== %s\n' "$*" >&2; }
wants() { [[ $only == *$1* ]]; }
give_up() { say "$*" && exit 2; }

# ---- what it needs ------------------------------------------------------------------
install_peers() { # Debian packages …; the crates of $peers
    local crate binary
    while read -r crate binary; do
        [ -n "$crate" ] || continue
        say "Installing $crate into $cache/peers"
        # With its own lock file: a fresh one may take what it cannot be built with.
        command -v "$binary" >/dev/null || cargo install "$crate" --locked --root "$cache/peers" --quiet
    done <<<"$peers"
    local as_root=() && [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends time "$@" >/dev/null
}
say_missing() { # program …
    local missing= program
    for program in "$@"; do command -v "$program" >/dev/null || missing+=" $program"; done
    [ -x /usr/bin/time ] || missing+=" time"
    [ -z "$missing" ] || say "Missing, so what compares with it is left out and misses:$missing (--install-peers installs them)"
}
build_what_is_missing() { # generator …
    agent=${KEEPWATCH_AGENT:-$target/release/keepwatch-agent}
    examples=${KEEPWATCH_EXAMPLES:-$target/release/examples}
    if [ ! -x "$agent" ]; then
        say "Building $agent (a while)"
        (cd "$here" && cargo build --release --locked -p keepwatch-agent)
    fi
    local generator
    for generator in "$@"; do
        if [ ! -x "$examples/$generator" ]; then
            say "Building $generator"
            (cd "$here" && cargo build --release --locked -p keepwatch-tests --example "$generator")
        fi
    done
    mkdir -p "$work"
}
write_office() { # sets $office
    office=$work/office-$mib
    if [ ! -e "$office.done" ]; then
        say "Writing an office folder of $mib MiB"
        rm -rf "$office" && "$examples/office_folder" "$office" "$mib" && touch "$office.done"
    fi
}

# ---- measuring ----------------------------------------------------------------------
cold=yes
[ "$(id -u)" = 0 ] && [ -w /proc/sys/vm/drop_caches ] || cold=no
[ $cold = yes ] || say "Not root: caches are not dropped, so that 'cold' is warm"
drop() { [ $cold = no ] || { sync && echo 3 >/proc/sys/vm/drop_caches; }; }

# Runs a command; says seconds, its peak memory in KiB, and blocks of 512 bytes that it had
# read from disks (as /proc/PID/io has it). Of codes 0, 1, 2, and 4 (saved, and something was
# found) are none of a failure.
timed() { # command …
    local start=$EPOCHREALTIME code=0 peak="0 0"
    if [ -x /usr/bin/time ]; then
        /usr/bin/time -q -f '%M %I' -o "$work/peak" "$@" >"$work/out" 2>"$work/err" || code=$?
        peak=$(tail -n 1 "$work/peak")
    else
        "$@" >"$work/out" 2>"$work/err" || code=$?
    fi
    local end=$EPOCHREALTIME
    [ $code -le 2 ] || [ $code = 4 ] || { tail -n 5 "$work/err" >&2 && give_up "'$*' ended with $code"; }
    awk -v s="$start" -v e="$end" -v p="$peak" 'BEGIN { printf "%.3f %s\n", e - s, p }'
}
column() { awk -v c="$1" '{ print $c }' "$2"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
largest() { sort -n | tail -n 1; }

# Each round runs all, every other round backwards; results in $work/NAME.
in_turn() { # drop|warm, NAME COMMAND-FUNCTION …
    local first=$1 round at && shift
    local -a names=("$@")
    for name in "${names[@]}"; do : >"$work/$name"; done
    for ((round = 0; round < rounds; round++)); do
        for ((at = 0; at < ${#names[@]}; at++)); do
            local name=${names[$((round % 2 ? ${#names[@]} - 1 - at : at))]}
            if [ "$first" = drop ]; then drop; fi
            "$name" >>"$work/$name"
        done
    done
}
seconds() { column 1 "$work/$1" | median; }
peak() { column 2 "$work/$1" | largest; }
mebibytes() { awk -v k="$1" 'BEGIN { printf "%.0f", k / 1024 }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

# ---- a controller and an agent ----------------------------------------------------------
# Serves from $place; sets $staff, $controller, $served, $token; logs the staff in.
serve() {
    controller=${KEEPWATCH_CONTROLLER:-$target/release/keepwatch-controller}
    staff=${KEEPWATCH_STAFF:-$target/release/keepwatch}
    if [ ! -x "$controller" ] || [ ! -x "$staff" ]; then
        say "Building $controller and $staff"
        (cd "$here" && cargo build --release --locked -p keepwatch-controller -p keepwatch)
    fi
    rm -rf "$place" && mkdir -p "$place"
    export XDG_CONFIG_HOME=$place/home
    local told
    told=$("$controller" init --data "$place/data" --name localhost)
    after() { awk -v label="$1" 'index($0, label) { sub(".*" label "[ :]*", ""); print; exit }' <<<"$told"; }
    after "one-time password" >"$place/password"
    NO_COLOR=1 "$controller" serve --data "$place/data" --agents 127.0.0.1:0 --staff 127.0.0.1:0 2>"$place/log" &
    served=$!
    trap 'kill $served ${running-} 2>/dev/null || true' EXIT
    until grep -q serving "$place/log"; do kill -0 $served || give_up "the controller ended: $(tail -n 2 "$place/log")"; read -rt 0.2 <> <(:) || true; done
    "$staff" login "https://localhost:$(port staff)" --user admin --fingerprint "$(after "CA fingerprint")" --password-file "$place/password" >/dev/null
    token=$("$staff" tokens create --output json | sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')
    "$agent" enroll --controller "https://localhost:$(port agents)" --token "$token" --state "$place/state" 2>/dev/null
    host=$("$agent" status --state "$place/state" --output json | sed -n 's/.*"host": *"\([^"]*\)".*/\1/p')
}
port() { sed -n "s/.*$1=[^ ]*:\([0-9]*\).*/\1/p" "$place/log" | head -n 1; }

# ---- the table ------------------------------------------------------------------------
failures=0
table=()
row() { # what, ours, theirs, measure, target ('' = shown only)
    local verdict=""
    if [ -n "$5" ]; then
        verdict=$(awk -v m="$4" -v t="$5" 'BEGIN { print m <= t ? "pass" : "MISS" }')
        [ "$verdict" = pass ] || failures=$((failures + 1))
    fi
    table+=("$(printf '%-58s %10s %10s %9s %9s  %s' "$1" "$2" "$3" "$4" "${5:--}" "$verdict")")
    say "$1: $4${5:+ (target $5: $verdict)}"
}
absent() { table+=("$(printf '%-58s %s' "$1" "not measured: $2 is missing   MISS")") && failures=$((failures + 1)); }
in_seconds() { # what, ours, theirs, target
    row "$1, s" "$(seconds "$2")" "$(seconds "$3")" "$(ratio "$(seconds "$2")" "$(seconds "$3")")" "$4"
}
what_came_of_it() {
    printf '\n%s cores, %s files in %s MiB, %s rounds, %s\n' "$(nproc)" "$(find "$office" -type f | wc -l)" "$mib" "$rounds" \
        "$([ $cold = yes ] && echo 'caches dropped before each cold run' || echo 'caches NOT dropped')"
    printf '%-58s %10s %10s %9s %9s\n' "" ours theirs measured target
    printf '%s\n' "${table[@]}"
    [ $failures = 0 ] || { printf '%s missed\n' "$failures" && exit 1; }
}
