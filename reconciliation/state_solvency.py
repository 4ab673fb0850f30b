"""State the solvency of every epoch that has ended, for each contract and asset.

An epoch is due once every book is posted up to its boundary block and a later block stands at or
after its end. Its statements are recorded together; running again changes nothing. What a contract
held at that block is read right after, while nodes still have that state, and again each time until
it is known.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.evm import Address, BlockRef, ChainId, Epoch
from reconciliation.reading import Reading
from reconciliation.solvency import OwedBalance, SolvencyStatement, Subject, solvency_statement

log = logging.getLogger(__name__)

EPOCHS_PER_LOOK = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedEpoch:
    """An epoch whose boundary block every book contains."""

    epoch: Epoch
    boundary: BlockRef


class SolvencyBooks(Protocol):
    """The books of one settlement's contracts, and the statements made from them."""

    chain_id: ChainId

    def due(self, epochs_max: int) -> Sequence[EndedEpoch]:
        """Ended epochs without statements, ascending; none from before the first entry."""
        ...

    def contracts(self) -> Sequence[Address]:
        """The contracts with a book."""
        ...

    def owed(self, contract: Address, at: BlockRef) -> Iterable[OwedBalance]:
        """Balances of everything that a contract owes, of every asset that it ever had."""
        ...

    def record(self, statements: Sequence[SolvencyStatement]) -> None:
        """Insert statements, or verify that they are stored as they are, in one transaction."""
        ...

    def without_reserve(self) -> Sequence[Subject]:
        """What was stated last, as far as its reserves are not known."""
        ...

    def add_reserve(self, subject: Subject, reserve: Reading) -> None:
        """Keep what the contract held."""
        ...


class Reserves(Protocol):
    """What contracts hold, as a chain shows it."""

    def reserve(self, subject: Subject) -> Reading | None:
        """What the subject's contract held at its block; None if no node can say any more."""
        ...


def state_solvency(books: SolvencyBooks) -> int:
    """Record what is due; the number of new statements.

    Raises:
        BadLiabilities: a balance is below zero, or the total does not fit 256 bits.
        StatementConflict: an epoch was stated otherwise before.
    """
    count = 0
    for ended in books.due(EPOCHS_PER_LOOK):
        made = [
            statement
            for contract in books.contracts()
            for statement in _statements(books, contract, ended)
        ]
        books.record(made)
        count += len(made)
        log.info(
            "solvency stated",
            extra={
                "epoch": ended.epoch,
                "block_number": ended.boundary.number,
                "statements": len(made),
                "lines": sum(len(statement.lines) for statement in made),
            },
        )
    return count


def read_reserves(books: SolvencyBooks, reserves: Reserves) -> int:
    """Read what contracts held, as far as it is not known; how many could be told.

    In a transaction of its own: a node that does not answer leaves the statements as they are.

    Raises:
        ChainUnavailable, BadAnswer: from the reserves.
    """
    count = 0
    for subject in books.without_reserve():
        reserve = reserves.reserve(subject)
        if reserve is not None:
            books.add_reserve(subject, reserve)
            count += 1
    return count


def _statements(
    books: SolvencyBooks, contract: Address, ended: EndedEpoch
) -> list[SolvencyStatement]:
    """One statement for each asset that the contract ever had, also where nothing is owed."""
    by_asset: dict[Address, list[OwedBalance]] = {}
    for balance in books.owed(contract, ended.boundary):
        by_asset.setdefault(balance.asset, []).append(balance)
    return [
        solvency_statement(
            Subject(
                chain_id=books.chain_id,
                contract=contract,
                epoch=ended.epoch,
                asset=asset,
                block=ended.boundary,
            ),
            by_asset[asset],
        )
        for asset in sorted(by_asset)
    ]
