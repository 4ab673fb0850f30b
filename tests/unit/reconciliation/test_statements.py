"""`reconciliation.statements`."""

from dataclasses import astuple, replace

import pytest

from contracts.batches import VerdictColumns
from contracts.evm import Address, BlockNumber, Epoch, Hash32, LogIndex
from reconciliation.errors import StatementBroken
from reconciliation.statements import epoch_statements, works_under_verdict
from settlement.ledger.accounts import AccountKind as K
from settlement.ledger.balances import Flow, PayableLeaf

ASSET = Address(b"\xaa" * 20)
EPOCH = Epoch(3)
WORK, OTHER_WORK = Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)


def flow(debit: K, credit: K, amount: int, epoch: Epoch = EPOCH) -> Flow:
    return Flow(epoch=epoch, asset=ASSET, debit=debit, credit=credit, amount=amount)


def leaf(work_id: Hash32, outstanding: int) -> PayableLeaf:
    return PayableLeaf(
        op_id=work_id,
        epoch=EPOCH,
        work_id=work_id,
        part=0,
        asset=ASSET,
        outstanding=outstanding,
        is_reserved=False,
    )


SETTLED = [
    flow(K.CASH, K.PAID_IN, 100),
    flow(K.PAID_IN, K.COMMITTED, 90),
    flow(K.PAID_IN, K.UNALLOCATED, 10),
    flow(K.COMMITTED, K.PAYABLE, 90),
    flow(K.PAYABLE, K.CASH, 50),
    flow(K.PAYABLE, K.UNCLAIMED, 15),
]


def test_statement__settled_epoch__every_unit_has_a_place() -> None:
    (made,) = epoch_statements(SETTLED, [leaf(WORK, 20), leaf(OTHER_WORK, 5)], frozenset({WORK}))

    assert astuple(made) == (EPOCH, ASSET, 100, 0, 90, 10, 50, 15, 25, 20)


def test_statement__verdict_on_a_paid_work__nothing_held() -> None:
    (made,) = epoch_statements(SETTLED, [leaf(WORK, 25)], frozenset({OTHER_WORK}))

    assert (made.held, made.outstanding) == (0, 25)


def test_statement__committed_not_active__outstanding() -> None:
    (made,) = epoch_statements(SETTLED[:3], [], frozenset())

    assert (made.allocated, made.outstanding, made.uncommitted) == (90, 90, 0)


def test_statement__vetoed__uncommitted_again() -> None:
    veto = [flow(K.COMMITTED, K.PAID_IN, 90), flow(K.UNALLOCATED, K.PAID_IN, 10)]

    (made,) = epoch_statements([*SETTLED[:3], *veto], [], frozenset())

    assert (made.uncommitted, made.allocated, made.unallocated) == (100, 0, 0)


def test_statement__two_epochs__one_each_ascending() -> None:
    later = flow(K.CASH, K.PAID_IN, 7, Epoch(4))

    made = epoch_statements([later, *SETTLED], [], frozenset())

    assert [(one.epoch, one.paid_in) for one in made] == [(3, 100), (4, 7)]


@pytest.mark.parametrize(
    "extra",
    [
        flow(K.PAID_IN, K.CASH, 3),
        flow(K.PAYABLE, K.CASH, 26),
        flow(K.UNALLOCATED, K.CASH, 3),
        flow(K.PAID_IN, K.PAYABLE, 3),
        flow(K.COMMITTED, K.CASH, 1),
    ],
)
def test_statement__flow_that_no_rule_makes__broken(extra: Flow) -> None:
    with pytest.raises(StatementBroken, match="epoch 3"):
        epoch_statements([*SETTLED, extra], [], frozenset())


def test_statement__more_held_than_outstanding__broken() -> None:
    with pytest.raises(StatementBroken, match="26 held of 25"):
        epoch_statements(SETTLED, [leaf(WORK, 26)], frozenset({WORK}))


def test_works_under_verdict__placed_lifted_and_placed_again__last_counts() -> None:
    events = [(WORK, True), (OTHER_WORK, True), (WORK, False), (OTHER_WORK, False), (WORK, True)]
    columns = VerdictColumns(
        block_number=[BlockNumber(number) for number in range(5)],
        log_index=[LogIndex(0)] * 5,
        work_id=[work_id for work_id, _ in events],
        is_placed=[is_placed for _, is_placed in events],
    )

    assert works_under_verdict(columns) == {WORK}


def test_statement__replaced_amount__refused() -> None:
    (made,) = epoch_statements(SETTLED, [], frozenset())

    with pytest.raises(StatementBroken, match="101 paid in"):
        replace(made, paid_in=101)  # type: ignore[arg-type]
