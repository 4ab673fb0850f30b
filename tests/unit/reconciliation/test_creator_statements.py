"""`reconciliation.creator_statements`: what each move means, and the equation."""

from collections.abc import Sequence

import pytest

from contracts.event_spec import ContractName
from contracts.evm import Address, Epoch, Hash32
from reconciliation.creator_statements import (
    Aside,
    AssetStatement,
    MoveKind,
    OwnBalance,
    Side,
    Turnover,
    creator_statements,
    move_kind,
)
from reconciliation.errors import CreatorStatementBroken
from settlement.ledger.accounts import AccountKind as K

PAYOUTS, PPV, TIPS, RELAY, SALE, BATCH = (Address(bytes([n]) * 20) for n in range(0xE0, 0xE6))
CONTRACTS = {
    PAYOUTS: ContractName.EPOCH_PAYOUTS,
    PPV: ContractName.PAY_PER_VIEW_SPLITTER,
    TIPS: ContractName.TIP_SPLITTER,
    RELAY: ContractName.TIP_RELAY,
    SALE: ContractName.TICKET_SALE,
    BATCH: ContractName.PAYOUT_BATCH,
}
USD, EUR = Address(b"\xaa" * 20), Address(b"\xbb" * 20)
ALICE = Address(b"\x01" * 20)
WORK = Hash32.from_int(7)


def own(kind: K) -> Side:
    return Side(kind=kind, is_own=True)


def other(kind: K) -> Side:
    return Side(kind=kind, is_own=False)


@pytest.mark.parametrize(
    ("debit", "credit", "contract", "kind"),
    [
        (other(K.COMMITTED), own(K.PAYABLE), PAYOUTS, MoveKind.ROYALTY),
        (other(K.FEES), own(K.PAYABLE), PAYOUTS, MoveKind.FEE),
        (other(K.ESCROW), own(K.UNCLAIMED), PAYOUTS, MoveKind.ESCROW_RELEASE),
        (other(K.SUSPENSE), own(K.UNCLAIMED), PAYOUTS, MoveKind.ESCROW_RELEASE),
        (other(K.CASH), own(K.EARNED), PPV, MoveKind.PAY_PER_VIEW),
        (other(K.CASH), own(K.EARNED), TIPS, MoveKind.TIP),
        (other(K.CASH), own(K.OWED), RELAY, MoveKind.TIP),
        (other(K.CASH), own(K.EARNED), SALE, MoveKind.TICKET),
        (other(K.DOCUMENTS), own(K.OWED), BATCH, MoveKind.DOCUMENT),
        (other(K.SURPLUS), own(K.UNCLAIMED), RELAY, MoveKind.ADJUSTMENT),
        (other(K.CASH), own(K.UNCLAIMED), RELAY, MoveKind.ADJUSTMENT),
        (other(K.PAYABLE), own(K.PAYABLE), PAYOUTS, MoveKind.ADJUSTMENT),
        (own(K.PAYABLE), other(K.PAYABLE), PAYOUTS, MoveKind.ADJUSTMENT),
        (own(K.PAYABLE), other(K.COMMITTED), PAYOUTS, MoveKind.ADJUSTMENT),
        (own(K.PAYABLE), other(K.CASH), PAYOUTS, MoveKind.PAID),
        (own(K.OWED), other(K.CASH), RELAY, MoveKind.PAID),
        (own(K.EARNED), other(K.CASH), SALE, MoveKind.PAID),
        (own(K.UNCLAIMED), other(K.CASH), BATCH, MoveKind.WITHDRAWN),
        (own(K.PAYABLE), own(K.UNCLAIMED), PAYOUTS, MoveKind.UNCLAIMED),
        (own(K.OWED), own(K.UNCLAIMED), BATCH, MoveKind.UNCLAIMED),
        (other(K.CASH), own(K.REFUNDED), PPV, MoveKind.REFUND),
        (own(K.REFUNDED), other(K.CASH), SALE, MoveKind.REFUND),
    ],
)
def test_move_kind__sides_and_contract__decide(
    debit: Side, credit: Side, contract: Address, kind: MoveKind
) -> None:
    assert move_kind(debit, credit, CONTRACTS[contract]) is kind


def turnover(
    debit: Side,
    credit: Side,
    amount: int,
    *,
    contract: Address = PAYOUTS,
    asset: Address = USD,
    epoch: int | None = 3,
    postings: int = 1,
) -> Turnover:
    return Turnover(
        contract=contract,
        asset=asset,
        debit=debit,
        credit=credit,
        epoch=None if epoch is None else Epoch(epoch),
        subject=WORK,
        amount=amount,
        postings=postings,
    )


