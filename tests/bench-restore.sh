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
what_came_of_it
