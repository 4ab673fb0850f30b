"""`settlement.ledger.accounts`."""

import pytest

from contracts.evm import Address, ChainId, Epoch
from settlement.errors import BadEntry
from settlement.ledger.accounts import (
    CASH,
    DIMENSIONS,
    FLOAT,
    GAS,
    IN_TRANSIT,
    LIABILITIES,
    PLATFORM_FEES,
    SURPLUS,
    UNEXPLAINED,
    WALLET,
    Account,
    AccountKind,
    Book,
    account_from_path,
    committed,
    documents,
    earned,
    escrow,
    escrowed,
    fees,
    owed,
    paid_in,
    payable,
    refunded,
    suspense,
    unallocated,
    unclaimed,
)
from tests.ledger_builders import ALICE, BOOK, ESCROW_ID, SUSPENSE_ID, work

EPOCH = Epoch(7)
ALL = (
    CASH,
    IN_TRANSIT,
    paid_in(EPOCH),
    committed(EPOCH),
    unallocated(EPOCH),
    payable(epoch=EPOCH, work_id=work(1), part=0, payee=ALICE),
    unclaimed(ALICE),
    fees(EPOCH),
    escrowed(EPOCH),
    escrow(EPOCH, ESCROW_ID),
    suspense(EPOCH, SUSPENSE_ID),
)
OF_PAYMENTS = (
    earned(work(2), ALICE),
    refunded(work(2), ALICE),
    owed(work(3), ALICE),
    documents(work(4)),
    PLATFORM_FEES,
    FLOAT,
    UNEXPLAINED,
    WALLET,
    GAS,
    SURPLUS,
)


def test_chart__every_kind__has_an_account_and_a_side() -> None:
    kinds = {account.kind for account in (*ALL, *OF_PAYMENTS)}
    of_payouts = {account.kind for account in ALL}

    assert kinds == set(AccountKind) == set(DIMENSIONS)
    assert set(LIABILITIES) == of_payouts - {AccountKind.CASH, AccountKind.IN_TRANSIT}


def test_path__kind_and_attributes__joined() -> None:
    paths = [account.path for account in ALL]

    assert paths == [
        "cash",
        "in_transit",
        "paid_in:7",
        "committed:7",
        "unallocated:7",
        f"payable:7:{work(1)}:0:0x{ALICE.hex()}",
        f"unclaimed:0x{ALICE.hex()}",
        "fees:7",
        "escrowed:7",
        f"escrow:7:{ESCROW_ID}",
        f"suspense:7:{SUSPENSE_ID}",
    ]


def test_path__of_payments__joined() -> None:
    paths = [account.path for account in OF_PAYMENTS]

    assert paths == [
        f"earned:{work(2)}:0x{ALICE.hex()}",
        f"refunded:{work(2)}:0x{ALICE.hex()}",
        f"owed:{work(3)}:0x{ALICE.hex()}",
        f"documents:{work(4)}",
        "platform_fees",
        "float",
        "unexplained",
        "wallet",
        "gas",
        "surplus",
    ]


@pytest.mark.parametrize("account", [*ALL, *OF_PAYMENTS], ids=lambda account: account.kind)
def test_account_from_path__of_any_account__that_account(account: Account) -> None:
    assert account_from_path(account.path) == account


@pytest.mark.parametrize(
    "path",
    ["", "cash:1", "paid_in", "paid_in:07", "paid_in:x", "unclaimed:0x00", "nobody", "owed:1:2"],
)
def test_account_from_path__no_account__refused(path: str) -> None:
    with pytest.raises(BadEntry, match="no account is named"):
        account_from_path(path)


def test_account_id__other_book_or_account__differs() -> None:
    other_chain = Book(chain_id=ChainId(1), contract=BOOK.contract)
    other_contract = Book(chain_id=BOOK.chain_id, contract=Address(b"\x01" * 20))

    ids = {book.account_id(one) for book in (BOOK, other_chain, other_contract) for one in ALL}

    assert len(ids) == 3 * len(ALL)


@pytest.mark.parametrize(
    ("kind", "epoch", "payee"),
    [
        (AccountKind.CASH, EPOCH, None),
        (AccountKind.PAID_IN, None, None),
        (AccountKind.UNCLAIMED, EPOCH, ALICE),
        (AccountKind.PAYABLE, EPOCH, ALICE),
    ],
)
def test_account__attributes_of_another_kind__refused(
    kind: AccountKind, epoch: Epoch | None, payee: Address | None
) -> None:
    with pytest.raises(BadEntry, match=kind.value):
        Account(kind=kind, epoch=epoch, payee=payee)


def test_balance__cash_and_others__on_the_normal_side() -> None:
    assert CASH.balance(debits=5, credits=3) == 2
    assert paid_in(EPOCH).balance(debits=5, credits=3) == -2
    assert [one.balance(debits=5, credits=3) for one in (GAS, WALLET, UNEXPLAINED)] == [2, 2, 2]
    assert [one.balance(debits=3, credits=5) for one in (FLOAT, SURPLUS, PLATFORM_FEES)] == [2] * 3