def balance(kind: K, opening: int, closing: int, *, asset: Address = USD) -> OwnBalance:
    return OwnBalance(contract=PAYOUTS, asset=asset, kind=kind, opening=opening, closing=closing)


def statements(
    balances: Sequence[OwnBalance],
    turnovers: Sequence[Turnover],
    *,
    held: int = 0,
    fees: int = 0,
) -> list[AssetStatement]:
    aside = Aside(held={USD: held}, fees={USD: fees})
    return creator_statements(ALICE, balances, turnovers, aside, contracts=CONTRACTS)


MONTH = (
    turnover(other(K.COMMITTED), own(K.PAYABLE), 100),
    turnover(own(K.PAYABLE), other(K.CASH), 60),
    turnover(own(K.PAYABLE), own(K.UNCLAIMED), 30),
    turnover(own(K.UNCLAIMED), other(K.CASH), 25),
    turnover(other(K.CASH), own(K.EARNED), 8, contract=PPV, epoch=None),
    turnover(own(K.EARNED), other(K.CASH), 8, contract=PPV, epoch=None),
    turnover(other(K.CASH), own(K.REFUNDED), 9, contract=PPV, epoch=None),
    turnover(own(K.REFUNDED), other(K.CASH), 9, contract=PPV, epoch=None),
)
BALANCES = (
    balance(K.PAYABLE, 5, 15),
    balance(K.UNCLAIMED, 0, 5),
    balance(K.EARNED, 0, 0),
    balance(K.REFUNDED, 0, 0),
)


def test_statement__a_month__adds_up_with_every_kind() -> None:
    (made,) = statements(BALANCES, MONTH, held=15, fees=2)

    assert (made.opening, made.earned, made.paid, made.closing) == (5, 108, 93, 20)
    assert (made.outstanding, made.unclaimed, made.held) == (15, 5, 15)
    assert (made.refunded, made.fees) == (9, 2)
    assert [(line.kind, line.contract, line.amount) for line in made.lines] == [
        (MoveKind.ROYALTY, PAYOUTS, 100),
        (MoveKind.PAY_PER_VIEW, PPV, 8),
        (MoveKind.PAID, PAYOUTS, 60),
        (MoveKind.PAID, PPV, 8),
        (MoveKind.WITHDRAWN, PAYOUTS, 25),
        (MoveKind.UNCLAIMED, PAYOUTS, 30),
        (MoveKind.REFUND, PPV, 9),
    ]


def test_statement__adjustment_out__is_negative_earning() -> None:
    (made,) = statements(
        [balance(K.PAYABLE, 10, 7)], [turnover(own(K.PAYABLE), other(K.COMMITTED), 3)]
    )

    assert (made.earned, made.paid) == (-3, 0)


def test_statement__assets__are_not_mixed() -> None:
    made = statements(
        [balance(K.PAYABLE, 0, 4), balance(K.PAYABLE, 1, 1, asset=EUR)],
        [turnover(other(K.COMMITTED), own(K.PAYABLE), 4)],
    )

    assert [(one.asset, one.opening, one.closing) for one in made] == [(USD, 0, 4), (EUR, 1, 1)]


def test_statement__nothing_ever__is_empty() -> None:
    assert statements([], []) == []


@pytest.mark.parametrize(
    ("balances", "turnovers", "held", "why"),
    [
        ([balance(K.PAYABLE, 0, 5)], [], 0, "the books say 5"),
        ([], [turnover(other(K.COMMITTED), own(K.PAYABLE), 5)], 0, "the books say 0"),
        ([balance(K.PAYABLE, 5, 4)], [], 0, "is 5"),
        ([balance(K.PAYABLE, -1, -1)], [], 0, "below zero"),
        (
            [balance(K.UNCLAIMED, 5, 5), balance(K.PAYABLE, -3, -3)],
            [],
            0,
            "5 unclaimed of 2",
        ),
        ([balance(K.PAYABLE, 5, 5)], [], 6, "6 held of 5"),
        ([balance(K.UNCLAIMED, 5, 5)], [], 1, "1 held of 0"),
    ],
    ids=["unearned", "unbooked", "vanished", "negative", "unclaimed", "held", "held pull balance"],
)
def test_statement__that_does_not_add_up__refused(
    balances: Sequence[OwnBalance], turnovers: Sequence[Turnover], held: int, why: str
) -> None:
    with pytest.raises(CreatorStatementBroken, match=why):
        statements(balances, turnovers, held=held)
