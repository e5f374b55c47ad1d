#!/usr/bin/env bash
# Runs every unpacker's fuzzer for a while (a minute unless said otherwise) and says what
# crashed, hung or took too much memory. Needs cargo-fuzz (`cargo install cargo-fuzz`); no
# nightly: without a sanitizer, since unsafe code is denied here and a panic is what we hunt.
#
#   agent/unpack/fuzz/run.sh [SECONDS] [TARGET …]
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
[ $# = 0 ] || shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(sed -n 's|^path = "targets/\(.*\)\.rs"|\1|p' Cargo.toml)
command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is missing: cargo install cargo-fuzz" >&2 && exit 2; }
work=${CARGO_TARGET_DIR:-$PWD/target}
triple=$(rustc -vV | sed -n 's/^host: //p')

# The samples, and what is in those that were compressed for their size.
seeds=$work/seeds
rm -rf "$seeds" && mkdir -p "$seeds"
for sample in ../samples/*.b64; do
    name=$(basename "$sample" .b64)
    base64 -d "$sample" >"$seeds/$name"
    case $name in
    *.gz) gzip -dc "$seeds/$name" >"$seeds/${name%.gz}" 2>/dev/null || true ;;
    *.xz) xz -dc "$seeds/$name" >"$seeds/${name%.xz}" 2>/dev/null || true ;;
    esac
done

# Coverage comes from an unstable compiler pass; a stable compiler is asked to allow it.
export RUSTC_BOOTSTRAP=1
cargo fuzz build --fuzz-dir . --sanitizer none --target "$triple" --target-dir "$work"
failed=()
for target in "${targets[@]}"; do
    corpus=$work/corpus/$target crashes=$PWD/artifacts/$target
    mkdir -p "$corpus" "$crashes"
    printf '== %s\n' "$target"
    "$work/$triple/release/$target" "$corpus" "$seeds" -artifact_prefix="$crashes/" -max_total_time="$seconds" \
        -max_len=65536 -timeout=10 -rss_limit_mb=512 -malloc_limit_mb=512 -print_final_stats=1 \
        >"$work/$target.log" 2>&1 || failed+=("$target")
    grep -E 'stat::(number_of_executed_units|peak_rss_mb)|^SUMMARY|panicked at' "$work/$target.log" | head -n 6 || true
done
[ ${#failed[@]} = 0 ] || {
    printf 'failed: %s; inputs in %s, logs in %s\n' "${failed[*]}" "$PWD/artifacts" "$work"
    exit 1
}
