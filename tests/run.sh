#!/usr/bin/env bash
# Installs what the tests need (Debian packages, used for real), then checks and runs
# everything. Only Rust must be there already. The first build takes a while.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

need() { # program, package …
    command -v "$1" >/dev/null && return
    shift
    missing+=("$@")
}

missing=()
need cc gcc libc6-dev
need restic restic
need age age
need /usr/lib/openssh/sftp-server openssh-sftp-server
need mkfs.btrfs btrfs-progs
need sqlite3 sqlite3
need pdftotext poppler-utils
need chromium chromium
need chromedriver chromium-driver
[ -n "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || missing+=(postgresql)
if [ ${#missing[@]} -gt 0 ]; then
    say "Installing ${missing[*]}"
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# A database server of our own, on loopback, gone with this script.
postgres=$(mktemp -d)
initdb=$(ls -d /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
pg_bin=$(dirname "$initdb")
port=$((20000 + RANDOM % 20000))
as_user=()
if [ "$(id -u)" = 0 ]; then # PostgreSQL does not run as root
    chown postgres "$postgres"
    as_user=(runuser -u postgres --)
fi
in_database() { (cd "$postgres" && "${as_user[@]}" "$@"); }
stop_postgres() {
    in_database "$pg_bin/pg_ctl" -D "$postgres/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$postgres"
}
trap stop_postgres EXIT
say "Starting PostgreSQL"
in_database "$initdb" -D "$postgres/data" -A trust -U keepwatch >/dev/null
in_database "$pg_bin/pg_ctl" -D "$postgres/data" -w -l "$postgres/log" \
    -o "-c listen_addresses=127.0.0.1 -p $port -k $postgres" start >/dev/null
export KEEPWATCH_TEST_POSTGRES="postgres://keepwatch@127.0.0.1:$port"

say "Format"
cargo fmt --all --check
say "Build"
cargo build --workspace --all-targets --locked
say "Lints"
cargo clippy --workspace --all-targets --locked -- -D warnings
say "Tests"
cargo test --workspace --locked --no-fail-fast
