#!/usr/bin/env bash
# Mutation testing of pure modules: changes each function in many small ways, one at a time, and counts how many of
# the changes some unit or property test notices. `scripts/mutate.sh [FILE.py …]`, by default every pure module of
# settlement/royalties and contracts. Prints a score for each, lowest last, and the changes that nothing noticed
# (their diffs with --show). Hours for all of them, minutes for one; nothing is left in the tree.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || scripts/setup.sh
root=$PWD
show=false
if [ "${1:-}" = --show ]; then show=true && shift; fi

wanted="$(git hash-object scripts/mutate-requirements.txt) $(cat .venv/stamp 2>/dev/null)"
if [ "$(cat .venv-mutate/stamp 2>/dev/null)" != "$wanted" ]; then
    echo "mutate: installing mutmut (about a minute the first time)" >&2
    .venv/bin/python -m venv --clear .venv-mutate
    .venv-mutate/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --requirement scripts/mutate-requirements.txt
    # Everything else is that of .venv; not the project itself, which a tree of its own holds.
    .venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
        >"$(.venv-mutate/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/venv.pth"
    echo "$wanted" >.venv-mutate/stamp
fi

pure_modules() {
    .venv/bin/python - <<'PYTHON'
from tests.architecture.test_tidy import PURE, ROOT
for name, path in PURE:
    if name.startswith(("settlement.royalties", "contracts.")) and path.name != "__init__.py":
        print(path.relative_to(ROOT))
PYTHON
}

# Unit and property tests that name the module; mutmut runs of those the ones that reach the changed function.
tests_of() {
    local package=${1%/*} name
    name=$(basename "$1" .py)
    grep -rlE "from ${package//\//.} import .*\b$name\b|${package//\//.}\.$name\b" tests/unit tests/property --include=*.py
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mutate() {
    local file=$1 module tests
    module=$(echo "${file%.py}" | tr / .)
    tests=$(tests_of "$file") || { echo "mutate: no unit or property test names $module" >&2; return 1; }
    rm -rf "$work/tree" && mkdir "$work/tree"
    git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/tree" 2>/dev/null || true
    [ ! -d ../shared ] || ln -s "$root/../shared" "$work/tree/shared"  # beside the mutants: published data sets
    {
        echo "[tool.mutmut]"
        echo "source_paths = [\"$file\"]"
        echo 'also_copy = ["api", "contracts", "indexer", "reconciliation", "scripts", "settlement", "tests", "pyproject.toml"]'
        echo 'pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-profile=ci"]'
        echo "pytest_add_cli_args_test_selection = [$(echo "$tests" | sed 's/.*/"&"/' | paste -sd,)]"
        echo "use_git_change_detection = false"
        echo "track_dependencies = false"
    } >>"$work/tree/pyproject.toml"
    echo "== $module" >&2
    (
        cd "$work/tree"
        PYTHONDONTWRITEBYTECODE=1 \
            "$root/.venv-mutate/bin/mutmut" run --max-children "${MUTATE_PROCESSES:-1}" >"$work/log" 2>&1 ||
            { tail -20 "$work/log" >&2; return 1; }
        "$root/.venv-mutate/bin/mutmut" export-cicd-stats >/dev/null
        "$root/.venv-mutate/bin/mutmut" results | grep -vE ': (killed|caught by type check)$' | sed 's/^ */  /' >&2 || true
        if $show; then
            "$root/.venv-mutate/bin/mutmut" results | sed -nE 's/^ *(.*): survived$/\1/p' |
                while read -r mutant; do "$root/.venv-mutate/bin/mutmut" show "$mutant" >&2; done
        fi
        "$root/.venv/bin/python" - "$module" <<'PYTHON'
import json, sys
stats = json.load(open("mutants/mutmut-cicd-stats.json"))
total, survived = stats["total"], stats["survived"] + stats["no_tests"]
noticed = total - survived - stats.get("skipped", 0)
score = 100 * noticed // total if total else 100
print(f"{score:4} %  {noticed:5} of {total:5} noticed  {sys.argv[1]}")
PYTHON
    ) >>"$work/scores"
}

files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(pure_modules)
failed=0
for file in "${files[@]}"; do mutate "$file" || failed=1; done
sort -rn "$work/scores"
exit $failed
