#!/bin/sh
# Make .venv with $PYTHON (3.11 or later), or say in one line what is missing.
set -eu
python=${PYTHON:-python3}

fail() {
    echo "keypost: $1" >&2
    exit 1
}

command -v "$python" >/dev/null || fail "there is no $python; install Python 3.11 or later"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old; Python 3.11 or later is needed (make PYTHON=python3.12 ...)"

rm -rf .venv
"$python" -m venv .venv >/dev/null 2>&1 && exit 0

# Debian and its relatives ship the venv module apart.
install="apt-get install -y python3-venv"
rm -rf .venv
command -v apt-get >/dev/null || fail "$python has no venv module; install it and run make again"
[ "$(id -u)" -eq 0 ] || fail "run 'sudo $install' once, then make again"
echo "Installing python3-venv ..."
{ apt-get update && DEBIAN_FRONTEND=noninteractive $install; } >/dev/null 2>&1 ||
    fail "'$install' failed; run it by hand to see why"
"$python" -m venv .venv
