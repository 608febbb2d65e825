#!/bin/sh
# Says in plain words what is missing for building the Rust core; silent when nothing is.
set -eu

say() { printf '%s\n' "$@" >&2; }

needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

if ! found=$(cargo --version 2>/dev/null); then
    say "Kasir's core is written in Rust, and cargo was not found (Rust $needed or newer is needed)." \
        "Install it from https://rustup.rs, open a new shell, then run make setup again."
    exit 1
fi
found=${found#cargo }
found=${found%% *}
if [ "$(printf '%s\n%s\n' "$needed" "$found" | sort -V | head -n 1)" != "$needed" ]; then
    say "Kasir needs Rust $needed or newer; cargo here is $found." \
        "With rustup:  rustup update stable"
    exit 1
fi
if ! command -v cc >/dev/null 2>&1; then
    say "A C compiler is missing: LMDB is compiled with it, and Rust links with it." \
        "On Debian or Ubuntu:  sudo apt-get install build-essential"
    exit 1
fi
