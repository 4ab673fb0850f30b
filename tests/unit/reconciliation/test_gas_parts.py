"""`reconciliation.gas_parts`: the cost of a transaction, divided to the unit."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from contracts.evm import Epoch, Hash32
from reconciliation.gas_parts import GasPart, gas_parts
from settlement.ledger import accounts
from settlement.ledger.journal import JournalEntry, gas_source
from tests.journal_builders import COIN, entry, posting

OPERATIONS = st.tuples(
    st.sampled_from(["withdraw", "tip"]), st.none() | st.integers(0, 2).map(Epoch)
)


def spent(cost: int) -> JournalEntry:
    one = entry(posting(accounts.GAS, accounts.WALLET, cost, COIN))
    return replace(one, source=gas_source(Hash32.from_int(1), 0))


@given(st.integers(1, 10**6), st.lists(OPERATIONS, max_size=9))
def test_gas_parts__any_transaction__add_up_and_differ_by_a_unit_an_operation(
    cost: int, carried: list[tuple[str, Epoch | None]]
) -> None:
    parts = gas_parts(spent(cost), carried)

    assert sum(part.amount for part in parts) == cost
    assert sum(part.operations for part in parts) == len(carried)
    each = cost // max(len(carried), 1)
    for part in parts:
        assert 0 <= part.amount - each * max(part.operations, 1) <= part.operations


def test_gas_parts__no_operation__bears_its_cost_itself() -> None:
    (part,) = gas_parts(spent(7), [])

    assert part == GasPart(kind=None, epoch=None, operations=0, amount=7)
    assert str(part) == "none=7"


def test_gas_parts__entry_without_gas__none() -> None:
    assert gas_parts(entry(posting(accounts.CASH, accounts.WALLET, 5)), [("tip", None)]) == ()
