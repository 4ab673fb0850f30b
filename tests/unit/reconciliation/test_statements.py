"""`reconciliation.statements`."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, fields, replace

import pytest

from contracts.batches import VerdictColumns
from contracts.evm import Address, BlockNumber, Epoch, Hash32, LogIndex
from contracts.leaves import SplitLine
from contracts.units import BaseUnits
from reconciliation.errors import StatementBroken
from reconciliation.statements import EpochStatement, epoch_statements, works_under_verdict
from settlement.ledger.accounts import AccountKind as K
from settlement.ledger.balances import Flow, PayableLeaf

ASSET = Address(b"\xaa" * 20)
EPOCH = Epoch(3)
WORK, OTHER_WORK = Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)


def payee(number: int) -> Address:
    return Address(bytes([number]) * 20)


def statements(
    flows: Sequence[Flow],
    leaves: Sequence[PayableLeaf] = (),
    *,
    works: Collection[Hash32] = (),
    payees: Collection[Address] = (),
) -> list[EpochStatement]:
    return epoch_statements(flows, leaves, held_works=works, held_payees=payees)


def flow(debit: K, credit: K, amount: int, epoch: Epoch = EPOCH) -> Flow:
    return Flow(epoch=epoch, asset=ASSET, debit=debit, credit=credit, amount=amount)


def leaf(work_id: Hash32, *outstanding: int) -> PayableLeaf:
    """A leaf with open lines for payees 1, 2, …."""
    return PayableLeaf(
        op_id=work_id,
        epoch=EPOCH,
        work_id=work_id,
        part=0,
        asset=ASSET,
        settled=0,
        open_lines=tuple(
            SplitLine(payee=payee(n), amount=BaseUnits(units))
            for n, units in enumerate(outstanding, start=1)
        ),
        is_reserved=False,
    )


NOTHING = dict.fromkeys((field.name for field in fields(EpochStatement)), 0)

SETTLED = [
    flow(K.CASH, K.PAID_IN, 100),
    flow(K.PAID_IN, K.COMMITTED, 90),
    flow(K.PAID_IN, K.UNALLOCATED, 10),
    flow(K.COMMITTED, K.PAYABLE, 90),
    flow(K.PAYABLE, K.CASH, 50),
    flow(K.PAYABLE, K.UNCLAIMED, 15),
]


def test_statement__settled_epoch__every_unit_has_a_place() -> None:
    (made,) = statements(SETTLED, [leaf(WORK, 20), leaf(OTHER_WORK, 5)], works={WORK})

    assert asdict(made) == NOTHING | {
        "epoch": EPOCH,
        "asset": ASSET,
        "paid_in": 100,
        "allocated": 90,
        "unallocated": 10,
        "withdrawn": 50,
        "unclaimed": 15,
        "outstanding": 25,
        "held": 20,
        "left": 10,
    }


def test_statement__fees_escrow_and_transfers__every_unit_has_a_place() -> None:
    flows = [
        flow(K.CASH, K.PAID_IN, 200),
        flow(K.PAID_IN, K.COMMITTED, 90),
        flow(K.PAID_IN, K.FEES, 20),
        flow(K.PAID_IN, K.ESCROWED, 60),
        flow(K.PAID_IN, K.UNALLOCATED, 30),
        flow(K.COMMITTED, K.PAYABLE, 90),
        flow(K.FEES, K.PAYABLE, 20),
        flow(K.ESCROWED, K.ESCROW, 45),
        flow(K.ESCROWED, K.SUSPENSE, 15),
        flow(K.ESCROW, K.UNCLAIMED, 11),
        flow(K.SUSPENSE, K.UNCLAIMED, 2),
        flow(K.ESCROW, K.UNALLOCATED, 7),
        flow(K.UNALLOCATED, K.CASH, 35),
        flow(K.PAYABLE, K.CASH, 100),
    ]

    (made,) = statements(flows)

    assert asdict(made) == NOTHING | {
        "epoch": EPOCH,
        "asset": ASSET,
        "paid_in": 200,
        "allocated": 90,
        "fees": 20,
        "escrow": 60,
        "unallocated": 30,
        "withdrawn": 100,
        "outstanding": 10,
        "released": 13,
        "expired": 7,
        "in_escrow": 27,
        "in_suspense": 13,
        "transferred": 35,
        "left": 2,
    }


def test_statement__payee_held__only_its_open_lines() -> None:
    leaves = [leaf(WORK, 6, 4), leaf(OTHER_WORK, 10, 5)]

    (by_payee,) = statements(SETTLED, leaves, payees={payee(2)})
    (by_both,) = statements(SETTLED, leaves, works={WORK}, payees={payee(2)})

    assert by_payee.held == 9
    assert by_both.held == 15


def test_statement__committed_with_fees_and_escrow__outstanding_and_in_escrow() -> None:
    flows = [
        flow(K.CASH, K.PAID_IN, 100),
        flow(K.PAID_IN, K.COMMITTED, 60),
        flow(K.PAID_IN, K.FEES, 30),
        flow(K.PAID_IN, K.ESCROWED, 10),
    ]

    (made,) = statements(flows)

    assert (made.outstanding, made.in_escrow, made.unallocated) == (90, 10, 0)


def test_statement__verdict_on_a_paid_work__nothing_held() -> None:
    (made,) = statements(SETTLED, [leaf(WORK, 25)], works={OTHER_WORK})

    assert (made.held, made.outstanding) == (0, 25)


def test_statement__committed_not_active__outstanding() -> None:
    (made,) = statements(SETTLED[:3])

    assert (made.allocated, made.outstanding, made.uncommitted) == (90, 90, 0)


def test_statement__vetoed__uncommitted_again() -> None:
    veto = [flow(K.COMMITTED, K.PAID_IN, 90), flow(K.UNALLOCATED, K.PAID_IN, 10)]

    (made,) = statements([*SETTLED[:3], *veto])

    assert (made.uncommitted, made.allocated, made.unallocated) == (100, 0, 0)


def test_statement__two_epochs__one_each_ascending() -> None:
    later = flow(K.CASH, K.PAID_IN, 7, Epoch(4))

    made = statements([later, *SETTLED])

    assert [(one.epoch, one.paid_in) for one in made] == [(3, 100), (4, 7)]


@pytest.mark.parametrize(
    "extra",
    [
        flow(K.PAID_IN, K.CASH, 3),
        flow(K.PAYABLE, K.CASH, 26),
        flow(K.UNALLOCATED, K.CASH, 11),
        flow(K.ESCROW, K.UNCLAIMED, 1),
        flow(K.ESCROW, K.UNALLOCATED, 1),
        flow(K.ESCROWED, K.CASH, 1),
        flow(K.FEES, K.CASH, 1),
        flow(K.PAID_IN, K.PAYABLE, 3),
        flow(K.COMMITTED, K.CASH, 1),
    ],
)
def test_statement__flow_that_no_rule_makes__broken(extra: Flow) -> None:
    with pytest.raises(StatementBroken, match="epoch 3"):
        statements([*SETTLED, extra])


def test_statement__more_held_than_outstanding__broken() -> None:
    with pytest.raises(StatementBroken, match="26 held of 25"):
        statements(SETTLED, [leaf(WORK, 26)], works={WORK})


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
    (made,) = statements(SETTLED)

    with pytest.raises(StatementBroken, match="101 paid in"):
        replace(made, paid_in=BaseUnits(101))
