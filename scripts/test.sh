#!/usr/bin/env bash
# Set-up, then every check and test. `scripts/test.sh fast` stops before what needs services (under two minutes);
# `scripts/test.sh planted` plants bugs in either verifier, and wants each exposed by the other (a minute or two).
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh

step() {
    echo "== $1"
    shift
    local start=$SECONDS
    "$@"
    echo "   ($((SECONDS - start)) s)"
}

bin=.venv/bin
export PATH="$PWD/node_modules/.bin:$PATH"
if [ "${1:-}" = planted ]; then
    step "planted bugs" $bin/pytest -q -n 2 -m planted tests/integration
    exit
fi
step "format" $bin/ruff format --check --quiet .
step "lint" $bin/ruff check --quiet .
step "types" $bin/mypy
step "layers" $bin/lint-imports --no-cache
if [ "${1:-}" = fast ]; then
    step "unit, property, architecture" $bin/pytest -q -n 2 tests/unit tests/property tests/architecture
    exit
fi
step "Solidity format" forge fmt --check
step "artifacts equal the build" $bin/python -m scripts.artifacts --check
step "Solidity tests" forge test
if [ ! tests/ganache/node_modules/.package-lock.json -nt tests/ganache/package-lock.json ]; then
    step "Ganache, a second kind of node" npm ci --prefix tests/ganache --no-audit --no-fund --loglevel=error
fi
# Three at once on two cores: much of this is waiting for servers.
step "all Python tests" $bin/pytest -q -n 3 --dist loadfile --durations 12 --durations-min 10 -m "not planted" tests/unit tests/property tests/architecture tests/simulation tests/faults tests/integration tests/e2e
