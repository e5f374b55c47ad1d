#!/usr/bin/env bash
# Builds Keepwatch, starts a controller on its embedded database and one agent on this
# machine, scans and backs up a real folder, restores from it, and says where the page is.
# A second run goes on with the same fleet; --stop ends and removes it.
#
#   ./deploy/quickstart.sh [FOLDER]     FOLDER: what to scan and back up [/usr/share/doc]
#   ./deploy/quickstart.sh --stop
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
home="${KEEPWATCH_QUICKSTART:-${XDG_DATA_HOME:-$HOME/.local/share}/keepwatch-quickstart}"
target="${CARGO_TARGET_DIR:-$top/target}"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
die() { printf '\n%s\n' "$*" >&2; exit 1; }

alive() { # name: is the process that its pid file names still it?
    local pid
    pid=$(cat "$home/$1.pid" 2>/dev/null) || return 1
    [ -e "/proc/$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q "keepwatch-$1"
}

stop() { # name
    alive "$1" || return 0
    local pid
    pid=$(cat "$home/$1.pid")
    kill "$pid"
    for _ in $(seq 100); do
        [ -e "/proc/$pid" ] || return 0
        sleep 0.1
    done
    kill -9 "$pid"
}

if [ "${1:-}" = --stop ]; then
    stop agent
    stop controller
    rm -rf "$home"
    echo "The quickstart fleet is stopped and $home is removed."
    exit 0
fi

folder=$(realpath -e -- "${1:-/usr/share/doc}") || die "There is no folder '${1:-/usr/share/doc}'; name one that exists."
command -v cargo >/dev/null || die "Rust is missing; install it (https://rustup.rs) and run this again."
if ! command -v cc >/dev/null; then
    say "Installing a C compiler"
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null
fi

say "1/7  Building (the first time takes a while: about 15 minutes on two cores)"
(cd "$top" && cargo build --workspace --locked)
bin="$target/debug"
mkdir -p "$home"
chmod 700 "$home"
export XDG_CONFIG_HOME="$home/config"

say "2/7  Starting the controller"
if [ ! -e "$home/controller/controller.toml" ]; then
    rm -rf "$home/controller"
    (umask 077 && "$bin/keepwatch-controller" init --data "$home/controller" --name localhost >"$home/init.txt")
fi
fingerprint=$(sed -n 's/^ *CA fingerprint *//p' "$home/init.txt")
password=$(sed -n 's/^ *one-time password *//p' "$home/init.txt")

start_controller() { # agents' address, staff's address
    : >"$home/controller.log"
    NO_COLOR=1 nohup "$bin/keepwatch-controller" serve --data "$home/controller" --agents "$1" --staff "$2" \
        >/dev/null 2>>"$home/controller.log" &
    echo $! >"$home/controller.pid"
    for _ in $(seq 200); do
        grep -q 'serving agents=' "$home/controller.log" && return 0
        alive controller || return 1
        sleep 0.1
    done
    return 1
}
if ! alive controller; then
    ports=$(cat "$home/ports" 2>/dev/null || echo "127.0.0.1:7443 127.0.0.1:8443")
    # Taken by something else? Then whichever are free.
    # shellcheck disable=SC2086
    start_controller $ports || start_controller 127.0.0.1:0 127.0.0.1:0 || die "The controller does not start: $(tail -n 3 "$home/controller.log")"
fi
agents=$(sed -n 's/.*serving agents=\([^ ]*\).*/\1/p' "$home/controller.log" | tail -n 1)
staff=$(sed -n 's/.* staff=\([^ ]*\).*/\1/p' "$home/controller.log" | tail -n 1)
echo "$agents $staff" >"$home/ports"
page="https://localhost:${staff##*:}"
door="https://localhost:${agents##*:}"
keepwatch() { "$bin/keepwatch" "$@"; }
printf '%s' "$password" | keepwatch login "$page" --user admin --fingerprint "$fingerprint" --password-file -

say "3/7  Publishing the starter signatures"
if ! keepwatch signatures sources 2>/dev/null | grep -q starter; then
    keepwatch signatures import "$top/deploy/signatures" --source starter
else
    keepwatch signatures list
fi

say "4/7  Enrolling this machine"
if [ ! -e "$home/agent/identity" ]; then
    token=$(keepwatch tokens create --output json | sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')
    "$bin/keepwatch-agent" enroll --controller "$door" --token "$token" --state "$home/agent"
fi
sed -i "s|^controller = .*|controller = \"$door\"|; s|^# restore_roots = .*|restore_roots = [\"$home/restored\"]|; \
    s|^reconnect_first_seconds = .*|reconnect_first_seconds = 1|" "$home/agent/agent.toml"
if ! alive agent; then
    NO_COLOR=1 nohup "$bin/keepwatch-agent" run --state "$home/agent" >/dev/null 2>>"$home/agent.log" &
    echo $! >"$home/agent.pid"
fi
status() { "$bin/keepwatch-agent" status --state "$home/agent" --output json 2>/dev/null; }
for _ in $(seq 600); do
    status | grep -q '"bundle": *[1-9]' && status | grep -q '"connected": *true' && break
    alive agent || die "The agent does not run: $(tail -n 3 "$home/agent.log")"
    sleep 0.1
done
host=$(status | sed -n 's/.*"host": *"\([^"]*\)".*/\1/p')
keepwatch hosts show "$host"

say "5/7  Scanning $folder, and a folder with the EICAR test file in it"
mkdir -p "$home/planted"
# In pieces, so that no scanner trips over this script.
printf '%s%s%s' 'X5O!P%@AP[4\PZX54(P^)7CC)7}' '$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!' '$H+H*' >"$home/planted/eicar.com"
cat >"$home/policy.yaml" <<POLICY
time_zone: Asia/Shanghai
scan:
  schedule: "15 12 * * *"
  paths: ["$folder", "$home/planted"]
backup:
  schedule: "40 12 * * wed"
  paths: ["$folder", "$home/planted"]
POLICY
keepwatch policies apply all -f "$home/policy.yaml"
keepwatch scan "$host" --watch
keepwatch detections

say "6/7  Backing up, and restoring into a new folder"
keepwatch backup "$host" --watch
keepwatch snapshots "$host"
# Without --infected the planted file, which is infected, would be left out.
keepwatch restore "$host" latest --infected --watch
restored=$(keepwatch jobs list --host "$host" --limit 1 --output json | sed -n 's/.*"target": *"\([^"]*\)".*/\1/p' | head -n 1)
diff -r --no-dereference "$folder" "$restored$folder" && diff -r "$home/planted" "$restored$home/planted" ||
    die "The restored files differ from the original ones."
echo "Compared byte for byte: $restored$folder is the same as $folder."
rm -rf "$restored"

say "7/7  Ready"
cat <<READY
  The page         $page   (its certificate is the controller's own; the browser will ask)
  User, password   admin   $password
  Command line     export XDG_CONFIG_HOME=$XDG_CONFIG_HOME PATH="$bin:\$PATH"; keepwatch hosts
  Stop and remove  ./deploy/quickstart.sh --stop
READY
