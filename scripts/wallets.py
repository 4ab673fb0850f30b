"""Payout wallets: recording what their transactions cost, and their books.

A wallet is known by its key (the configured signer), or by what it signed before. Its record and
its book begin at the lowest start block of the chain's settlements, and are kept with the first of
them.
"""

import logging
from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection, Engine

from contracts.addresses import Settlement
from contracts.evm import Address, BlockNumber, ChainId
from indexer.adapters.endpoint_address import EndpointAddress
from indexer.adapters.reads import FactReads
from scripts.bookkeeping import BookSource, wallet_source
from scripts.bootstrap_indexer import RPC_LIMITS
from scripts.settings import ChainSettings
from settlement.ledger.gas import GasFacts
from settlement.payouts.adapters.gas import SqlGas, known_wallets, recorded_wallets
from settlement.payouts.adapters.wallet_node import NodeWallet
from settlement.payouts.record_gas import Recorded, record_step

log = logging.getLogger(__name__)


def record_wallets(engine: Engine, chain: ChainSettings, configured: Iterable[Address]) -> None:
    """Record the final transactions of every wallet of a chain: those configured, and known ones.

    Raises:
        ChainUnavailable: try again later; what was recorded stays.
    """
    with engine.connect() as connection:
        known = known_wallets(connection, chain.id)
    for wallet in sorted({*configured, *known}):
        is_caught_up = False
        while not is_caught_up:
            recorded = _record(engine, chain, wallet)
            is_caught_up = recorded.is_caught_up
            if recorded.transactions:
                about = {"wallet": str(wallet), "transactions": recorded.transactions}
                log.info("gas recorded", extra=about)


def wallet_sources(
    engine: Engine, settlement: Settlement, settlements: Sequence[Settlement]
) -> list[BookSource]:
    """The books of a chain's wallets, for the first of its settlements; none for the others."""
    neighbours = [one for one in settlements if one.chain_id == settlement.chain_id]
    if neighbours[:1] != [settlement]:
        return []
    with engine.connect() as connection:
        wallets = recorded_wallets(connection, settlement.chain_id)
    start_block = first_block(neighbours)
    return [
        wallet_source(
            settlement, wallet, _gas_of(settlement.chain_id, wallet), start_block=start_block
        )
        for wallet in wallets
    ]


def wallet_node(chain: ChainSettings, wallet: Address) -> NodeWallet:
    """A wallet as the first endpoint of its chain shows it."""
    return NodeWallet(
        chain.rpc[0],
        wallet,
        timeout_s=RPC_LIMITS.timeout_s,
        told=EndpointAddress.of(chain.rpc[0]).without_secrets,
    )


def first_block(settlements: Iterable[Settlement]) -> BlockNumber:
    """The lowest start block."""
    return min(one.start_block for one in settlements)


def _gas_of(chain_id: ChainId, wallet: Address) -> Callable[[Connection], GasFacts]:
    return lambda connection: SqlGas(connection, chain_id, wallet)


def _record(engine: Engine, chain: ChainSettings, wallet: Address) -> Recorded:
    """One step, in one transaction; whatever another recorder does at the same time is left."""
    settlements = chain.settlements
    node = wallet_node(chain, wallet)
    with engine.begin() as connection:
        record = SqlGas(connection, chain.id, wallet)
        if not record.is_free():
            return Recorded(transactions=0, is_caught_up=True)
        return record_step(
            node,
            FactReads(connection, settlements[0]),
            record,
            start_block=first_block(settlements),
        )
