#!/usr/bin/env bash
# Cross-compiles the agent and its two engines for Windows with what Debian ships; with
# --run, scans, backs up and restores a small folder with the result under wine.
# Everything made lies in a cache folder outside the tree; see README.md beside this file.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${KEEPWATCH_WINDOWS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/keepwatch-windows}
target=x86_64-pc-windows-gnu
mingw=x86_64-w64-mingw32
run=false

say() { printf '\n==> %s\n' "$*"; }
die() { printf '\nbuild.sh: %s\n' "$*" >&2; exit 1; }

usage() {
    cat <<END
usage: deploy/windows/build.sh [--run]
  --run   then scan, back up and restore with the agent under wine
Products lie below $cache; \$KEEPWATCH_WINDOWS_CACHE names another folder.
END
}

install_missing() { # PACKAGE...
    local package missing=() as_root=()
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]} > 0)) || return 0
    say "Installing ${missing[*]}"
    ((EUID == 0)) || as_root=(sudo)
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --no-install-recommends "${missing[@]}" ||
        die "apt-get could not install them; try again after 'apt-get update'"
}

# Debian's cargo and compiler, whichever ones rustup has put first in PATH.
cargo_for_windows() { # TARGET_DIR RUSTFLAG... -- CARGO_ARGUMENT...
    local target_dir=$1 flags=()
    shift
    while [[ $1 != -- ]]; do
        flags+=("$1")
        shift
    done
    shift
    # This variable's separator lets a path contain spaces.
    CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && printf '%s' "${flags[*]}") \
        CARGO_TARGET_DIR=$target_dir CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=$mingw-gcc \
        CARGO=/usr/bin/cargo RUSTC=/usr/bin/rustc /usr/bin/cargo build --target "$target" "$@"
}

# Debian has no standard library for this target, but the source of one. It is compiled once,
# with a switch that stable compilers do not have; all else is built against the result as
# usual. It fits the compiler that made it and no other.
build_std() {
    sysroot=$cache/sysroot-$(dpkg-query -W -f '${Version}' rustc-web)
    [[ ! -e $sysroot/complete ]] || return 0
    say "Compiling the standard library (once)"
    local work=$cache/std
    rm -rf "$work" "$sysroot"
    mkdir -p "$work/src" "$sysroot/lib/rustlib/$target/lib"
    printf '[package]\nname = "std-for-windows"\nedition = "2024"\n[workspace]\n' >"$work/Cargo.toml"
    printf 'fn main() {}\n' >"$work/src/main.rs"
    # Link-time optimisation reads the bitcode.
    RUSTC_BOOTSTRAP=1 cargo_for_windows "$work/target" -C embed-bitcode=yes -- \
        --manifest-path "$work/Cargo.toml" --release -Zbuild-std=std,panic_unwind
    cp "$work/target/$target/release/deps/"*.rlib "$sysroot/lib/rustlib/$target/lib/"
    ln -s /usr/lib/rustlib/x86_64-unknown-linux-gnu "$sysroot/lib/rustlib/x86_64-unknown-linux-gnu"
    rm -rf "$work"
    touch "$sysroot/complete"
}

build_agent() {
    say "Compiling keepwatch-agent and its engines for Windows"
    cargo_for_windows "$cache/target" --sysroot "$sysroot" -- --manifest-path "$root/Cargo.toml" --locked \
        --release -p keepwatch-scan -p keepwatch-backup -p keepwatch-agent
    exe=$cache/target/$target/release/keepwatch-agent.exe
}

# A PC has Windows' libraries and not the compiler's.
check_imports() {
    local foreign
    foreign=$("$mingw-objdump" -p "$exe" | sed -n 's/.*DLL Name: //p' | grep -i '^lib' | sort -u | tr '\n' ' ' || true)
    [[ -z $foreign ]] || die "the agent needs $foreign: no PC has that"
}

set_up_wine() {
    install_missing wine wine64
    local libraries=$cache/wine-libraries
    mkdir -p "$libraries"
    "$mingw-gcc" -O2 -shared -o "$libraries/bcryptprimitives.dll" "$here/process-prng.c" -ladvapi32
    export WINEPREFIX=$cache/wine WINEARCH=win64 WINEPATH=$libraries WINEDEBUG=-all
    # No .NET, browser or menus; and names beyond ASCII exist for wine only in a UTF-8 locale.
    export WINEDLLOVERRIDES='mscoree,mshtml,winemenubuilder.exe=' LC_ALL=C.UTF-8
    unset DISPLAY
    trap 'wineserver -k || true' EXIT
    [[ ! -e $WINEPREFIX/complete ]] || return 0
    say "Setting up wine (once)"
    wineboot --init >"$cache/wineboot.log" 2>&1 || die "wine does not start; see $cache/wineboot.log"
    # The oldest Windows that Rust's programs are for; wine's own choice is 7.
    wine reg add 'HKCU\Software\Wine' /v Version /d win10 /f >>"$cache/wineboot.log" 2>&1
    wineserver -w
    touch "$WINEPREFIX/complete"
}

agent() { # EXPECTED_EXIT_CODE ARGUMENT...
    local expected=$1 code=0
    shift
    printf '$ keepwatch-agent.exe %s\n' "$*" >&2
    wine "$exe" "$@" || code=$?
    [[ $code == "$expected" ]] || die "it ended with code $code instead of $expected"
}

