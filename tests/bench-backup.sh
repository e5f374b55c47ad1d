#!/usr/bin/env bash
# The backup engine against its peers, in one run: a generated office folder, a local
# repository each, caches dropped before each run, ours and theirs in turn, medians. Prints a
# table; ends with 1 where a target is missed.
#
#   tests/bench-backup.sh [--install-peers] [--mib 1536] [--rounds 3] [--only abcdefg]
#
# KEEPWATCH_AGENT     the agent to measure (else a release build of this checkout)
# KEEPWATCH_CONTROLLER, KEEPWATCH_STAFF  the controller and keepwatch for (f), likewise
# KEEPWATCH_EXAMPLES  folder with office_folder (else built too)
# KEEPWATCH_RULES     folder with real YARA rules for (e) (else ../shared/rules/reversinglabs)
# KEEPWATCH_BENCH     folder to work in (else keepwatch/bench in the user's cache folder)
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
all=abcdefg
peers="rustic-rs@0.11.2 rustic
yara-x-cli@1.22.1 yr"
source "$here/tests/bench-common.sh"
[ $install = no ] || install_peers restic
say_missing restic rustic yr
build_what_is_missing office_folder
write_office

repositories=$work/repositories
changing=$work/office-changing
password=$work/password
echo bench >"$password"
export RESTIC_PASSWORD_FILE=$password RESTIC_CACHE_DIR=$work/restic-cache RUSTIC_PASSWORD_FILE=$password
who=(ours)
for peer in restic rustic; do command -v $peer >/dev/null && who+=($peer); done

new() { # NAME: an empty repository
    rm -rf "${repositories:?}/$1" "$work/restic-cache"
    mkdir -p "$repositories"
    case $1 in
    ours) ;;
    restic) restic -r "$repositories/restic" init -q ;;
    rustic) rustic -r "$repositories/rustic" --no-cache init >/dev/null 2>&1 ;;
    esac
}
backup() { # NAME FOLDER
    case $1 in
    ours) timed "$agent" backup --repository "$repositories/ours" --password-file "$password" --init "$2" ;;
    restic) timed restic -r "$repositories/restic" backup -q "$2" ;;
    rustic) timed rustic -r "$repositories/rustic" --no-cache --no-progress --log-level warn backup "$2" ;;
    esac
}
size() { du -s --apparent-size --block-size=1 "$repositories/$1" | cut -f 1; }

# Each measurement is of all who are there; the rows compare ours with each.
each() { # PREFIX FUNCTION: defines PREFIX_NAME for in_turn
    names=()
    for name in "${who[@]}"; do
        eval "$1_$name() { $2 $name; }"
        names+=("$1_$name")
    done
}
rows() { # PREFIX WHAT TARGET-RESTIC TARGET-RUSTIC
    if command -v restic >/dev/null; then in_seconds "($1) $2, against restic" "$1_ours" "$1_restic" "$3"; else absent "($1) $2" restic; fi
    if command -v rustic >/dev/null; then in_seconds "($1) $2, against rustic" "$1_ours" "$1_rustic" "$4"; else absent "($1) $2" rustic; fi
}

first() { new "$1" && drop && backup "$1" "$office"; }
again() { backup "$1" "$office"; }
# A week at an office: one file in 50 grows, one in 100 is written anew, 60 are added.
a_week() { # ROUND
    local n=0 file
    while IFS= read -r file; do
        n=$((n + 1))
        if ((n % 50 == $1)); then head -c 5000 /dev/urandom >>"$file"; fi
        if ((n % 100 == 20 + $1)); then head -c "$(stat -c %s "$file")" /dev/urandom >"$file"; fi
    done < <(find "$changing" -type f | LC_ALL=C sort)
    mkdir -p "$changing/week-$1"
    for ((n = 0; n < 60; n++)); do head -c 200000 /dev/urandom >"$changing/week-$1/new-$n"; done
}

if wants a || wants b || wants d; then
    each a first && in_turn warm "${names[@]}"
fi
if wants a; then
    rows a "first backup" 0.72 1.05
    for name in "${who[@]}"; do
        [ "$name" = ours ] || row "    repository size, against $name, MiB" "$(mebibytes $(($(size ours) / 1024)))" \
            "$(mebibytes $(($(size "$name") / 1024)))" "$(ratio "$(size ours)" "$(size "$name")")" "$([ "$name" = restic ] && echo 1.00 || true)"
    done
fi
if wants b; then
    each b again && in_turn drop "${names[@]}"
    rows b "nothing has changed" 0.70 ""
fi
if wants c; then
    say "A week's changes, each round on top of the last"
    rm -rf "$changing" && cp -a "$office" "$changing"
    for name in "${who[@]}"; do new "$name" && backup "$name" "$changing" >/dev/null && : >"$work/c_$name"; done
    for ((round = 0; round < rounds; round++)); do
        a_week $round
        for name in "${who[@]}"; do drop && backup "$name" "$changing" >>"$work/c_$name"; done
    done
    rows c "a week's change" 0.75 ""
    rm -rf "$changing"
