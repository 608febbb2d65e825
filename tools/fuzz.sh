#!/bin/sh
# Feeds damaged bank files to each reader, and any bytes to what reads requests, for some seconds; or to the targets that are
# named. As many at once as there are processors. What a run finds new is kept in out/fuzz, and what breaks a target stands beside it.
# Arguments: seconds, then names of targets in engine_rs/*/fuzz/fuzz_targets; none: all of them.
set -eu

seconds=$1
shift
host=$(rustc -vV | sed -n 's/^host: //p')
cargo +nightly --version >/dev/null 2>&1 || {
    echo "fuzzing needs a nightly compiler: rustup toolchain install nightly" >&2
    exit 1
}
# What `cargo fuzz` sets: coverage for the fuzzer, checks of memory, overflow and assertions.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1"
[ $# -gt 0 ] || set -- $(ls engine_rs/*/fuzz/fuzz_targets | sed -n 's/\.rs$//p')
for fuzz in engine_rs/*/fuzz; do
    for target in "$@"; do
        [ -f "$fuzz/fuzz_targets/$target.rs" ] || continue
        cargo +nightly build --locked --quiet --release --target "$host" --target-dir "$fuzz/target" --manifest-path "$fuzz/Cargo.toml"
        break
    done
done
# Freed memory that the sanitizer holds back is not the reader's.
export ASAN_OPTIONS=quarantine_size_mb=8
export seconds host
# Bounded as a server would bound it: memory in MiB, the time of one file in seconds.
printf '%s\n' "$@" | xargs -P "$(nproc)" -I TARGET sh -c '
    mkdir -p out/fuzz/TARGET
    fuzz=$(ls engine_rs/*/fuzz/fuzz_targets/TARGET.rs | sed "s|/fuzz_targets/.*||")
    set -- out/fuzz/TARGET
    for seeds in "$fuzz/seeds/TARGET" tests/samples/TARGET; do [ ! -d "$seeds" ] || set -- "$@" "$seeds"; done
    if "$fuzz/target/$host/release/TARGET" -max_total_time="$seconds" -rss_limit_mb=256 -timeout=10 -print_final_stats=1 \
        -artifact_prefix=out/fuzz/TARGET- "$@" >out/fuzz/TARGET.log 2>&1; then
        said() { sed -n "s/^stat::$1: *//p" out/fuzz/TARGET.log; }
        echo "TARGET: $(said number_of_executed_units) inputs in $seconds s, at most $(said peak_rss_mb) MB; nothing found"
    else
        tail -n 40 out/fuzz/TARGET.log >&2
        echo "TARGET: broken, see out/fuzz/TARGET-*" >&2
        exit 1
    fi'
