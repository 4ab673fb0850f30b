#!/usr/bin/env bash
# Makes .venv and node_modules from the pinned, hashed requirements. Idempotent; quick when nothing changed.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "setup: $1" >&2; }

fail() {
    say "$1"
    exit 3
}

trap 'say "interrupted; the next start installs what is missing."; exit 130' INT
trap 'say "terminated; the next start installs what is missing."; exit 143' TERM

find_python() {
    local candidate
    for candidate in "${QUITTANCE_PYTHON:-}" python3 python3.12 python3.11 python3.13 python; do
        [ -n "$candidate" ] || continue
        "$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
            2>/dev/null && { command -v "$candidate"; return; }
    done
    return 1
}

python=$(find_python) || fail "needs Python 3.11, 3.12 or 3.13 with its venv module; install one, or name it in QUITTANCE_PYTHON."
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' 2>/dev/null ||
    fail "needs Node 20 or newer (with npm) on the PATH; it runs the development chain and builds the contracts."
command -v npm >/dev/null || fail "needs npm, which comes with Node, on the PATH."
command -v git >/dev/null || fail "needs git on the PATH."

# One at a time: a second set-up waits for the first, and then finds everything there.
exec 9<scripts/setup.sh
lock() { "$python" -c "import fcntl; fcntl.flock(9, fcntl.LOCK_EX $1)" 2>/dev/null; }
lock '| fcntl.LOCK_NB' || { say "another set-up of this folder runs; waiting for it" && lock '' || true; }

stamp_of() { cat "$@" | git hash-object --stdin; }

# What is not finished has no stamp, and is made anew.
writable() { [ -w . ] || fail "cannot write in $PWD, where $1 is to be made."; }

[ ! -L .venv ] && [ ! -L node_modules ] ||
    fail "would empty what the link .venv or node_modules leads to; remove the link, and what is needed is installed here."

wanted="$(stamp_of requirements.txt pyproject.toml) $("$python" -c 'import sys; print(sys.version)') $PWD"
if [ "$(cat .venv/stamp 2>/dev/null)" != "$wanted" ]; then
    writable .venv
    say "installing the Python packages (about a minute the first time)"
    # Its words are kept until it fails: an interrupted one shows a traceback.
    words=$("$python" -m venv --clear .venv 2>&1) || fail "could not make .venv with $python: $words"
    .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --require-hashes \
        --requirement requirements.txt || fail "pip could not install requirements.txt; the lines above say why."
    .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation \
        --editable . || fail "pip could not install the project itself; the lines above say why."
    echo "$wanted" >.venv/stamp
fi

wanted="$(stamp_of package.json package-lock.json) $(node --version)"
if [ "$(cat node_modules/.stamp 2>/dev/null)" != "$wanted" ]; then
    writable node_modules
    say "installing the Node packages"
    npm ci --no-audit --no-fund --loglevel=error >&2 || fail "npm could not install package-lock.json; the lines above say why."
    echo "$wanted" >node_modules/.stamp
fi
