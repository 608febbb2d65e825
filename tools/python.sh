#!/bin/sh
# Prints the Python that `make setup` builds on, or says in plain words what is missing.
# KASIR_PYTHON names one outright.
set -eu

say() { printf '%s\n' "$@" >&2; }

usable() {
    # A shim of a version manager may exist without the version behind it, so it is asked, not looked up.
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

python=
for candidate in ${KASIR_PYTHON:-python3.13 python3.12 python3.11 python3}; do
    if usable "$candidate"; then
        python=$("$candidate" -c "import sys; print(sys.executable)")
        break
    fi
done

if [ -z "$python" ]; then
    say "Kasir needs Python 3.11 or newer, and none was found${KASIR_PYTHON:+ at KASIR_PYTHON=$KASIR_PYTHON}." \
        "On Debian or Ubuntu:  sudo apt-get install python3 python3-venv" \
        "Elsewhere: https://www.python.org/downloads/, then run make setup again."
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    say "$python cannot make virtual environments: its venv module is missing." \
        "On Debian or Ubuntu:  sudo apt-get install python3-venv"
    exit 1
fi
printf '%s\n' "$python"
