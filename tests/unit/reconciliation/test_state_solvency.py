"""`reconciliation.state_solvency`: what is stated when, and what a silent node leaves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest

from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Epoch, Timestamp, keccak
from reconciliation.errors import ChainUnavailable
from reconciliation.reading import Reading
from reconciliation.solvency import OwedBalance, SolvencyStatement, Subject
from reconciliation.state_solvency import (
    EPOCHS_PER_LOOK,
    EndedEpoch,
    read_reserves,
    state_solvency,
)
from settlement.ledger.accounts import unallocated, unclaimed
from tests.solvency_builders import payee

CHAIN_ID = ChainId(31337)
PAYOUTS, RELAY = Address(b"\xee" * 20), Address(b"\xcc" * 20)
USD, EUR = Address(b"\xaa" * 20), Address(b"\xbb" * 20)


def ended(number: int) -> EndedEpoch:
    block = BlockRef(
        number=BlockNumber(10 * number + 9),
        hash=keccak(b"block %d" % number),
        parent_hash=keccak(b"before %d" % number),
        timestamp=Timestamp(100 * number + 99),
    )
    return EndedEpoch(epoch=Epoch(number), boundary=block)


@dataclass
class MemoryBooks:
    """Serves `SolvencyBooks`: owes by contract, grows by one unit with every epoch."""

    epochs: list[EndedEpoch]
    chain_id: ChainId = field(default=CHAIN_ID)
    stated: list[SolvencyStatement] = field(default_factory=list)
    reserves: dict[Subject, Reading] = field(default_factory=dict)

    def due(self, epochs_max: int) -> Sequence[EndedEpoch]:
        done = {one.subject.epoch for one in self.stated}
        return [one for one in self.epochs if one.epoch not in done][:epochs_max]

    def contracts(self) -> Sequence[Address]:
        return (PAYOUTS, RELAY)

    def owed(self, contract: Address, at: BlockRef) -> Iterable[OwedBalance]:
        if contract == RELAY:
            return []
        return [
            OwedBalance(account=unclaimed(payee(1)), asset=USD, amount=at.number),
            OwedBalance(account=unallocated(Epoch(0)), asset=USD, amount=5),
            OwedBalance(account=unclaimed(payee(2)), asset=EUR, amount=0),
        ]

    def record(self, statements: Sequence[SolvencyStatement]) -> None:
        self.stated.extend(statements)

    def without_reserve(self) -> Sequence[Subject]:
        last = max((one.subject.epoch for one in self.stated), default=None)
        subjects = [one.subject for one in self.stated if one.subject.epoch == last]
        return [one for one in subjects if one not in self.reserves]

    def add_reserve(self, subject: Subject, reserve: Reading) -> None:
        self.reserves[subject] = reserve


class Node:
    """Serves `Reserves`: knows one asset, or answers nothing at all."""

    def __init__(self, *, is_up: bool = True) -> None:
        self.is_up = is_up

    def reserve(self, subject: Subject) -> Reading | None:
        if not self.is_up:
            raise ChainUnavailable("node", "it is away")
        known = Reading(value=100, is_proven=True, evidence="slot 0")
        return known if subject.asset == USD else None


def test_state__ended_epochs__each_asset_once() -> None:
    books = MemoryBooks([ended(0), ended(1)])

    first, again = state_solvency(books), state_solvency(books)

    assert (first, again) == (4, 0)
    totals = {(one.subject.epoch, one.subject.asset): one.total for one in books.stated}
    assert totals == {(0, USD): 14, (0, EUR): 0, (1, USD): 24, (1, EUR): 0}
    assert {one.subject.contract for one in books.stated} == {PAYOUTS}


def test_state__many_epochs__a_bounded_number_at_a_time() -> None:
    books = MemoryBooks([ended(number) for number in range(EPOCHS_PER_LOOK + 3)])

    assert state_solvency(books) == 2 * EPOCHS_PER_LOOK
    assert state_solvency(books) == 2 * 3


def test_reserves__of_the_newest_epoch__are_kept_as_far_as_known() -> None:
    books = MemoryBooks([ended(0), ended(1)])
    state_solvency(books)

    assert read_reserves(books, Node()) == 1
    assert [(one.epoch, one.asset) for one in books.reserves] == [(1, USD)]
    assert read_reserves(books, Node()) == 0


def test_reserves__silent_node__leaves_the_statements() -> None:
    books = MemoryBooks([ended(0)])
    state_solvency(books)

    with pytest.raises(ChainUnavailable):
        read_reserves(books, Node(is_up=False))

    assert len(books.stated) == 2
    assert books.reserves == {}
