#!/bin/sh
# Feeds damaged bank files to each reader for some seconds, or to the readers that are named. What a run finds new is kept in
# out/fuzz, and a file that breaks a reader stands beside it.
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
for target; do
    mkdir -p "out/fuzz/$target" "$fuzz/seeds/$target"
    # Bounded as a server would bound it: memory in MiB, the time of one file in seconds.
    if "$fuzz/target/$host/release/$target" -max_total_time="$seconds" -rss_limit_mb=512 -timeout=10 \
        -artifact_prefix="out/fuzz/$target-" "out/fuzz/$target" "$fuzz/seeds/$target" >"out/fuzz/$target.log" 2>&1; then
        echo "$target: $(tail -n 1 "out/fuzz/$target.log")"
    else
        tail -n 40 "out/fuzz/$target.log" >&2
        exit 1
    fi
done
