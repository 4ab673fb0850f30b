#!/usr/bin/env bash
# Set-up, then every check and test. `scripts/test.sh fast` stops before what needs services (under two minutes);
# `scripts/test.sh planted` plants bugs in either verifier, and wants each exposed by the other (a minute or two).
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh

# The tests start hundreds of processes, each of which would compile our sources again.
unset PYTHONDONTWRITEBYTECODE

step() {
    echo "== $1"
    shift
    local start=$SECONDS
    "$@"
    echo "   ($((SECONDS - start)) s)"
}

contract_checks() {
    step "Solidity format" forge fmt --check
    step "artifacts equal the build" $bin/python -m scripts.artifacts --check
    step "Solidity tests" forge test
}

# In its folder, and not by --prefix: npm would look for the machine's settings (certificates, proxy, registry) below it.
install_ganache() { (cd tests/ganache && npm ci --no-audit --no-fund --loglevel=error); }

bin=.venv/bin
export PATH="$PWD/node_modules/.bin:$PATH"
if [ "${1:-}" = planted ]; then
    step "planted bugs" $bin/pytest -q -n 2 -m planted tests/integration
    exit
fi
if [ "${1:-}" != fast ]; then
    # The compiler runs on one core for minutes: beside all that needs neither contracts nor servers.
    said=$(mktemp)
    set -m # a process group of its own, to end as one
    contract_checks >"$said" 2>&1 </dev/null &
    contracts=$!
    set +m
    trap 'kill -- "-$contracts" 2>/dev/null || true; rm -f "$said"' EXIT
fi
step "format" $bin/ruff format --check --quiet .
step "lint" $bin/ruff check --quiet .
step "types" $bin/mypy
step "layers" $bin/lint-imports --no-cache
step "unit, property, architecture" $bin/pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests/property tests/architecture tests/unit
if [ "${1:-}" = fast ]; then
    exit
fi
failed=0
wait "$contracts" || failed=$?
cat "$said"
[ "$failed" = 0 ] || exit "$failed"
if [ ! tests/ganache/node_modules/.package-lock.json -nt tests/ganache/package-lock.json ]; then
    step "Ganache, a second kind of node" install_ganache
fi
# Three at once on two cores: much of this is waiting for servers. The longest begin first.
step "tests on real servers" $bin/pytest -q -n 3 --dist loadfile --no-loadscope-reorder --durations 12 --durations-min 10 \
    -m "not planted" tests/e2e tests/simulation tests/integration tests/faults
