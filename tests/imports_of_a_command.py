"""Runs a command in a process of its own, and tells which heavy modules it has imported."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOT_FOR_INDEXING = {
    *("aiohttp", "alembic", "api", "apscheduler", "dramatiq", "eth_abi", "eth_account"),
    *("eth_keys", "eth_utils", "fastapi", "py_ecc", "reconciliation", "redis", "requests"),
    *("starlette", "uvicorn", "web3", "zksnake"),
}
"""What pays, serves, queues or migrates."""

HEAVY = NOT_FOR_INDEXING | {"psycopg", "pydantic", "sqlalchemy", "sqlmodel", "urllib3"}
"""Also what reads from a node or a database."""

_SCRIPT = """
import sys
from scripts.cli.app import main
try:
    main()
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def imports_of(
    *command: str, environ: Mapping[str, str], directory: Path
) -> tuple[int, str, set[str]]:
    """Exit code, stdout, and the packages and top modules that the process has imported."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *command],
        env={**environ, "PYTHONPATH": str(ROOT)},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, set(done.stderr.splitlines()[-1].split())
