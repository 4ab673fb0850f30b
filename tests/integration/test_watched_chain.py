"""A veto brought into a block of a real node, and what keeps it out."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3

from contracts.addresses import Settlement
from contracts.calls import commit_epoch_call
from contracts.event_spec import ContractName
from contracts.evm import Address, Hash32, Timestamp, keccak
from contracts.units import UINT256_MAX
from scripts.embedded.anvil import AnvilNode
from settlement.errors import BadSigningKey, ChainUnavailable
from settlement.payouts.protocols import ApprovedCommit
from settlement.royalties.adapters.watched_chain import (
    RPCVetoes,
    RPCWatchedChain,
    account_from_key,
)
from settlement.royalties.watch import PendingCommitment
from tests import payouts_settlement as story
from tests.royalties_builders import SETTLEMENT

GUARDIAN: LocalAccount = story.guardians()[0]
STRANGER: LocalAccount = Account.from_key(b"\x77" * 32)
REASON = keccak(b"reason")
FOREVER = Timestamp(UINT256_MAX)
LIMIT_S = 60


@dataclass(frozen=True)
class Committed:
    """A node on which an epoch is committed and pending; it mines when a test says so."""

    node: story.DevNode
    settlement: Settlement
    commit: ApprovedCommit
    pool: ThreadPoolExecutor

    @property
    def chain(self) -> RPCWatchedChain:
        return RPCWatchedChain(Web3(HTTPProvider(self.node.url)), self.settlement, told=str)

    def vetoes(self, account: LocalAccount = GUARDIAN) -> RPCVetoes:
        return RPCVetoes(Web3(HTTPProvider(self.node.url)), self.settlement, account, told=str)

    def vetoing(self) -> "Future[Hash32]":
        """A veto on its way."""
        return self.pool.submit(self.vetoes().veto, story.EPOCH, REASON, until=FOREVER)

    def waiting(self) -> list[dict[str, Any]]:
        """The guardian's transactions in the mempool."""
        pool = self.node.call("txpool_content")["pending"]
        ours = {sender.lower(): sent for sender, sent in pool.items()}
        return list(ours.get(GUARDIAN.address.lower(), {}).values())

    def wait_for(self, tx_hash: str | None = None) -> dict[str, Any]:
        """The transaction that waits, once it is another than this."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            for transaction in self.waiting():
                if transaction["hash"] != tx_hash:
                    return transaction
            time.sleep(0.1)
        raise AssertionError("no veto in the mempool")


@pytest.fixture
def committed(anvil: AnvilNode) -> Iterator[Committed]:
    node = story.DevNode(anvil.url)
    place = story.deployed(node)
    settlement = replace(
        SETTLEMENT, contracts={**SETTLEMENT.contracts, ContractName.EPOCH_PAYOUTS: place.payouts}
    )
    for account in (GUARDIAN, STRANGER):
        node.call("anvil_setBalance", account.address, hex(10**18))
    with ThreadPoolExecutor(1) as pool:
        made = Committed(node, settlement, story.approved(node, place), pool)
        assert made.chain.pending() is None
        data = commit_epoch_call(made.commit.approval, made.commit.signatures)
        call = {"from": node.admin, "to": str(place.payouts), "data": "0x" + data.hex()}
        node.call("eth_sendTransaction", call | {"gas": hex(2_000_000)})
        node.mine()
        yield made


def test_pending__commitment_in_its_window__as_committed(committed: Committed) -> None:
    block = committed.node.call("eth_getBlockByNumber", "latest", False)
    now = Timestamp(int(block["timestamp"], 16))
    approval = committed.commit.approval

    assert committed.chain.pending() == PendingCommitment(
        epoch=story.EPOCH,
        attempt=1,
        manifest_digest=approval.manifest_digest,
        root=approval.root,
        active_at=Timestamp(now + story.VETO_WINDOW),
        now=now,
    )


def test_pending__window_over__none(committed: Committed) -> None:
    committed.node.advance(story.VETO_WINDOW)

    assert committed.chain.pending() is None


def test_pending__no_node__unavailable(committed: Committed) -> None:
    chain = RPCWatchedChain(
        Web3(HTTPProvider("http://127.0.0.1:9")), committed.settlement, told=str
    )

    with pytest.raises(ChainUnavailable):
        chain.pending()


def test_veto__mined__its_transaction_and_nothing_pending(committed: Committed) -> None:
    vetoing = committed.vetoing()
    sent = committed.wait_for()
    committed.node.mine()

    assert str(vetoing.result(LIMIT_S)) == sent["hash"]
    assert committed.chain.pending() is None


def test_veto__not_mined__sent_again_with_fees_a_tenth_higher(committed: Committed) -> None:
    vetoing = committed.vetoing()
    first = committed.wait_for()
    second = committed.wait_for(first["hash"])
    committed.node.mine()

    assert str(vetoing.result(LIMIT_S)) == second["hash"]
    assert (first["nonce"], first["input"]) == (second["nonce"], second["input"])
    for name in ("maxFeePerGas", "maxPriorityFeePerGas"):
        assert int(second[name], 16) * 10 >= int(first[name], 16) * 11
    assert committed.chain.pending() is None


def test_veto__window_over__nothing_sent(committed: Committed) -> None:
    block = committed.node.call("eth_getBlockByNumber", "latest", False)
    now = Timestamp(int(block["timestamp"], 16))

    with pytest.raises(ChainUnavailable, match="became active"):
        committed.vetoes().veto(story.EPOCH, REASON, until=now)
    assert committed.waiting() == []


def test_veto__stranger__refused_before_anything_is_sent(committed: Committed) -> None:
    assert committed.vetoes().may_veto()
    assert not committed.vetoes(STRANGER).may_veto()
    assert committed.vetoes(STRANGER).address == Address.from_hex(STRANGER.address)
    with pytest.raises(ChainUnavailable, match="eth_estimateGas"):
        committed.vetoes(STRANGER).veto(story.EPOCH, REASON, until=FOREVER)
    assert committed.chain.pending() is not None


@pytest.mark.parametrize(
    "key", ["", "0x", "77" * 32, "0x" + "77" * 31, "0x" + "zz" * 32, "0x" + "00" * 32]
)
def test_key__not_one__refused_and_not_repeated(key: str) -> None:
    with pytest.raises(BadSigningKey) as caught:
        account_from_key(key)

    assert not key[2:] or key[2:] not in str(caught.value)
    assert caught.value.__cause__ is None


def test_key__good__its_account() -> None:
    assert account_from_key("0x" + "77" * 32).address == STRANGER.address
