#!/usr/bin/env bash
# Sourced, at the root of the repository. `tool_environment NAME [COMMAND …]` makes .venv-NAME, for a tool that pins
# other packages than ours, from scripts/NAME-requirements.txt; COMMAND does what is left to do once they are installed.
# Idempotent: it is made anew when the requirements or .venv have changed, or when it was not finished.
tool_environment() {
    local name=$1 wanted
    shift
    [ -x .venv/bin/python ] && [ -d node_modules ] || scripts/setup.sh
    wanted="$(git hash-object "scripts/$name-requirements.txt") $(cat .venv/stamp 2>/dev/null)"
    [ "$(cat ".venv-$name/stamp" 2>/dev/null)" != "$wanted" ] || return 0
    echo "$name: installing (about a minute the first time)" >&2
    .venv/bin/python -m venv --clear ".venv-$name"
    ".venv-$name/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --requirement "scripts/$name-requirements.txt"
    "$@"
    echo "$wanted" >".venv-$name/stamp"
}
