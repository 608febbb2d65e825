#!/bin/sh
# Runs the Rust tests: with cargo-nextest where it is installed, with cargo otherwise. Each runs the same tests;
# documentation examples only cargo knows.
set -eu

if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --locked --no-tests=pass "$@"
    cargo test --locked --quiet --doc
else
    cargo test --locked --quiet "$@"
fi
