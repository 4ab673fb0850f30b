#!/usr/bin/env bash
# Mutation testing of pure modules: changes each function in many small ways, one at a time, and counts how many of
# the changes some unit or property test notices. `scripts/mutate.sh [--show] [--sample N] [FILE.py …]`, by default
# every pure module of settlement/royalties and contracts. Prints a score for each, lowest last (0 % if no test reaches
# it), and the changes that nothing noticed (their diffs with --show). With --sample, N changes of each module, drawn
# by a fixed seed: about a minute a module instead of many. Nothing is left in the tree.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/tool_environment.sh
root=$PWD
show=false sample=0
while :; do
    case "${1:-}" in
        --show) show=true && shift ;;
        --sample) sample=$2 && shift 2 ;;
        *) break ;;
    esac
done

# Everything else is that of .venv; not the project itself, which a tree of its own holds.
see_our_packages() {
    .venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
        >"$(.venv-mutate/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/venv.pth"
}
tool_environment mutate see_our_packages

pure_modules() {
    .venv/bin/python - <<'PYTHON'
from tests.architecture.test_tidy import PURE, ROOT
for name, path in PURE:
    if name.startswith(("settlement.royalties", "contracts.")) and path.name != "__init__.py":
        print(path.relative_to(ROOT))
PYTHON
}

# Unit and property tests that name the module $2 of the package $1.
tests_naming() {
    grep -rlE "from ${1//\//.} import .*\b$2\b|${1//\//.}\.$2\b" tests/unit tests/property --include=*.py || true
}

# Modules of the same package that import the module of a file.
importers_of() {
    local package=${1%/*} name
    name=$(basename "$1" .py)
    grep -lE "^from ${package//\//.}(\.$name import| import .*\b$name\b)" "$package"/*.py |
        xargs --no-run-if-empty --max-args=1 basename --suffix .py
}

# What a module is tried by: unit and property tests that name it, or a module that imports it, and for royalties the
# golden epochs; where there are none, all of its package. mutmut runs of those the ones that reach the changed
# function. What everything is made of (contracts) is named everywhere: there, the module's own tests.
tests_of() {
    local package=${1%/*} name
    name=$(basename "$1" .py)
    if [ "$package" = contracts ] && [ -f "tests/unit/contracts/test_$name.py" ]; then
        echo "tests/unit/contracts/test_$name.py"
        return
    fi
    {
        [ "$package" != settlement/royalties ] || echo tests/unit/settlement/royalties/test_derivation.py
        for name in "$name" $(importers_of "$1"); do tests_naming "$package" "$name"; done
    } | sort -u | grep . || echo "tests/unit/$package"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

run_mutmut() {
    PYTHONDONTWRITEBYTECODE=1 "$root/.venv-mutate/bin/mutmut" run --max-children "${MUTATE_PROCESSES:-1}" "$@" \
        >"$work/log" 2>&1 || grep -q "could not find any test case for any mutant" "$work/log"
}

# The end of its log, as a terminal would show it: without what was written over.
tell() { sed -E 's/^.*\r//' "$work/log" | grep -v '^ *$' | tail -20 >&2; }

mutate() {
    local file=$1 module
    module=$(echo "${file%.py}" | tr / .)
    rm -rf "$work/tree" && mkdir "$work/tree"
    git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/tree" 2>/dev/null || true
    [ ! -d ../shared ] || ln -s "$root/../shared" "$work/tree/shared"  # beside the mutants: published data sets
    {
        echo "[tool.mutmut]"
        echo "source_paths = [\"$file\"]"
        echo 'also_copy = ["api", "contracts", "indexer", "reconciliation", "scripts", "settlement", "tests", "pyproject.toml"]'
        echo 'pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-profile=ci"]'
        echo "pytest_add_cli_args_test_selection = [$(tests_of "$file" | sed 's/.*/"&"/' | paste -sd,)]"
        echo "use_git_change_detection = false"
        echo "track_dependencies = false"
        echo "timeout_multiplier = 3"  # of twice what the tests take: what never ends is noticed too
    } >>"$work/tree/pyproject.toml"
    echo "== $module" >&2
    (
        cd "$work/tree"
        drawn=()
        if [ "$sample" -gt 0 ]; then
            # Ends with "nothing matches", once the changes are made and the tests are timed.
            run_mutmut no-such-change || true
            mapfile -t drawn < <("$root/.venv/bin/python" - "mutants/$file.meta" "$sample" <<'PYTHON'
import json, os, random, sys
names = sorted(json.load(open(sys.argv[1]))["exit_code_by_key"]) if os.path.exists(sys.argv[1]) else []
print(*random.Random(20).sample(names, min(int(sys.argv[2]), len(names))), sep="\n", end="")
PYTHON
            )
        fi
        run_mutmut "${drawn[@]}" || { tell; return 1; }
        "$root/.venv-mutate/bin/mutmut" results |
            grep -vE ': (killed|caught by type check|not checked)$' | sed 's/^ */  /' >&2 || true
        if $show; then
            "$root/.venv-mutate/bin/mutmut" results | sed -nE 's/^ *(.*): survived$/\1/p' |
                while read -r mutant; do "$root/.venv-mutate/bin/mutmut" show "$mutant" >&2; done
        fi
        "$root/.venv/bin/python" - "$module" "mutants/$file.meta" <<'PYTHON'
import json, os, sys
codes = list(json.load(open(sys.argv[2]))["exit_code_by_key"].values()) if os.path.exists(sys.argv[2]) else []
tried = [code for code in codes if code is not None] or codes  # none is tried if no test reaches any
noticed = sum(code not in (None, 0, 33) for code in tried)  # 33: no test reaches the function
if codes:
    score = 100 * noticed // len(tried)
    print(f"{score:4} %  {noticed:5} of {len(tried):5} noticed, of {len(codes):5} changes  {sys.argv[1]}", flush=True)
else:
    print(f"   declarations alone, nothing to change  {sys.argv[1]}", flush=True)
PYTHON
    ) | tee -a "$work/scores" >&2
}

files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(pure_modules)
failed=0
for file in "${files[@]}"; do mutate "$file" || failed=1; done
sed '/ % /d' "$work/scores"
sed -n '/ % /p' "$work/scores" | sort -rn
exit $failed
