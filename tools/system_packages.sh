#!/bin/sh
# Installs the Debian packages of system-packages.txt that are missing, when that can be done without asking:
# as root on Debian or Ubuntu. Otherwise prints the one command that does it and leaves with status 1.
set -eu

list=$(dirname "$0")/../system-packages.txt
missing=
for package in $(sed 's/#.*//' "$list"); do
    if ! dpkg-query --show --showformat='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$'; then
        missing="$missing $package"
    fi
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    printf '%s\n' "The tests need what Debian calls:$missing" "Install these with your system's package manager." >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    printf '%s\n' "The tests need:$missing" "Run:  sudo apt-get install --yes --no-install-recommends$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
printf 'installing:%s\n' "$missing"
# The lists may be old or missing on a fresh machine: they are fetched only when the first try fails.
# shellcheck disable=SC2086 # a list of words
apt-get install --quiet --quiet --yes --no-install-recommends $missing >/dev/null 2>&1 || {
    apt-get update --quiet --quiet
    apt-get install --quiet --quiet --yes --no-install-recommends $missing >/dev/null
}
