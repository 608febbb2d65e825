#!/bin/sh
# Feeds damaged bank files to each reader for some seconds, or to the readers that are named, as many at once as there are
# processors. What a run finds new is kept in out/fuzz, and a file that breaks a reader stands beside it.
# Arguments: seconds, then names of targets in engine_rs/statements/fuzz/fuzz_targets; none: all of them.
set -eu

seconds=$1
shift
fuzz=engine_rs/statements/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
cargo +nightly --version >/dev/null 2>&1 || {
    echo "fuzzing needs a nightly compiler: rustup toolchain install nightly" >&2
    exit 1
}
# What `cargo fuzz` sets: coverage for the fuzzer, checks of memory, overflow and assertions.
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1" \
    cargo +nightly build --locked --quiet --release --target "$host" --manifest-path $fuzz/Cargo.toml

[ $# -gt 0 ] || set -- $(cd $fuzz/fuzz_targets && ls | sed 's/\.rs$//')
# Freed memory that the sanitizer holds back is not the reader's.
export ASAN_OPTIONS=quarantine_size_mb=8
export seconds fuzz host
# Bounded as a server would bound it: memory in MiB, the time of one file in seconds.
printf '%s\n' "$@" | xargs -P "$(nproc)" -I TARGET sh -c '
    mkdir -p out/fuzz/TARGET
    set -- out/fuzz/TARGET
    for seeds in "$fuzz/seeds/TARGET" tests/samples/TARGET; do [ ! -d "$seeds" ] || set -- "$@" "$seeds"; done
    if "$fuzz/target/$host/release/TARGET" -max_total_time="$seconds" -rss_limit_mb=256 -timeout=10 -print_final_stats=1 \
        -artifact_prefix=out/fuzz/TARGET- "$@" >out/fuzz/TARGET.log 2>&1; then
        said() { sed -n "s/^stat::$1: *//p" out/fuzz/TARGET.log; }
        echo "TARGET: $(said number_of_executed_units) files in $seconds s, at most $(said peak_rss_mb) MB; nothing found"
    else
        tail -n 40 out/fuzz/TARGET.log >&2
        echo "TARGET: broken, see out/fuzz/TARGET-*" >&2
        exit 1
    fi'
