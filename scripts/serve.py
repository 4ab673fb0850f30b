"""`serve`: the read API over HTTP until it is stopped; may be killed any time."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from api.adapters.contract_wallets import WALLET_LIMITS, RPCContractWallets
from api.app import create_app
from api.auth_access import Access
from api.context import Deps, Limits
from contracts.evm import BlockNumber, ChainId, Timestamp
from indexer.adapters.json_rpc import JSONRPC
from indexer.adapters.rpc import RPCReader
from scripts.api_settings import APISettings, is_loopback
from scripts.bootstrap import open_database
from scripts.bootstrap_indexer import RPC_LIMITS
from scripts.documents import document_desks
from scripts.errors import AddressUnusable
from scripts.gates import balance_source
from scripts.http_protocol import BoundedHead
from scripts.payments import payment_desks
from scripts.reconciling import units_by_settlement
from scripts.settings import Settings
from scripts.signer_settings import DEVELOPMENT_CHAINS

_LAST_ANSWERS_S = 10
"""How long a stopping server waits for answers that are under way; our owner waits longer."""


@contextmanager
def bound_socket(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket, so that the port is known before the server runs (port 0: any free).

    Raises:
        AddressUnusable: another process listens there, or the address is none of ours.
    """
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise AddressUnusable(host, port, error.strerror or str(error)) from error
    with listening:
        yield listening


def access_of(settings: Settings, host: str, port: int) -> Access:
    """Who may sign in to an API that listens there, and how often anyone may ask.

    Where nothing is configured and only this machine and its development chains are concerned,
    people sign in to the address itself. Contract wallets answer by their own chain.
    """
    api = settings.api or APISettings()
    domain, origins = api.domain, api.origins
    is_development = all(chain.id in DEVELOPMENT_CHAINS for chain in settings.chains)
    is_here = domain is None and is_development and is_loopback(host)
    if is_here:
        domain = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        origins = (f"http://{domain}",)
    rpcs = {chain.id: JSONRPC(chain.rpc[0], WALLET_LIMITS) for chain in settings.chains}
    return Access(
        domain=domain,
        origins=origins,
        is_secure=api.is_secure and not is_here,
        proxies=api.proxies,
        rates=api.rates,
        redis_url=settings.broker_url,
        wallets=RPCContractWallets(rpcs),
    )


def serve_api(settings: Settings, database_url: str, listening: socket.socket) -> None:
    """Serve the API on a bound socket until SIGTERM or SIGINT."""
    readers = {chain.id: RPCReader(JSONRPC(chain.rpc[0], RPC_LIMITS)) for chain in settings.chains}

    def head_of(chain_id: ChainId) -> BlockNumber:
        return readers[chain_id].head().number

    engine = open_database(database_url)
    deps = Deps(
        database_url=database_url,
        chain_ids=tuple(chain.id for chain in settings.chains),
        settlements=settings.settlements,
        now=lambda: Timestamp(int(time.time())),
        head_of=head_of,
        limits=Limits(),
        access=access_of(settings, *listening.getsockname()[:2]),
        payments=payment_desks(settings, engine),
        documents=document_desks(settings, engine),
        balances=balance_source(settings),
        units=units_by_settlement(settings),
    )
    run_until_stopped(http_server(create_app(deps)), listening)


def run_until_stopped(server: uvicorn.Server, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, also one that comes before the server listens to signals.

    It raises them again when it is done; that must not end us midway.
    """

    def stop(_number: int, _frame: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    server.run(sockets=[listening])


def http_server(app: FastAPI, protocol: type[BoundedHead] = BoundedHead) -> uvicorn.Server:
    """The server of an application: no client can hold it, neither at work nor at its end."""
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # it would believe its neighbours by default; we say who is believed
        timeout_graceful_shutdown=_LAST_ANSWERS_S,
    )
    return uvicorn.Server(config)
