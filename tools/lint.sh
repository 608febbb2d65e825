#!/bin/sh
# Every check that needs no running program, all of them even when an early one fails, so that one run tells all.
# Arguments: the folders of Python to look at.
set -u

bin=.venv/bin
failed=

check() {
    name=$1
    shift
    printf -- '-- %s\n' "$name"
    "$@" || failed="$failed $name,"
}

check "ruff format" "$bin/ruff" format --check --quiet "$@"
check "ruff" "$bin/ruff" check --quiet "$@"
check "mypy" "$bin/python" -m mypy --no-error-summary
check "import rules" "$bin/lint-imports" --no-logo
check "buf lint" "$bin/buf" lint
check "generated code" "$bin/python" tools/gen.py --check
check "rustfmt" cargo fmt --all --check
check "clippy" cargo clippy --workspace --all-targets --locked --quiet -- --deny warnings

if [ -n "$failed" ]; then
    printf 'red:%s\n' "${failed%,}" >&2
    exit 1
fi
echo "all checks passed"
