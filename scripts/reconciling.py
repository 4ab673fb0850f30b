"""Reconciliation, wired: endpoints, books, documents and the register of a settlement."""

import logging
import time
from threading import Thread

from sqlalchemy import Engine

from contracts.addresses import Settlement
from contracts.evm import Address
from indexer.chain_profiles import chain_profile_named
from indexer.levels import Level
from reconciliation.adapters.books import books_of
from reconciliation.adapters.chain import RPCChain
from reconciliation.adapters.client import RPCClient
from reconciliation.adapters.documents import SqlDocuments
from reconciliation.adapters.stops import SqlAssetStops, Stops
from reconciliation.adapters.store import SqlRegister
from reconciliation.adapters.token_units import token_units
from reconciliation.close_figures import AssetUnit
from reconciliation.errors import ChainUnavailable
from reconciliation.overdue import Tolerances
from reconciliation.ports import Run, Sources
from reconciliation.rebuild import FromChain, from_chain_only
from reconciliation.reconcile import reconcile
from scripts import wiring
from scripts.bootstrap_indexer import RPC_LIMITS
from scripts.settings import ChainSettings, Settings

log = logging.getLogger(__name__)

TOLERANCES = Tolerances()
_ASKED_AGAIN_S = 60


def own_chain(chain: ChainSettings, settlement: Settlement, url: str) -> RPCChain:
    """A settlement as one configured endpoint shows it, by the reconciliation's own client.

    Receipts are proven where the chain is indexed with such proofs.
    """
    can_prove = chain.verify == Level.RECEIPTS.value
    return RPCChain(
        url,
        settlement,
        timeout_s=RPC_LIMITS.timeout_s,
        finality_tag=chain.finality_tag,
        finality_depth_blocks=chain.finality_depth_blocks,
        profile=chain_profile_named(chain.profile) if can_prove else None,
    )


def asset_units(chain: ChainSettings, settlement: Settlement) -> dict[Address, AssetUnit] | None:
    """How people write a settlement's tokens; None where the endpoint does not answer."""
    try:
        client = RPCClient(chain.rpc[0], timeout_s=RPC_LIMITS.timeout_s)
        return token_units(client, settlement.tokens)
    except ChainUnavailable as error:
        log.warning("decimals of tokens not known", extra={"why": str(error)})
        return None


def units_by_settlement(settings: Settings) -> dict[str, dict[Address, AssetUnit]]:
    """How people write the tokens of every settlement, filled by a thread: nobody waits for it.

    A settlement whose endpoint does not answer is asked again every minute.
    """
    units: dict[str, dict[Address, AssetUnit]] = {}
    waiting = {one.name: (chain, one) for chain in settings.chains for one in chain.settlements}

    def ask() -> None:
        while waiting:
            for name, (chain, one) in list(waiting.items()):
                if (found := asset_units(chain, one)) is not None:
                    units[name] = found
                    del waiting[name]
            if waiting:
                time.sleep(_ASKED_AGAIN_S)

    Thread(target=ask, name="token units", daemon=True).start()
    return units


def register_of(engine: Engine, settlement: Settlement) -> SqlRegister:
    """What was ever found of a settlement."""
    return SqlRegister(engine, settlement.chain_id, settlement.payouts)


def stops_of(engine: Engine, settlement: Settlement) -> Stops:
    """Assets that do not tie out now."""
    with wiring.snapshot(engine) as connection:
        return SqlAssetStops(settlement.chain_id, settlement.payouts).stopped(connection)


def reconcile_settlement(
    engine: Engine, chain: ChainSettings, settlement: Settlement
) -> Run | None:
    """Reconcile now; None if nothing is posted yet.

    Every configured endpoint is asked, and they must say the same.

    Raises:
        ChainUnavailable, BadAnswer, BadLog: no run can be made.
    """
    first, *others = (own_chain(chain, settlement, url) for url in chain.rpc)
    with books_of(engine, settlement) as books:
        sources = Sources(
            chain=first,
            witnesses=others,
            books=books,
            documents=SqlDocuments(engine, settlement),
            facts=wiring.IndexedFacts(engine, settlement),
        )
        return reconcile(
            sources,
            register_of(engine, settlement),
            settlement=settlement,
            tolerances=TOLERANCES,
        )


def rebuild_settlement(engine: Engine, chain: ChainSettings, settlement: Settlement) -> FromChain:
    """Everything that an endpoint and the accepted documents say, beside what the books say.

    Raises:
        ChainUnavailable, BadAnswer, BadLog: the endpoint does not answer.
    """
    own = own_chain(chain, settlement, chain.rpc[0])
    documents = SqlDocuments(engine, settlement)
    with books_of(engine, settlement) as books:
        return from_chain_only(own, documents, books, settlement=settlement)
