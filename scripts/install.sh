#!/usr/bin/env bash
# Makes .venv from a hashed lock: `scripts/install.sh run` for serving, `scripts/install.sh dev` to test as well.
# A stamp inside .venv holds the hash of what is installed. It is written last, so whatever was cut off is done again.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-dev}
case $kind in
    run) lock=requirements.txt stamp=.venv/.installed-run text="the desk" ;;
    dev) lock=requirements-dev.txt stamp=.venv/.installed-dev text="the desk and what tests and checks need" ;;
    *) echo "Usage: scripts/install.sh run|dev" >&2; exit 2 ;;
esac
busy=.venv/.installing

fail() {
    printf 'Setting up did not work: %s\n' "$1" >&2
    exit 1
}

# A candidate may be a version manager's shim that only fails, or lack what makes environments: so each one is run.
is_usable() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.11 python3.12 python3.13 python3.14; do
        if [ -n "$candidate" ] && is_usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "no working Python 3.11 or newer with its venv module was found. Install one (Debian and Ubuntu:
apt-get install python3 python3-venv), or name yours: PYTHON=/path/to/python make setup"
}

hash_of() {
    "$1" -c 'import hashlib, sys; print(hashlib.sha256(b"".join(open(n, "rb").read() for n in sys.argv[1:])).hexdigest())' "${@:2}"
}

# Two makes at once would spoil each other's work; the second waits and then finds everything done.
if command -v flock >/dev/null 2>&1; then
    exec 9<requirements.txt
    flock 9
fi

python=.venv/bin/python
if [ ! -f "$busy" ] && [ -f "$stamp" ] && is_usable $python && [ "$(cat "$stamp")" = "$(hash_of $python "$lock")" ]; then
    exit 0
fi

if [ -f "$busy" ] || ! is_usable $python; then
    base=$(find_python)
    echo "Making .venv with $("$base" --version)."
    "$base" -m venv --clear .venv || fail "$base cannot make a virtual environment here (see above)."
fi

echo "Installing $text from $lock. The first time this takes about a minute."
rm -f "$stamp"
touch "$busy"
$python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r "$lock" ||
    fail "pip could not install $lock (see above). Is the network there? Then run the same command again."
hash_of $python "$lock" >"$stamp"
if [ "$kind" = dev ]; then
    hash_of $python requirements.txt >.venv/.installed-run
fi
rm -f "$busy"
