"""Sign, store, and only then send."""

from contextlib import suppress
from dataclasses import replace

import pytest

from contracts.evm import Address, ChainId, Hash32
from settlement.errors import NonceTaken, SignatureMismatch
from settlement.payouts.gas import Fee
from settlement.payouts.operation import SignedTransaction, TransactionDraft
from settlement.payouts.send import Sending
from tests.fakes_payout_chain import (
    CHAIN_ID,
    CONTRACT,
    SENDER,
    Crash,
    FakeSigner,
    World,
    operation,
)

FEE = Fee(max_fee_wei=100, tip_wei=10)
HIGHER = Fee(max_fee_wei=110, tip_wei=11)


def sending(world: World, signer: FakeSigner | None = None) -> Sending:
    return Sending(
        chain_id=CHAIN_ID,
        chain=world.chain,
        store=world.store,
        signer=signer or FakeSigner(),
        head=world.chain.head(),
        gas_max=10**6,
    )


def planned() -> World:
    world = World()
    world.store.plan([operation()])
    world.chain.mine()
    return world


def send(one: Sending, *, nonce: int = 0) -> Hash32:
    draft = one.draft(CONTRACT, b"\x01", nonce=nonce, gas=50_000, fee=FEE)
    return one.anew(draft, [operation().op_id])


def test_anew__next_nonce__stored_with_what_it_carries_and_sent() -> None:
    world = planned()

    tx_hash = send(sending(world))

    (stored,) = world.store.transactions
    assert (stored.tx_hash, stored.to, stored.gas, stored.tip_wei) == (
        tx_hash,
        CONTRACT,
        50_000,
        10,
    )
    assert world.store.signed_at == {tx_hash: 1}
    assert world.store.inclusions == {(operation().op_id, SENDER, 0)}
    assert list(world.chain.mempool) == [tx_hash]


def test_replacement_then_noop__same_nonce__versions_in_order() -> None:
    world = planned()
    one = sending(world)
    send(one)
    (first,) = world.store.open_attempts(SENDER, first_nonce=0)

    replaced = one.version(one.replacement_draft(b"\x02", first, fee=HIGHER))
    noop = one.version(one.noop_draft(0, fee=Fee(max_fee_wei=121, tip_wei=13)))

    (attempt,) = world.store.open_attempts(SENDER, first_nonce=0)
    assert attempt.hashes == (first.newest.tx_hash, replaced, noop)
    assert [one.to for one in attempt.transactions] == [CONTRACT, CONTRACT, SENDER]
    assert [one.gas for one in attempt.transactions] == [50_000, 50_000, 21_000]
    assert list(world.chain.mempool) == [noop]


@pytest.mark.parametrize("border", ["before add", "after add", "before send"])
def test_anew__ends_at_a_border__nothing_sent_that_is_not_stored(border: str) -> None:
    world = planned()
    world.faults.crash_at = border

    with suppress(Crash):
        send(sending(world))

    assert world.chain.mempool == {}
    assert len(world.store.transactions) == (0 if border == "before add" else 1)


def test_noop__nonce_that_is_not_taken__refused_and_not_sent() -> None:
    world = planned()

    one = sending(world)
    with pytest.raises(NonceTaken):
        one.version(one.noop_draft(0, fee=FEE))
    assert world.chain.mempool == {}


CHANGES: dict[str, dict[str, object]] = {
    "sender": {"sender": Address(b"\x01" * 20)},
    "hash": {"tx_hash": Hash32(bytes(32))},
    "chain": {"chain_id": ChainId(1)},
    "nonce": {"nonce": 1},
    "recipient": {"to": SENDER},
    "gas limit": {"gas": 50_001},
    "max fee": {"max_fee_wei": 101},
    "tip": {"tip_wei": 11},
}


@pytest.mark.parametrize("what", CHANGES)
def test_anew__signer_returns_something_else__corrupt_nothing_stored_or_sent(what: str) -> None:
    class WrongSigner(FakeSigner):
        def sign(self, draft: TransactionDraft) -> SignedTransaction:
            return replace(super().sign(draft), **CHANGES[what])  # type: ignore[arg-type]

    world = planned()

    with pytest.raises(SignatureMismatch, match=f"another {what}"):
        send(sending(world, WrongSigner()))
    assert world.store.transactions == []
    assert world.chain.mempool == {}
