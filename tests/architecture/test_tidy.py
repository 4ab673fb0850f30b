"""Rules about the source text: what no linter knows of, and what must not creep in."""

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("contracts", "indexer", "settlement", "reconciliation", "api", "scripts")
BANNED_NAMES = {"utils", "common", "helpers", "misc", "base", "manager", "core", "lib"}
FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 400
ONE_FILE_BY_DESIGN = "scripts/verify_epoch.py"

EDGES = {"contracts.columns", "contracts.wire", "contracts.abi", "contracts.addresses"}
"""Modules of contracts/ that touch files or the database driver; nothing pure imports them."""

USE_CASES = {
    "indexer.sync",
    "indexer.backfill",
    "indexer.disputes",
    "indexer.fetch_range",
    "indexer.look",
    "indexer.opening",
    "indexer.upkeep",
    "settlement.royalties.completeness",
    "settlement.royalties.compute_epoch",
    "settlement.royalties.compute_large_epoch",
    "settlement.royalties.approve",
    "settlement.royalties.commit",
    "settlement.royalties.export",
    "settlement.royalties.due",
    "settlement.royalties.shard_order",
    "settlement.royalties.watch",
    "settlement.payouts.adopt",
    "settlement.payouts.prove",
    "settlement.payouts.send",
    "settlement.payouts.sign",
    "settlement.payouts.submit",
    "settlement.ledger.post",
    "reconciliation.rebuild",
    "reconciliation.reconcile",
    "reconciliation.payment_books",
    "reconciliation.state_solvency",
}
"""Modules that drive adapters through Protocols; everything else outside adapters/ is pure."""

DRIVEN_BY_THE_DEMO = {
    "scripts.demo.authority",
    "scripts.demo.conditions",
    "scripts.demo.options",
    "scripts.demo.story",
    "scripts.demo.theatre",
    "scripts.guardians",
}
"""Scenes and what only they call: the end-to-end test plays them whole, as a process."""

MIGRATIONS = "scripts.migrations."
"""Alembic loads these by path; the test of migrations runs them all."""

FORBIDDEN_IN_PURE = {
    "web3",
    "sqlmodel",
    "sqlalchemy",
    "psycopg",
    "dramatiq",
    "fastapi",
    "tenacity",
    "apscheduler",
    "time",
    "datetime",
    "random",
    "os",
    "socket",
    "subprocess",
    "logging",
    "pathlib",
}


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the product with its dotted name."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts), path


def pure_modules() -> list[tuple[str, Path]]:
    """Every module outside adapters/, minus the named edges and use cases."""
    return [
        (name, path)
        for name, path in modules()
        if name.split(".")[0] not in {"api", "scripts"}
        and "adapters" not in path.parts
        and name not in EDGES | USE_CASES
    ]


PURE = pure_modules()
ALL = list(modules())


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize(("name", "path"), PURE, ids=[name for name, _ in PURE])
def test_pure_module__imports__no_io(name: str, path: Path) -> None:
    names = imported(parse(path))

    io = {one for one in names if one.split(".")[0] in FORBIDDEN_IN_PURE}
    adapters = {one for one in names if "adapters" in one.split(".")}
    edges = names & EDGES

    assert not io | adapters | edges, f"{name} imports I/O"


@pytest.mark.parametrize(("name", "path"), PURE, ids=[name for name, _ in PURE])
def test_pure_module__arithmetic__integers_only(name: str, path: Path) -> None:
    for node in ast.walk(parse(path)):
        line = getattr(node, "lineno", 0)
        is_division = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        is_float = isinstance(node, ast.Constant) and isinstance(node.value, float)
        is_float_name = isinstance(node, ast.Name) and node.id == "float"
        is_inexact = is_division or is_float or is_float_name
        assert not is_inexact, f"{name}:{line}"


def test_brownie__which_pins_another_web3__only_in_an_environment_of_its_own() -> None:
    guilty = [
        name
        for name, path in ALL
        if any(one.split(".")[0] == "brownie" for one in imported(parse(path)))
    ]

    assert not guilty
    assert "eth-brownie" not in (ROOT / "requirements.txt").read_text()


def test_use_cases_and_edges__names__all_exist() -> None:
    names = {name for name, _ in ALL}

    assert names >= EDGES | USE_CASES | DRIVEN_BY_THE_DEMO


@pytest.mark.parametrize(("name", "path"), ALL, ids=[name for name, _ in ALL])
def test_module__shape__tidy(name: str, path: Path) -> None:
    tree = parse(path)
    lines = path.read_text().count("\n")

    assert ast.get_docstring(tree), f"{name} has no docstring"
    assert not BANNED_NAMES & set(name.split(".")), f"{name}: a name that says nothing"
    assert lines <= MODULE_LINES_MAX or str(path.relative_to(ROOT)) == ONE_FILE_BY_DESIGN
    if path.name == "__init__.py":
        assert len(tree.body) == 1, f"{name} holds more than its docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES_MAX, f"{name}.{node.name} has {length} lines"


@pytest.mark.parametrize(("name", "path"), ALL, ids=[name for name, _ in ALL])
def test_module__environment_and_clock__only_at_the_root(name: str, path: Path) -> None:
    text = path.read_text()

    if not name.startswith("scripts."):
        assert "os.environ" not in text, f"{name} reads the environment"
        assert "getenv" not in text, f"{name} reads the environment"
    if "adapters" not in name and not name.startswith(("scripts.", "api.")):
        assert not re.search(r"datetime\.now|time\.time\(|monotonic\(", text), f"{name}: clock"


def test_every_module__tests__exist() -> None:
    """Every module is named by some test file: directly, or by the test of its subject."""
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    missing = [
        name
        for name, path in ALL
        if path.name != "__init__.py"
        and name not in DRIVEN_BY_THE_DEMO
        and not name.startswith(MIGRATIONS)
        and name not in tests
        and f"from {name.rpartition('.')[0]} import {name.rpartition('.')[2]}" not in tests
    ]

    assert not missing, "no test imports " + ", ".join(missing)


def test_committed_text__registry_hosts__absent() -> None:
    hosts = "|".join(("py" + "pi[.]", "python" + "hosted", "npm" + "js[.]", "deb[.]" + "debian"))
    if not (ROOT / ".git").exists():
        assert not os.environ.get("CI"), "no checkout: CI has one"
        pytest.skip("no checkout: nothing says what is committed")
    listed = subprocess.run(
        # A checkout may belong to somebody else, as where a container is given a folder.
        ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    guilty = [
        name
        for name in listed
        if (ROOT / name).is_file() and re.search(hosts, (ROOT / name).read_text(errors="ignore"))
    ]

    assert not guilty
