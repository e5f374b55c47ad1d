#!/usr/bin/env bash
# The scan engine against its peers, in one run: a generated office folder, the same rules
# and threads, caches dropped before each cold measurement, ours and theirs in turn, medians.
# Prints a table; ends with 1 where a target is missed.
#
#   tests/bench-scan.sh [--install-peers] [--mib 1536] [--rounds 3] [--threads 2] [--only abcdef]
#
# KEEPWATCH_AGENT     the agent to measure (else a release build of this checkout)
# KEEPWATCH_EXAMPLES  folder with office_folder and rule_set (else built too)
# KEEPWATCH_RULES     folder with real YARA rules to build on (else ../shared/rules/reversinglabs)
# KEEPWATCH_BENCH     folder to work in (else keepwatch/bench in the user's cache folder)
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/keepwatch
work=${KEEPWATCH_BENCH:-$cache/bench}
rules=${KEEPWATCH_RULES:-$here/../shared/rules/reversinglabs}
target=${CARGO_TARGET_DIR:-$here/target}
export PATH="$PATH:$cache/peers/bin"
mib=1536 rounds=3 threads=2 only=abcdef install=no
while [ $# -gt 0 ]; do
    case $1 in
    --install-peers) install=yes ;;
    --mib) mib=$2 && shift ;;
    --rounds) rounds=$2 && shift ;;
    --threads) threads=$2 && shift ;;
    --only) only=$2 && shift ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "$0" && exit 2 ;;
    esac
    shift
done

say() { printf '== %s\n' "$*" >&2; }
wants() { [[ $only == *$1* ]]; }
give_up() { say "$*" && exit 2; }

# ---- what it needs ------------------------------------------------------------------
if [ $install = yes ]; then
    say "Installing yara-x-cli 1.22.1 into $cache/peers and clamav (Debian)"
    # With its own lock file: a fresh one takes an rsa that yara-x cannot be built with.
    cargo install yara-x-cli --version 1.22.1 --locked --root "$cache/peers" --quiet
    as_root=() && [ "$(id -u)" = 0 ] || as_root=(sudo)
    command -v clamscan >/dev/null || {
        "${as_root[@]}" apt-get update -qq
        DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends clamav time >/dev/null
    }
fi
missing=
command -v yr >/dev/null || missing+=" yr"
command -v clamscan >/dev/null || missing+=" clamscan"
[ -x /usr/bin/time ] || missing+=" time"
[ -z "$missing" ] || say "Missing, so what compares with it is left out and misses:$missing (--install-peers installs them)"
[ -d "$rules" ] || give_up "No rules in $rules: set KEEPWATCH_RULES to a folder of YARA rules"

agent=${KEEPWATCH_AGENT:-$target/release/keepwatch-agent}
examples=${KEEPWATCH_EXAMPLES:-$target/release/examples}
if [ ! -x "$agent" ]; then
    say "Building $agent (a while)"
    (cd "$here" && cargo build --release --locked -p keepwatch-agent)
fi
if [ ! -x "$examples/office_folder" ] || [ ! -x "$examples/rule_set" ]; then
    say "Building the generators"
    (cd "$here" && cargo build --release --locked -p keepwatch-tests --example office_folder --example rule_set)
fi

mkdir -p "$work"
office=$work/office-$mib
many=$work/rules-6000
if [ ! -e "$office.done" ]; then
    say "Writing an office folder of $mib MiB"
    rm -rf "$office" && "$examples/office_folder" "$office" "$mib" && touch "$office.done"
fi
if [ ! -e "$many.done" ]; then
    rm -rf "$many" && "$examples/rule_set" "$rules" "$many" 6000 && touch "$many.done"
