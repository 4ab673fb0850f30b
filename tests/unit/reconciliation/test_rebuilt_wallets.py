"""`reconciliation.rebuilt_wallets`: a wallet added up, and its book seen the same way."""

from dataclasses import replace

from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, BlockRef, Hash32, Timestamp
from reconciliation.matching import Booked
from reconciliation.movements import Movement
from reconciliation.reading import Reading
from reconciliation.rebuilt_wallets import booked_accounts, rebuilt_wallet
from reconciliation.wallets import (
    ReceiptBasis,
    WalletHistory,
    WalletRecords,
    WalletTransaction,
)

WALLET, OTHER = Address(b"\x5e" * 20), Address(b"\x99" * 20)
NATIVE = bytes(ZERO_ADDRESS)
AT = BlockRef(
    number=BlockNumber(50),
    hash=Hash32(b"\x50" * 32),
    parent_hash=Hash32(bytes(32)),
    timestamp=Timestamp(5_000),
)


def transaction(nonce: int, cost: int, value: int, basis: ReceiptBasis) -> WalletTransaction:
    return WalletTransaction(
        nonce=nonce,
        transaction_hash=Hash32.from_int(nonce),
        block_number=10 + nonce,
        block_hash=Hash32.from_int(10 + nonce),
        timestamp=Timestamp(1_000),
        to=OTHER,
        value_wei=value,
        cost_wei=cost,
        has_failed=False,
        basis=basis,
    )


HISTORY = WalletHistory(
    wallet=WALLET,
    first_nonce=2,
    nonce=Reading(value=5, is_proven=True, evidence=""),
    balance=Reading(value=70, is_proven=True, evidence=""),
    opening_wei=None,
    transactions=(
        transaction(2, 1_000, 1_000, ReceiptBasis.STATED),
        transaction(3, 20, 0, ReceiptBasis.PROVEN),
        transaction(4, 7, 3, ReceiptBasis.PROVEN),
    ),
    unlocated=(1, 3),
    transfers=(),
)
RECORDS = WalletRecords(
    wallet=WALLET,
    signed=frozenset(),
    first_nonce=None,
    settled=frozenset(),
    failures=frozenset(),
    book_nonce=3,
    recorded=frozenset(),
)


def booked(*movements: tuple[int, str, str]) -> Booked:
    moved = tuple(Movement(NATIVE, amount, debit, credit) for amount, debit, credit in movements)
    return Booked(b"", 0, b"\x01" * 32, None, None, Timestamp(1), moved)


def test_rebuilt__from_the_nonce_of_its_book__what_came_is_what_is_left_and_spent() -> None:
    wallet = rebuilt_wallet(HISTORY, RECORDS, AT)

    assert (wallet.coins_wei, wallet.gas_wei, wallet.sent_wei) == (70, 27, 3)
    assert wallet.brought_in_wei == 100
    assert (wallet.receipts, wallet.unlocated) == ({"proven": 2}, (3,))
    assert sum(wallet.accounts().values()) == 0


def test_rebuilt__wallet_without_a_book__from_the_first_nonce_that_is_known() -> None:
    wallet = rebuilt_wallet(HISTORY, replace(RECORDS, book_nonce=None), AT)

    assert (wallet.first_nonce, wallet.gas_wei) == (2, 1_027)


def test_booked__same_wallet__same_accounts_whoever_brought_the_coins() -> None:
    entries = (
        booked((90, "wallet", "float")),
        booked((20, "gas", "wallet")),
        booked((7, "gas", "wallet"), (3, "unexplained", "wallet")),
        booked((10, "wallet", "surplus")),
    )

    assert booked_accounts(entries) == rebuilt_wallet(HISTORY, RECORDS, AT).accounts()
    assert booked_accounts(entries[:3]) != rebuilt_wallet(HISTORY, RECORDS, AT).accounts()