fi
if wants d; then
    row "(d) peak memory of a first backup, MiB" "$(mebibytes "$(peak a_ours)")" "" "$(mebibytes "$(peak a_ours)")" 200
fi
# Rules are compiled before, for both; archives stay closed, since yr opens none.
if wants e; then
    rules=${KEEPWATCH_RULES:-$here/../shared/rules/reversinglabs}
    both="(e) one read for backup and scan, against restic, then yr"
    if [ ! -d "$rules" ] || ! command -v restic >/dev/null || ! command -v yr >/dev/null; then
        absent "$both" "restic, yr or rules in $rules"
    else
        one_read() {
            timed "$agent" backup --repository "$repositories/ours" --password-file "$password" --init --no-unpack \
                --rules "$rules" --cache "$work/cache-one-read" --fresh "$1"
        }
        # The first run compiles.
        echo nothing >"$work/nothing" && new ours && one_read "$work/nothing" >/dev/null
        yr compile -o "$work/one-read.yarc" "$rules" >/dev/null 2>&1
        e_ours() { new ours && drop && one_read "$office"; }
        e_theirs() {
            new restic && drop
            { backup restic "$office" && timed yr scan -C -r -f -p "$threads" "$work/one-read.yarc" "$office"; } |
                awk '{ s += $1; p = $2 > p ? $2 : p; r += $3 } END { printf "%.3f %d %d\n", s, p, r }'
        }
        in_turn warm e_ours e_theirs
        in_seconds "$both" e_ours e_theirs 0.90
        bytes=$(find "$office" -type f -printf '%s\n' | awk '{ s += $1 } END { print s }')
        read=$(($(column 3 "$work/e_ours" | largest) * 512))
        row "    read from the disk, against the folder's bytes, MiB" "$(mebibytes $((read / 1024)))" \
            "$(mebibytes $((bytes / 1024)))" "$(ratio "$read" "$bytes")" 1.05
        row "    peak memory, MiB" "$(mebibytes "$(peak e_ours)")" "$(mebibytes "$(peak e_theirs)")" \
            "$(mebibytes "$(peak e_ours)")" ""
    fi
fi
# ---- (f) through the repository service, over mutual TLS ----------------------------------
# Both by the worker that the agent starts, with the order that it gives it.
order() { # STORAGE-AS-JSON PASSWORD FOLDER
    printf '{"backup":{"storage":%s,"password":"%s","host":"bench","paths":["%s"],"excludes":[],"scan":null,' "$1" "$2" "$3"
    printf '"leave_out":false,"unscanned":"","max_file_bytes":0,"one_file_system":false,"freeze":true,"cpu_percent":100,"bandwidth":[],"time_zone":"UTC",'
    printf '"courtesy":{"on_battery":false,"when_busy":false},"hooks":{"before":[],"after":[],"seconds":1},"saved":null}}\n'
}
in_json() { awk '{ printf "%s\\n", $0 }' "$1"; }
# A worker whose order has ended waits for its parent to go; fifo and sleep keep that open.
work() { # ORDER
    timed bash -c 'exec 3< <(cat "$1"; exec sleep 600); "$2" worker <&3; code=$?; kill %1 2>/dev/null; exit $code' - "$1" "$agent"
    grep -q '"outcome":"succeeded"' "$work/out" || { tail -n 3 "$work/out" >&2 && give_up "the backup did not succeed"; }
}
if wants f; then
    place=$work/service && serve
    identity=$place/state/identity
    service=$(printf '{"service":{"url":"https://localhost:%s/repositories/%s/","ca_pem":"%s","certificate_pem":"%s","key_pem":"%s"}}' \
        "$(port agents)" "$host" "$(in_json "$place/data/keys/ca.pem")" "$(in_json "$identity/certificate.pem")" "$(in_json "$identity/key.pem")")
    order "$service" bench "$office" >"$place/through"
    order "{\"folder\":\"$place/local\"}" bench "$office" >"$place/beside"
    f_service() { rm -rf "$place/data/repositories/$host" && drop && work "$place/through"; }
    f_local() { rm -rf "$place/local" && drop && work "$place/beside"; }
    in_turn warm f_service f_local
    in_seconds "(f) first backup through the service, against a folder" f_service f_local 1.20
    kill $served && wait $served 2>/dev/null || true
    rm -rf "$place"
fi

# ---- (g) a million small files ---------------------------------------------------------------
if wants g; then
    million=$work/million
    if [ ! -e "$million.done" ]; then
        say "Writing a million small files"
        rm -rf "$million"
        for ((n = 0; n < 1000; n++)); do
            mkdir -p "$million/$n"
            seq $((n * 1000)) $((n * 1000 + 999)) | split -l 1 -a 3 -d - "$million/$n/file-"
        done
        touch "$million.done"
    fi
    g_first() { new ours && drop && backup ours "$million"; }
    g_again() { drop && backup ours "$million"; }
    g_first >"$work/g_first" && g_again >"$work/g_again"
    for run in first again; do
        row "(g) a million small files, peak memory, $run, MiB" "$(mebibytes "$(peak g_$run)")" "$(seconds g_$run) s" \
            "$(mebibytes "$(peak g_$run)")" 400
    done
fi
what_came_of_it
