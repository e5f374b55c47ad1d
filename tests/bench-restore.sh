#!/usr/bin/env bash
# Restores against their peers, in one run: a generated office folder, each program's own
# repository of it, caches dropped before each run, ours and theirs in turn, medians. Prints a
# table; ends with 1 where a target is missed.
#
#   tests/bench-restore.sh [--install-peers] [--mib 1536] [--rounds 3] [--only abc]
#
# (a) the whole folder   (b) one file of 1 MiB out of 100,000, by the staff's command
# (c) a search over 50 snapshots of 100,000 files, by the staff's command
#
# KEEPWATCH_AGENT     the agent to measure (else a release build of this checkout)
# KEEPWATCH_CONTROLLER, KEEPWATCH_STAFF  the controller and keepwatch for (b) and (c), likewise
# KEEPWATCH_EXAMPLES  folder with office_folder (else built too)
# KEEPWATCH_RULES     folder with real YARA rules (else ../shared/rules/reversinglabs): what is handed
#                     out in (b) is scanned with them; where there are none, with the starter's few
# KEEPWATCH_BENCH     folder to work in (else keepwatch/bench in the user's cache folder)
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
all=abc
peers="rustic-rs@0.11.2 rustic"
source "$here/tests/bench-common.sh"
[ $install = no ] || install_peers restic
say_missing restic rustic
build_what_is_missing office_folder
write_office

rules=${KEEPWATCH_RULES:-$here/../shared/rules/reversinglabs}
repositories=$work/restore-repositories
password=$work/password
restored=$work/restored
echo bench >"$password"
export RESTIC_PASSWORD_FILE=$password RESTIC_CACHE_DIR=$work/restic-cache RUSTIC_PASSWORD_FILE=$password
who=(ours)
for peer in restic rustic; do command -v $peer >/dev/null && who+=($peer); done

fill() { # NAME: its own repository, with the office folder in it
    [ ! -e "$repositories/$1.done" ] || return 0
    say "Backing the office folder up by $1"
    rm -rf "${repositories:?}/$1" && mkdir -p "$repositories"
    case $1 in
    ours) "$agent" backup --repository "$repositories/ours" --password-file "$password" --init "$office" >/dev/null 2>&1 ;;
    restic) restic -r "$repositories/restic" init -q && restic -r "$repositories/restic" backup -q "$office" ;;
    rustic)
        rustic -r "$repositories/rustic" --no-cache init >/dev/null 2>&1
        rustic -r "$repositories/rustic" --no-cache --no-progress --log-level warn backup "$office" >/dev/null 2>&1
        ;;
    esac
    touch "$repositories/$1.done"
}
restore() { # NAME, onto nothing, as a new PC does: without a cache
    rm -rf "$restored" "$work/restic-cache" && drop
    case $1 in
    ours) timed "$agent" restore --repository "$repositories/ours" --password-file "$password" latest --target "$restored" ;;
    restic) timed restic -r "$repositories/restic" restore -q latest --target "$restored" ;;
    rustic) timed rustic -r "$repositories/rustic" --no-cache --no-progress --log-level warn restore latest "$restored" ;;
    esac
}

if wants a; then
    names=()
    for name in "${who[@]}"; do
        fill "$name"
        eval "a_$name() { restore $name; }"
        names+=("a_$name")
    done
    in_turn warm "${names[@]}"
    restore ours >/dev/null
    diff -r --no-dereference "$office" "$restored$office" || give_up "what was restored is not what was backed up"
    if command -v restic >/dev/null; then in_seconds "(a) the whole folder, against restic" a_ours a_restic 0.70; else absent "(a) the whole folder" restic; fi
    if command -v rustic >/dev/null; then
        in_seconds "    against rustic" a_ours a_rustic ""
        row "    peak memory, against rustic, MiB" "$(mebibytes "$(peak a_ours)")" "$(mebibytes "$(peak a_rustic)")" "$(mebibytes "$(peak a_ours)")" 200
    else
        row "    peak memory, MiB" "$(mebibytes "$(peak a_ours)")" "" "$(mebibytes "$(peak a_ours)")" 200
    fi
    rm -rf "$restored"