fi
cat >"$work/one.yar" <<'RULE'
rule one { strings: $a = "X5O!P%@AP[4" $b = "KEEPWATCH-BENCH-NOWHERE" condition: any of them }
RULE
# Rules that match much, so that "the same findings" says something.
cat >"$work/loud.yar" <<'RULE'
import "elf"
import "math"
rule loud_text { strings: $a = "GLIBC_2." $b = /lib[a-z]{3,12}\.so\.[0-9]+/ $c = "license" nocase fullword condition: any of them }
rule loud_hex { strings: $a = { 50 4B 03 04 ?? 00 [2-8] 00 } $b = { FF D8 FF (E0 | E1) 00 10 4A } condition: any of them }
rule loud_wide { strings: $a = "Word" wide $b = "stream" ascii wide condition: #b > 3 or $a }
rule loud_elf { condition: elf.type == elf.ET_DYN and elf.number_of_sections > 20 }
rule loud_size { condition: filesize > 3MB and math.entropy(0, 65536) > 7.5 }
rule loud_place { strings: $a = "obj" $b = "%%EOF" condition: $a in (0..64) and $b in (filesize - 64..filesize) }
RULE

# ---- measuring ----------------------------------------------------------------------
cold=yes
[ "$(id -u)" = 0 ] && [ -w /proc/sys/vm/drop_caches ] || cold=no
[ $cold = yes ] || say "Not root: caches are not dropped, so that 'cold' is warm"
drop() { [ $cold = no ] || { sync && echo 3 >/proc/sys/vm/drop_caches; }; }

# Runs a command; says seconds and its peak memory in KiB. Any code but 0, 1, 2 is a failure.
timed() { # command …
    local start=$EPOCHREALTIME code=0 peak=0
    if [ -x /usr/bin/time ]; then
        /usr/bin/time -q -f '%M' -o "$work/peak" "$@" >"$work/out" 2>"$work/err" || code=$?
        peak=$(tail -n 1 "$work/peak")
    else
        "$@" >"$work/out" 2>"$work/err" || code=$?
    fi
    local end=$EPOCHREALTIME
    [ $code -le 2 ] || { tail -n 5 "$work/err" >&2 && give_up "'$*' ended with $code"; }
    awk -v s="$start" -v e="$end" -v p="$peak" 'BEGIN { printf "%.3f %d\n", e - s, p }'
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

ours() { timed "$agent" scan --output json "$@"; }
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
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
absent() { table+=("$(printf '%-58s %s' "$1" "not measured: $2 is missing   MISS")") && failures=$((failures + 1)); }
unread() { # says what a scan of the office folder, which is sound, could not open
    local count && count=$(grep -c '"not_inspected"' "$work/out" || true)
    [ "$count" = 0 ] || say "note: $1: $count not inspected, such as $(grep -m 1 '"not_inspected"' "$work/out")"
}

# ---- (a) unpacking off, against yr ----------------------------------------------------
a_ours() { ours "$office" --rules "$many" --threads "$threads" --no-unpack --no-cache; }
a_yr() { timed yr scan -r -f -p "$threads" "$many" "$office"; }
a_ours_compiled() { ours "$office" --rules "$many" --threads "$threads" --no-unpack --fresh --cache "$work/cache-a"; }
a_yr_compiled() { timed yr scan -C -r -f -p "$threads" "$work/compiled.yarc" "$office"; }
if wants a && command -v yr >/dev/null; then
    in_turn drop a_ours a_yr
    row "(a) no unpacking, $threads threads, against yr scan -r -f, s" "$(seconds a_ours)" "$(seconds a_yr)" \
        "$(ratio "$(seconds a_ours)" "$(seconds a_yr)")" 1.00
    yr compile -o "$work/compiled.yarc" "$many" >/dev/null 2>&1
    rm -rf "$work/cache-a" && mkdir "$work/cache-a" && a_ours_compiled >/dev/null
    in_turn drop a_ours_compiled a_yr_compiled
    row "    the same, both with rules compiled before, s" "$(seconds a_ours_compiled)" "$(seconds a_yr_compiled)" \
        "$(ratio "$(seconds a_ours_compiled)" "$(seconds a_yr_compiled)")" ""
elif wants a; then absent "(a) no unpacking, against yr" yr; fi

# ---- (b) unpacking, against clamscan --------------------------------------------------
b_ours() { ours "$office" --rules "$work/one.yar" --threads 1 --no-cache; }
b_ours_two() { ours "$office" --rules "$work/one.yar" --threads 2 --no-cache; }
b_clam() { timed clamscan -d "$work/one.yar" -r --quiet "$office"; }
if wants b && command -v clamscan >/dev/null; then
    in_turn drop b_ours b_clam b_ours_two
    row "(b) unpacking, one rule, 1 thread, against clamscan, s" "$(seconds b_ours)" "$(seconds b_clam)" \
        "$(ratio "$(seconds b_ours)" "$(seconds b_clam)")" 0.40
    row "    the same, ours with 2 threads, s" "$(seconds b_ours_two)" "$(seconds b_clam)" \
        "$(ratio "$(seconds b_ours_two)" "$(seconds b_clam)")" ""
    b_ours >/dev/null && unread "unpacking"
elif wants b; then absent "(b) unpacking, against clamscan" clamscan; fi

# ---- (c) nothing has changed, against find --------------------------------------------
c_ours() { ours "$office" --rules "$rules" --threads "$threads" --cache "$work/cache-c"; }
c_find() { timed find "$office" -printf '%p %s %T@\n'; }
c_start() { ours "$work/one.yar" --rules "$rules" --threads "$threads" --cache "$work/cache-c-start"; }
if wants c; then
    rm -rf "$work/cache-c" "$work/cache-c-start" && mkdir "$work/cache-c" "$work/cache-c-start"
    c_ours >/dev/null && c_ours >/dev/null
    say "re-scanned: $(grep -o '"unchanged":[0-9]*' "$work/out")"
    c_start >/dev/null && c_start >/dev/null
    for how in cold warm; do
        [ $how = cold ] && first=drop || first=warm
        in_turn $first c_ours c_find
        row "(c) unchanged re-scan, $how, against find -printf, s" "$(seconds c_ours)" "$(seconds c_find)" \
            "$(ratio "$(seconds c_ours)" "$(seconds c_find)")" 2.00
        in_turn $first c_start
        row "    of that, for a folder of one file, $how, s" "$(seconds c_start)" "" "$(seconds c_start)" ""
    done
fi

# ---- (d) rules from the cache -----------------------------------------------------------
d_ours() { ours "$work/one.yar" --rules "$many" --threads 1 --fresh --cache "$work/cache-d"; }
d_start() { timed "$agent" --version; }
if wants d; then
    rm -rf "$work/cache-d" && mkdir "$work/cache-d" && d_ours >/dev/null && d_ours >/dev/null
    in_turn warm d_ours d_start
    row "(d) 6,000 rules from the cache, less the process's start, s" "$(seconds d_ours)" "$(seconds d_start)" \
        "$(awk -v a="$(seconds d_ours)" -v b="$(seconds d_start)" 'BEGIN { printf "%.3f", a - b }')" 0.150
fi

# ---- (e) memory -------------------------------------------------------------------------
# Scans take rules from the cache: they are compiled once, in a child of its own.
e_loads() { ours "$office" --rules "$many" --threads 2 --fresh --cache "$work/cache-e"; }
e_compiles() { ours "$work/one.yar" --rules "$many" --threads 2 --no-cache; }
e_yr() { timed yr compile -o "$work/compiled.yarc" "$many"; }
mebibytes() { awk -v k="$1" 'BEGIN { printf "%.0f", k / 1024 }'; }
if wants e && [ -x /usr/bin/time ]; then
    rm -rf "$work/cache-e" && mkdir "$work/cache-e" && e_loads >/dev/null
    e_loads >"$work/e_loads" && unread "6,000 rules" && e_compiles >"$work/e_compiles"
    if command -v yr >/dev/null; then e_yr >"$work/e_yr"; else echo 0 0 >"$work/e_yr"; fi
    row "(e) peak memory, 6,000 rules, unpacking, 2 threads, MiB" "$(mebibytes "$(peak e_loads)")" "" "$(mebibytes "$(peak e_loads)")" 300
    row "    compiling the rules, against yr compile, MiB" "$(mebibytes "$(peak e_compiles)")" "$(mebibytes "$(peak e_yr)")" \
        "$(mebibytes "$(peak e_compiles)")" ""
elif wants e; then absent "(e) peak memory" "/usr/bin/time"; fi

# ---- (f) the same findings as yr ----------------------------------------------------------
# yr follows links, we do not: what it names through one is left out.
without_links() {
    local line path
    while IFS= read -r line; do
        path=${line#* }
        [ "$(realpath -- "$path")" != "$path" ] || printf '%s\n' "$line"
    done
}
# From our objects; the metadata between, which rules' authors write, is passed over.
rule_and_path() {
    local text='\(\([^"\\]\|\\.\)*\)'
    sed -e 's/"metadata":{.*},"\(path\|namespace\)"/"\1"/' \
        -e 's/.*"rule":"\([^"]*\)".*"path":"'"$text"'".*/\1 \2/' -e 's/^{.*"path":"'"$text"'".*"rule":"\([^"]*\)".*/\3 \1/'
}
if wants f && command -v yr >/dev/null; then
    rm -rf "$work/rules-f"
    mkdir -p "$work/rules-f" && cp -r "$rules/." "$work/rules-f/" && cp "$work/loud.yar" "$work/rules-f/"
    : >"$work/f_ours" && : >"$work/f_yr"
    places=("$(realpath "$office")")
    for place in /usr/bin /usr/lib/x86_64-linux-gnu; do [ ! -d $place ] || places+=("$(realpath $place)"); done
    for place in "${places[@]}"; do
        ours "$place" --rules "$work/rules-f" --threads "$threads" --no-unpack --no-cache >/dev/null
        grep '"type":"detection"' "$work/out" | rule_and_path >>"$work/f_ours" || true
        timed yr scan -r -f -p "$threads" --disable-console-logs "$work/rules-f" "$place" >/dev/null
        cat "$work/out" >>"$work/f_yr"
    done
    for who in f_ours f_yr; do LC_ALL=C sort -u -o "$work/$who" "$work/$who"; done
    LC_ALL=C comm -23 "$work/f_ours" "$work/f_yr" >"$work/f_more"
    LC_ALL=C comm -13 "$work/f_ours" "$work/f_yr" | without_links >"$work/f_less"
    more=$(wc -l <"$work/f_more") less=$(wc -l <"$work/f_less")
    head -n 5 "$work/f_more" "$work/f_less" >&2
    row "(f) findings, without unpacking: (rule, file) that differ" "$(wc -l <"$work/f_ours")" "$(wc -l <"$work/f_yr")" "$((more + less))" 0
elif wants f; then absent "(f) the same findings as yr" yr; fi

# ---- what came of it ------------------------------------------------------------------------
printf '\n%s cores, %s files in %s MiB, %s rounds, %s\n' "$(nproc)" "$(find "$office" -type f | wc -l)" "$mib" "$rounds" \
    "$([ $cold = yes ] && echo 'caches dropped before each cold run' || echo 'caches NOT dropped')"
printf '%-58s %10s %10s %9s %9s\n' "" ours theirs measured target
printf '%s\n' "${table[@]}"
[ $failures = 0 ] || { printf '%s missed\n' "$failures" && exit 1; }
