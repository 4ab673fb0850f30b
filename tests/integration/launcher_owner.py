"""A process that starts one child and waits to be killed; started by the tests, not imported.

    launcher_owner.py LOG COMMAND

Prints the child's process id.
"""

import os
import signal
import sys
from pathlib import Path

from scripts.launcher import start_process


def main() -> None:
    log_file, command = sys.argv[1:]
    child = start_process(command, environ=os.environ, log_file=Path(log_file))
    sys.stdout.write(f"{child.process.pid}\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main()