fi
# ---- (b) and (c) by the staff's command, from a controller ----------------------------------
# 100 folders of 1,000 small files, and one of 1 MiB in the middle. 50 snapshots, each with a
# few files changed.
snapshots=50
prepare() {
    place=$work/restore-service && serve
    many=$work/many
    if [ ! -e "$many.done" ]; then
        say "Writing 100,000 files"
        rm -rf "$many"
        for ((n = 0; n < 100; n++)); do
            mkdir -p "$many/department-$n/documents"
            seq $((n * 1000)) $((n * 1000 + 999)) | split -l 1 -a 3 -d - "$many/department-$n/documents/report-"
        done
        head -c $((1 << 20)) /dev/urandom >"$many/department-50/documents/the-one-that-is-missed.xlsx"
        touch "$many.done"
    fi
    sed -i "s|^# restore_roots *=.*|restore_roots = [\"$place/restored\"]|" "$place/state/agent.toml"
    printf 'scan: {schedule: ""}\nbackup: {schedule: "", paths: ["%s"], excludes: []}\n' "$many" >"$place/policy.yaml"
    "$staff" policies apply all --file "$place/policy.yaml" >/dev/null
    [ ! -d "$rules" ] || "$staff" signatures import "$rules" >/dev/null 2>&1 || give_up "the rules could not be published"
    "$agent" run --state "$place/state" 2>"$place/agent.log" &
    running=$!
}
back_up() { "$staff" backup "$host" --watch >/dev/null 2>&1 || give_up "a backup did not succeed"; }
file=$work/many/department-50/documents/the-one-that-is-missed.xlsx
if wants b || wants c; then
    prepare && back_up
fi
if wants b; then
    b_download() { rm -f "$place/one" && drop && timed "$staff" download "$host" latest "$file" --to "$place/one"; }
    b_restore() { drop && timed "$staff" restore "$host" latest --path "$file" --watch; }
    in_turn warm b_download b_restore
    cmp "$file" "$place/one" || give_up "what was downloaded is not what was backed up"
    row "(b) one file of 1 MiB out of 100,000, downloaded, s" "$(seconds b_download)" "" "$(seconds b_download)" 2.00
    row "    restored onto its PC, s" "$(seconds b_restore)" "" "$(seconds b_restore)" 2.00
fi
if wants c; then
    say "Backing up $((snapshots - 1)) times more"
    for ((n = 1; n < snapshots; n++)); do
        echo "changed $n" | tee "$many"/department-$n/documents/report-00[0-9] >/dev/null
        back_up
    done
    # The first search has the controller read what no search has needed yet.
    c_first() { timed "$staff" find "$host" '*missed*'; }
    c_find() { timed "$staff" find "$host" '*missed*'; }
    c_versions() { timed "$staff" versions "$host" "$many/department-7/documents/report-003"; }
    c_first >"$work/c_first"
    found=$(wc -l <"$work/out")
    in_turn warm c_find c_versions
    [ "$found" -ge $snapshots ] || give_up "only $found lines were found in $snapshots snapshots"
    row "(c) a name in $snapshots snapshots of 100,000 files, ms" "$(awk '{ print $1 * 1000 }' <<<"$(seconds c_find)")" "" "$(seconds c_find)" 0.300
    row "    the versions of a file, s" "$(seconds c_versions)" "" "$(seconds c_versions)" 0.300
    row "    the first search, which makes the catalog, s" "$(seconds c_first)" "" "$(seconds c_first)" ""
    row "    the catalog, KiB" "$(($(stat -c %s "$place/data/catalogs/$host") / 1024))" "" "$(($(stat -c %s "$place/data/catalogs/$host") / 1024))" ""
fi
if wants b || wants c; then
    kill $running $served && wait $running $served 2>/dev/null || true
    rm -rf "$place"
fi
what_came_of_it
