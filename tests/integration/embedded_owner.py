"""A process that owns an embedded server until it is killed; started by the tests, not imported.

    embedded_owner.py postgres|redis|anvil DIRECTORY [--with-forked-child]

Prints the server's address once it is ready. A forked child inherits every descriptor of the owner.
"""

import os
import signal
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from scripts.embedded.anvil import AnvilNode, DevChain, running_anvil
from scripts.embedded.postgres import PostgresServer, running_postgres
from scripts.embedded.redis import RedisServer, running_redis

Server = PostgresServer | RedisServer | AnvilNode


def running(kind: str, directory: Path) -> AbstractContextManager[Server]:
    if kind == "postgres":
        return running_postgres(directory)
    if kind == "redis":
        return running_redis(directory)
    return running_anvil(directory, DevChain(chain_id=31337, slots_in_an_epoch=1))


def main() -> None:
    kind, directory, *rest = sys.argv[1:]
    with running(kind, Path(directory)) as server:
        if rest == ["--with-forked-child"] and os.fork() == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(30)
            signal.pause()
        url = server.url() if isinstance(server, PostgresServer) else server.url
        sys.stdout.write(url + "\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    main()
