"""Ganache as a second kind of node, under the same keeper as the servers of the product.

It is installed beside the tool chain and not into it (`tests/ganache`): 180 MB that only tests
need. It ends with the process that started it, however that ends.
"""

import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.embedded.launch import Program, kept
from scripts.embedded.ownership import sole_owner
from scripts.errors import ProgramMissing

_FOLDER = Path(__file__).parent / "ganache"
_LISTENING = re.compile(r"^Listening on (127\.0\.0\.1:\d+)$", re.MULTILINE)
_READY_LIMIT_S = 60


@contextmanager
def running_ganache(directory: Path) -> Iterator[str]:
    """Run the node while the context lasts; yields its address."""
    node = shutil.which("node")
    if node is None or not (_FOLDER / "node_modules" / "ganache").is_dir():
        raise ProgramMissing("ganache", "run npm ci in tests/ganache")
    with sole_owner(directory, None) as place:
        program = Program(
            name="ganache",
            command=(node, str(_FOLDER / "serve.cjs")),
            stop_signal=signal.SIGTERM,
        )
        with kept(program, place) as server:
            listening = server.wait_for(
                lambda: _LISTENING.search(server.log_file.read_text(errors="replace")),
                limit_s=_READY_LIMIT_S,
            )
            yield f"http://{listening[1]}"
