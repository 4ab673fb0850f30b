"""`settlement.payouts.record_gas`: every spent nonce, once, of blocks that are indexed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp, keccak
from settlement.errors import ChainUnavailable
from settlement.payouts.record_gas import (
    LOCATED_MAX,
    AccountAt,
    MinedTransaction,
    Recorded,
    Seen,
    WalletOpening,
    record_step,
)

TO = Address(b"\x99" * 20)
START = BlockNumber(2)


def block(number: int, fork: bytes = b"") -> BlockRef:
    return BlockRef(
        number=BlockNumber(number),
        hash=keccak(b"block%d" % number + fork),
        parent_hash=keccak(b"block%d" % (number - 1) + fork),
        timestamp=Timestamp(1_000 + 10 * number),
    )


def mined(nonce: int, number: int) -> MinedTransaction:
    return MinedTransaction(
        nonce=nonce,
        tx_hash=keccak(b"tx%d" % nonce),
        recipient=TO,
        data=b"",
        value_wei=0,
        is_success=True,
        block_number=BlockNumber(number),
        block_hash=block(number).hash,
        gas_used=21_000,
        effective_gas_price_wei=3,
        l1_fee_wei=0,
        other_fee_wei=0,
    )


@dataclass
class Chain:
    """`WalletChain`: transactions by nonce; `archive` is the oldest block with state."""

    transactions: list[MinedTransaction] = field(default_factory=list)
    archive: int = 0
    hidden: set[int] = field(default_factory=set)
    located_nonces: list[int] = field(default_factory=list)
    shown: dict[int, MinedTransaction] = field(default_factory=dict)

    def spend(self, number: int) -> MinedTransaction:
        self.transactions.append(mined(len(self.transactions), number))
        return self.transactions[-1]

    def account(self, at: BlockRef) -> AccountAt | None:
        if at.number < self.archive:
            return None
        spent = [one for one in self.transactions if one.block_number <= at.number]
        return AccountAt(10**9 - 63_000 * len(spent), len(spent))

    def mined(self, hashes: Sequence[Hash32]) -> dict[int, MinedTransaction]:
        mined = {one.nonce: one for one in self.transactions if one.tx_hash in hashes}
        return mined | self.shown

    def located(
        self, nonce: int, *, after: BlockNumber, upto: BlockNumber
    ) -> MinedTransaction | None:
        self.located_nonces.append(nonce)
        one = self.transactions[nonce]
        return one if nonce not in self.hidden and after < one.block_number <= upto else None


@dataclass
class Blocks:
    """`FinalBlocks`."""

    final: int
    fork: bytes = b""

    def finalized(self) -> BlockRef | None:
        return block(self.final) if self.final >= 0 else None

    def block(self, number: BlockNumber) -> BlockRef | None:
        return block(number, self.fork) if number <= self.final else None


@dataclass
class Record:
    """`WalletRecord` in memory."""

    hashes: dict[int, list[Hash32]] = field(default_factory=dict)
    opened: WalletOpening | None = None
    cursor: Seen | None = None
    rows: list[tuple[MinedTransaction, BlockRef]] = field(default_factory=list)

    def opening(self) -> WalletOpening | None:
        return self.opened

    def open(self, opening: WalletOpening) -> None:
        assert self.opened is None
        self.opened = opening

    def seen(self) -> Seen | None:
        return self.cursor

    def signed(self, first_nonce: int, end_nonce: int) -> list[Hash32]:
        return [one for n in range(first_nonce, end_nonce) for one in self.hashes.get(n, ())]

    def add(self, transactions: Sequence[tuple[MinedTransaction, BlockRef]], upto: Seen) -> None:
        self.rows.extend(transactions)
        self.cursor = upto

    @property
    def nonces(self) -> list[int]:
        return [one.nonce for one, _ in self.rows]


def recorded(chain: Chain, blocks: Blocks, record: Record) -> list[Recorded]:
    steps = [record_step(chain, blocks, record, start_block=START)]
    while not steps[-1].is_caught_up:
        steps.append(record_step(chain, blocks, record, start_block=START))
    return steps


def test_record__signed_and_not__each_nonce_once_with_its_block() -> None:
    chain, record = Chain(), Record()
    for number in (4, 4, 6, 9):
        chain.spend(number)
    record.hashes = {0: [chain.transactions[0].tx_hash], 2: [keccak(b"replaced")]}

    (step,) = recorded(chain, Blocks(8), record)
    (again,) = recorded(chain, Blocks(8), record)

    assert (step.transactions, again.transactions) == (3, 0)
    assert record.rows == [(mined(n, number), block(number)) for n, number in enumerate((4, 4, 6))]
    assert record.opened == WalletOpening(block=block(2), account=AccountAt(10**9, 0))
    assert record.cursor == Seen(block(8), 3)
    assert chain.located_nonces == [1, 2]
    recorded(chain, Blocks(9), record)
    assert record.nonces == [0, 1, 2, 3]


def test_record__transactions_up_to_the_start_block__not_in_the_record() -> None:
    chain, record = Chain(), Record()
    for number in (1, 2, 3):
        chain.spend(number)

    recorded(chain, Blocks(5), record)

    assert record.opened is not None
    assert record.opened.account.nonce == 2
    assert record.nonces == [2]


@pytest.mark.parametrize("final", [-1, 1])
def test_record__nothing_final_yet__not_begun(final: int) -> None:
    record = Record()

    assert recorded(Chain(), Blocks(final), record) == [Recorded(0, is_caught_up=True)]
    assert record.opened is None


def test_record__start_block_is_the_finalized_one__begun_there() -> None:
    record = Record()

    assert recorded(Chain(), Blocks(START), record) == [Recorded(0, is_caught_up=True)]
    assert record.opened == WalletOpening(block=block(START), account=AccountAt(10**9, 0))


def test_record__node_without_old_state__begins_at_the_finalized_block() -> None:
    chain, record = Chain(archive=7), Record()
    chain.spend(4)
    chain.spend(9)

    recorded(chain, Blocks(8), record)
    assert record.opened == WalletOpening(block=block(8), account=AccountAt(10**9 - 63_000, 1))
    recorded(chain, Blocks(10), record)

    assert record.nonces == [1]


def test_record__more_to_look_for_than_a_step__several_steps_and_the_same() -> None:
    chain, record = Chain(), Record()
    for nonce in range(LOCATED_MAX + 30):
        chain.spend(3 + nonce // 20)

    steps = recorded(chain, Blocks(20), record)

    assert len(steps) == 2
    assert record.nonces == list(range(LOCATED_MAX + 30))
    assert all(one.block_hash == at.hash for one, at in record.rows)


def test_record__one_block_with_more_than_a_step__taken_whole() -> None:
    chain, record = Chain(), Record()
    for _ in range(LOCATED_MAX + 5):
        chain.spend(3)

    assert len(recorded(chain, Blocks(4), record)) == 1
    assert record.nonces == list(range(LOCATED_MAX + 5))


def test_record__spent_by_what_the_node_hides__nothing_recorded() -> None:
    chain, record = Chain(hidden={1}), Record()
    chain.spend(4)
    chain.spend(5)

    with pytest.raises(ChainUnavailable, match="nonce 1"):
        record_step(chain, Blocks(8), record, start_block=START)

    assert record.rows == []
    assert record.cursor is None


def test_record__receipt_of_a_block_that_is_not_indexed__refused() -> None:
    chain, record = Chain(), Record()
    chain.spend(4)

    with pytest.raises(ChainUnavailable, match="indexed is"):
        record_step(chain, Blocks(8, fork=b"other"), record, start_block=START)

    assert record.rows == []


def test_record__receipt_above_the_finalized_block__not_taken_for_it() -> None:
    """A node that says spent, and shows the transaction where it cannot be: it is asked again."""
    chain, record = Chain(), Record()
    one = chain.spend(4)
    record.hashes = {0: [one.tx_hash]}
    chain.shown = {0: replace(one, block_number=BlockNumber(9))}

    recorded(chain, Blocks(8), record)

    assert record.rows == [(one, block(4))]
    assert chain.located_nonces == [0]


def test_record__mined_and_not_final__not_yet() -> None:
    chain, record = Chain(), Record()
    record.hashes = {0: [chain.spend(9).tx_hash]}

    assert recorded(chain, Blocks(8), record)[0].transactions == 0
    assert recorded(chain, Blocks(9), record)[0].transactions == 1


def test_record__signed_ones_above_a_part_of_the_step__in_the_next() -> None:
    chain, record = Chain(), Record()
    for nonce in range(LOCATED_MAX + 30):
        chain.spend(3 + nonce // 20)
    last = chain.spend(15)
    record.hashes = {last.nonce: [last.tx_hash]}

    first, second = recorded(chain, Blocks(20), record)

    assert first.transactions + second.transactions == LOCATED_MAX + 31
    assert record.nonces == list(range(LOCATED_MAX + 31))