# Names, sizes, depth, times and marks that are easily lost, and that Windows can hold.
make_office() { # FOLDER
    local office=$1 deep=$1 long
    mkdir -p "$office/empty folder" "$office/科室 文件"
    printf 'plain text\r\n' >"$office/科室 文件/二〇二六年 工作计划.txt"
    printf 'not to be changed\n' >"$office/read-only.txt"
    chmod 444 "$office/read-only.txt"
    : >"$office/empty file"
    head -c 3000000 /dev/urandom >"$office/noise.bin"
    head -c 2000000 /dev/zero >"$office/zeros.bin"
    printf -v long '%0230d.txt' 1
    printf 'a long name\n' >"$office/$long"
    for _ in {1..10}; do deep+=/a-folder-in-a-folder-in-a-folder; done
    mkdir -p "$deep"
    printf 'more than 260 letters away\n' >"$deep/far away.txt"
    find "$office" -exec touch -d '2024-02-29T12:34:56.7654321Z' {} +
}

listing() { # FOLDER: kinds, times, sizes, read-only marks and names of all that lies in it
    (cd "$1" && find . -type d -printf 'd %T@ %P\n' -o -printf '%y %T@ %s %m %P\n' | sort)
}

same() { # FOLDER FOLDER
    diff -r "$1" "$2" || die "the content differs"
    diff <(listing "$1") <(listing "$2") || die "times, marks or kinds differ"
}

try_scan() {
    local report=$here_on_c/report.json
    say "Scanning a clean folder, then one with the EICAR test file"
    agent 0 scan 'C:\try\office' --rules 'C:\try\rules' --output json >"$report"
    ! grep -E '"rule": ?"' "$report" || die "something was found in the clean folder; see $report"
    mkdir -p "$here_on_c/infected/下载"
    # In two pieces, so that no virus scanner takes this script for it.
    # shellcheck disable=SC2016
    printf '%s' 'X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-' 'ANTIVIRUS-TEST-FILE!$H+H*' \
        >"$here_on_c/infected/下载/test.com"
    agent 1 scan 'C:\try\infected' --rules 'C:\try\rules' --output json >"$report"
    grep -oE '"rule": ?"EICAR_Test_File"' "$report" || die "the EICAR test file was not found; see $report"
    say "Having it start with the user, and scanning what starts"
    # wine lets a user's folders lead to this machine's own home.
    find "$WINEPREFIX/drive_c/users" -maxdepth 2 -type l -delete
    mv "$here_on_c/infected/下载/test.com" "$here_on_c/infected/starts with li.com"
    wine reg add 'HKCU\Software\Microsoft\Windows\CurrentVersion\Run' /v keepwatch-try /f \
        /d 'C:\try\infected\starts with li.com /quietly' >/dev/null
    local code=0
    wine "$exe" scan --quick --rules 'C:\try\rules' --no-unpack --output json >"$report" || code=$?
    wine reg delete 'HKCU\Software\Microsoft\Windows\CurrentVersion\Run' /v keepwatch-try /f >/dev/null
    [[ $code == 1 ]] && grep -oE '"path": ?"[^"]*starts with li.com"' "$report" ||
        die "what starts with the user was not scanned (code $code); see $report"
}

try_backup() {
    say "Backing up, restoring and comparing"
    local options=(--repository 'C:\try\repository' --password-file 'C:\try\password')
    head -c 24 /dev/urandom | base64 >"$here_on_c/password"
    agent 0 backup "${options[@]}" --init 'C:\try\office'
    agent 0 restore "${options[@]}" latest --target 'C:\try\restored'
    same "$here_on_c/office" "$here_on_c/restored/C/try/office"
    say "Restoring over what was changed since: refused, then allowed"
    local changed
    changed=$(find "$here_on_c/restored" -type f | head -n 1)
    echo changed >>"$changed"
    agent 3 restore "${options[@]}" latest --target 'C:\try\restored'
    agent 0 restore "${options[@]}" latest --target 'C:\try\restored' --overwrite
    same "$here_on_c/office" "$here_on_c/restored/C/try/office"
    if command -v restic >/dev/null; then
        say "Reading that repository with restic"
        options=(--no-cache --repo "$here_on_c/repository" --password-file "$here_on_c/password")
        restic "${options[@]}" check --read-data
        restic "${options[@]}" restore latest --target "$here_on_c/restored-by-restic"
        diff -r "$here_on_c/office" "$here_on_c/restored-by-restic/C/try/office" || die "the content differs"
    fi
}

try_agent() {
    set_up_wine
    here_on_c=$WINEPREFIX/drive_c/try
    rm -rf "$here_on_c"
    mkdir -p "$here_on_c/rules"
    cp "$root"/deploy/signatures/*.yar "$here_on_c/rules/"
    make_office "$here_on_c/office"
    try_scan
    try_backup
    say "Scan, backup and restore work"
}

main() {
    while (($# > 0)); do
        case $1 in
            --run) run=true ;;
            -h | --help) usage && exit ;;
            *) usage >&2 && exit 2 ;;
        esac
        shift
    done
    mkdir -p "$cache"
    install_missing rustc-web cargo-web rust-web-src gcc-mingw-w64-x86-64
    build_std
    build_agent
    check_imports
    ! $run || try_agent
    say "$exe ($(du -h --apparent-size "$exe" | cut -f1))"
}

main "$@"
