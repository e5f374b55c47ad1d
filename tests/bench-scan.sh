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
all=abcdef
peers="yara-x-cli@1.22.1 yr"
source "$here/tests/bench-common.sh"
rules=${KEEPWATCH_RULES:-$here/../shared/rules/reversinglabs}
[ $install = no ] || install_peers clamav
say_missing yr clamscan
[ -d "$rules" ] || give_up "No rules in $rules: set KEEPWATCH_RULES to a folder of YARA rules"
build_what_is_missing office_folder rule_set
write_office
many=$work/rules-6000
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

ours() { timed "$agent" scan --output json "$@"; }
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
    in_seconds "(a) no unpacking, $threads threads, against yr scan -r -f" a_ours a_yr 1.00
    yr compile -o "$work/compiled.yarc" "$many" >/dev/null 2>&1
    rm -rf "$work/cache-a" && mkdir "$work/cache-a" && a_ours_compiled >/dev/null
    in_turn drop a_ours_compiled a_yr_compiled
    in_seconds "    the same, both with rules compiled before" a_ours_compiled a_yr_compiled ""
elif wants a; then absent "(a) no unpacking, against yr" yr; fi

# ---- (b) unpacking, against clamscan --------------------------------------------------
b_ours() { ours "$office" --rules "$work/one.yar" --threads 1 --no-cache; }
b_ours_two() { ours "$office" --rules "$work/one.yar" --threads 2 --no-cache; }
b_clam() { timed clamscan -d "$work/one.yar" -r --quiet "$office"; }
if wants b && command -v clamscan >/dev/null; then
    in_turn drop b_ours b_clam b_ours_two
    in_seconds "(b) unpacking, one rule, 1 thread, against clamscan" b_ours b_clam 0.40
    in_seconds "    the same, ours with 2 threads" b_ours_two b_clam ""
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
        in_seconds "(c) unchanged re-scan, $how, against find -printf" c_ours c_find 2.00
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

what_came_of_it
