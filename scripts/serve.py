"""`serve`: the read API over HTTP until it is stopped; may be killed any time."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from api.app import create_app
from api.context import Deps, Limits
from contracts.evm import BlockNumber, ChainId, Timestamp
from indexer.adapters.json_rpc import JSONRPC
from indexer.adapters.rpc import RPCReader
from scripts.bootstrap_indexer import RPC_LIMITS
from scripts.launcher import stop_event
from scripts.settings import Settings


@contextmanager
def bound_socket(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket, so that the port is known before the server runs (port 0: any free)."""
    with socket.create_server((host, port)) as listening:
        yield listening


def serve_api(settings: Settings, database_url: str, listening: socket.socket) -> None:
    """Serve the API on a bound socket until SIGTERM or SIGINT."""
    readers = {chain.id: RPCReader(JSONRPC(chain.rpc[0], RPC_LIMITS)) for chain in settings.chains}

    def head_of(chain_id: ChainId) -> BlockNumber:
        return readers[chain_id].head().number

    deps = Deps(
        database_url=database_url,
        chain_ids=tuple(chain.id for chain in settings.chains),
        settlements=settings.settlements,
        now=lambda: Timestamp(int(time.time())),
        head_of=head_of,
        limits=Limits(),
    )
    config = uvicorn.Config(create_app(deps), log_config=None, access_log=False)
    stop_event()  # uvicorn raises the signal again when it is done; that must not end us midway
    uvicorn.Server(config).run(sockets=[listening])
