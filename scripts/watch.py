"""`watch`: a guardian's process; needs a node of its own, a key that may veto, and no database."""

import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from web3 import HTTPProvider, Web3

from contracts.addresses import Settlement, settlements_to_json
from indexer.adapters.endpoint_address import EndpointAddress
from scripts.errors import NotConfigured
from scripts.setting_values import Secret
from scripts.settings import ChainSettings
from settlement.errors import ChainUnavailable
from settlement.royalties.adapters.recomputation import VerifierFromChain
from settlement.royalties.adapters.verifier import VerifierProgram
from settlement.royalties.adapters.watched_chain import (
    RPCVetoes,
    RPCWatchedChain,
    account_from_key,
)
from settlement.royalties.watch import (
    Agrees,
    Gone,
    Look,
    NothingPending,
    PendingCommitment,
    Undecided,
    Wrong,
    look,
)

log = logging.getLogger(__name__)

VERIFIER = Path(__file__).with_name("verify_epoch.py")
_VERIFIER_LIMIT_S = 3_600
_RPC_TIMEOUT_S = 30
_URGENT_S = 900
"""Seconds before activation from which a missing verdict is an error."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """What watches one settlement."""

    chain: RPCWatchedChain
    recomputation: VerifierFromChain
    vetoes: RPCVetoes | None

    def look(self, agreed: PendingCommitment | None = None) -> Look:
        """Judge what is pending now, and veto it if it is wrong.

        Raises:
            ChainUnavailable: the node does not say what is pending, or does not take the veto.
        """
        return look(self.chain, self.recomputation, self.vetoes, agreed=agreed)


@contextmanager
def watching(chain: ChainSettings, settlement: Settlement, key: Secret | None) -> Iterator[Watcher]:
    """A watcher of one settlement, over the first configured endpoint.

    Raises:
        BadSigningKey: the key is none.
        NotConfigured: the key belongs to nobody who may veto.
        ChainUnavailable: the node does not say whether it may.
    """
    web3 = Web3(HTTPProvider(chain.rpc[0], request_kwargs={"timeout": _RPC_TIMEOUT_S}))
    told = EndpointAddress.of(chain.rpc[0]).without_secrets
    vetoes = None
    if key is not None:
        vetoes = RPCVetoes(web3, settlement, account_from_key(key.value), told=told)
    if vetoes is not None and not vetoes.may_veto():
        raise NotConfigured(
            f"watcher_key: {vetoes.address} may not veto at settlement {settlement.name!r}: use "
            "a guardian's key or one with VETO_ROLE"
        )
    with tempfile.TemporaryDirectory(prefix="quittance-watch-") as scratch:
        addresses = Path(scratch) / "addresses.json"
        addresses.write_text(settlements_to_json((settlement,)))
        yield Watcher(
            RPCWatchedChain(web3, settlement, told=told),
            VerifierFromChain(
                program=VerifierProgram(
                    interpreter=Path(sys.executable),
                    script=VERIFIER,
                    timeout_s=_VERIFIER_LIMIT_S,
                    environ=os.environ,
                    url=chain.rpc[0],
                ),
                addresses=addresses,
                settlement=settlement.name,
            ),
            vetoes,
        )


def watch_on(watcher: Watcher, stop: threading.Event, *, poll_interval_ms: int) -> None:
    """Look again and again until stopped; may be killed at any moment."""
    agreed: PendingCommitment | None = None
    while not stop.is_set():
        try:
            found = watcher.look(agreed)
        except ChainUnavailable as error:
            log.warning("the chain is unavailable", extra={"detail": str(error)})
        else:
            if isinstance(found, Agrees) and not found.pending.is_same_as(agreed):
                agreed = found.pending
                tell(found)
            elif not isinstance(found, Agrees):
                tell(found)
        stop.wait(poll_interval_ms / 1000)


def tell(found: Look) -> None:
    """Log one look; what needs a person is an error."""
    match found:
        case NothingPending():
            log.debug("nothing is pending")
        case Agrees(pending):
            log.info("the pending root is right", extra=_fields(pending))
        case Gone(pending, recomputed):
            fields = _fields(pending) | {"difference": recomputed.difference}
            log.warning("a wrong root is not pending any more", extra=fields)
        case Undecided(pending, cause):
            level = logging.ERROR if pending.seconds_left <= _URGENT_S else logging.WARNING
            log.log(level, "no verdict yet", extra=_fields(pending) | {"cause": cause})
        case Wrong(pending, recomputed, reason_digest, transaction):
            fields = {
                "difference": recomputed.difference,
                "reason_digest": str(reason_digest),
                "veto": None if transaction is None else str(transaction),
            }
            log.error("the pending root is wrong", extra=_fields(pending) | fields)
        case _:
            assert_never(found)


def _fields(pending: PendingCommitment) -> dict[str, object]:
    return {
        "epoch": pending.epoch,
        "attempt": pending.attempt,
        "root": str(pending.root),
        "manifest_digest": str(pending.manifest_digest),
        "seconds_left": pending.seconds_left,
    }
