#!/usr/bin/env bash
# Slither over the contracts, in an environment of its own; exit 1 if a finding is of high or medium impact.
# A finding that is no fault is excused at its line, with the reason: `// slither-disable-next-line DETECTOR`.
# Slither does not see calls made in assembly (Isolated.sol): re-entrancy there is for the guard and the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/tool_environment.sh
tool_environment slither

# The build of the sources alone, in a place of its own: `out/` is the tests'.
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cp -R foundry.toml scripts/solc.cjs slither.config.json contracts "$build"
mkdir "$build/scripts" && mv "$build/solc.cjs" "$build/scripts" && ln -s "$PWD/node_modules" "$build/node_modules"
slither="$PWD/.venv-slither/bin/slither"
export PATH="$PWD/node_modules/.bin:$PATH"
cd "$build"
forge build --quiet --build-info --build-info-path out/build-info contracts/src
"$slither" . --foundry-ignore-compile --config-file slither.config.json --fail-medium "$@" || exit 1
