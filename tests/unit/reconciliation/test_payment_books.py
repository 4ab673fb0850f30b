"""`reconciliation.payment_books`: books of payment contracts that nobody posts."""

from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp
from reconciliation.discrepancy import Kind
from reconciliation.overdue import Tolerances
from reconciliation.payment_books import payment_discrepancies
from reconciliation.ports import Books, Chain
from tests.unit.reconciliation.test_reconcile import SETTLEMENT

RELAY = Address(b"\xe1" * 20)
TOLERANCES = Tolerances(books_behind_s=100)
OURS = replace(SETTLEMENT, payments={ContractName.TIP_RELAY: RELAY})


def block(number: int) -> BlockRef:
    """A block every ten seconds."""
    return BlockRef(
        number=BlockNumber(number),
        hash=Hash32(number.to_bytes(32, "big")),
        parent_hash=Hash32(max(number - 1, 0).to_bytes(32, "big")),
        timestamp=Timestamp(number * 10),
    )


@dataclass
class Blocks:
    """A chain that is asked for blocks alone."""

    final: int

    def finalized(self) -> BlockRef:
        return block(self.final)

    def block(self, number: int) -> BlockRef | None:
        return block(number)


class NothingPosted:
    def payments(self, contract: Address) -> "NothingPosted":
        return self

    def cursor(self) -> BlockRef | None:
        return None


@pytest.mark.parametrize(("final", "kinds"), [(10, []), (11, [Kind.TIMING])])
def test_payment_books__never_posted__timing_after_the_tolerance(
    final: int, kinds: list[Kind]
) -> None:
    chain, books = cast(Chain, Blocks(final)), cast(Books, cast(Any, NothingPosted()))

    found = payment_discrepancies(chain, books, OURS, TOLERANCES, {})

    assert [one.kind for one in found] == kinds
    assert all(one.expected == "nothing posted" for one in found)


def test_payment_books__none_deployed__nothing() -> None:
    chain, books = cast(Chain, Blocks(1_000)), cast(Books, cast(Any, NothingPosted()))

    assert payment_discrepancies(chain, books, SETTLEMENT, TOLERANCES, {}) == []
