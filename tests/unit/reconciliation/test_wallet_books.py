"""`reconciliation.wallet_books`: gas by transaction, and the coins that are left."""

from collections import Counter
from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, BlockRef, Hash32, Timestamp
from reconciliation.discrepancy import Discrepancy, Kind
from reconciliation.matching import Booked
from reconciliation.movements import Movement
from reconciliation.overdue import Tolerances
from reconciliation.wallet_books import (
    GasEntry,
    WalletBook,
    coins_differences,
    gas_differences,
    read_book,
    wallet_discrepancies,
)
from tests.unit.reconciliation.test_wallets import (
    AT,
    FOREIGN,
    HISTORY,
    OURS,
    RECORDS,
    STRANGE,
    TRANSACTION,
    WALLET,
)

UNKNOWN, ENTRY = Hash32(b"\x03" * 32), Hash32(b"\x0e" * 32)
BOOKED = replace(RECORDS, book_nonce=3)
TOLERANCES = Tolerances(books_behind_s=1_000)


def gas(cost: int, sent: int = 0) -> GasEntry:
    return GasEntry(entry_id=ENTRY, cost_wei=cost, sent_wei=sent)


def book(
    entries: dict[Hash32, GasEntry], *, upto: int = 50, brought: int = 100, corrected: int = 0
) -> WalletBook:
    return WalletBook(
        upto=replace(AT, number=BlockNumber(upto)),
        entries=entries,
        brought_in_wei=brought,
        corrected=Counter([corrected] if corrected else []),
    )


@pytest.mark.parametrize(
    ("booked", "found"),
    [
        (book({OURS: gas(7)}), []),
        (book({OURS: gas(6)}), [("6", "7")]),
        (book({}), [("0", "7")]),
        (book({}, upto=9), []),
        (book({OURS: gas(7), UNKNOWN: gas(2)}), [("2", "0")]),
        (book({OURS: gas(7, 2)}), [("7, and 2 sent", "7")]),
        (book({OURS: gas(0, 7)}), [("0, and 7 sent", "7")]),
        (book({OURS: gas(6)}, corrected=1), []),
        (book({OURS: gas(6)}, corrected=-1), [("6", "7")]),
        (book({OURS: gas(6), UNKNOWN: gas(1)}, corrected=1), [("1", "0")]),
    ],
)
def test_gas__receipt_against_entry__as_far_as_the_book_goes(
    booked: WalletBook, found: list[tuple[str, str]]
) -> None:
    seen = gas_differences(HISTORY, RECORDS, booked)

    assert [(one.expected, one.actual) for one in seen] == found
    assert {one.kind for one in seen} <= {Kind.GAS}


def test_gas__transaction_that_is_not_ours__booked_like_the_others_or_not_told_twice() -> None:
    history = replace(HISTORY, transactions=(TRANSACTION, FOREIGN))
    ours = {OURS: gas(7)}

    assert gas_differences(history, RECORDS, book(ours)) == []
    assert gas_differences(history, RECORDS, book(ours | {STRANGE: gas(1, 5)})) == []
    (found,) = gas_differences(history, RECORDS, book(ours | {STRANGE: gas(6)}))
    assert (found.expected, found.actual) == ("6", "1, and 5 sent")


def test_gas__one_manual_entry__makes_one_difference_good() -> None:
    history = replace(HISTORY, transactions=(TRANSACTION, FOREIGN))
    one_short = {OURS: gas(6), STRANGE: gas(0, 5)}

    assert len(gas_differences(history, RECORDS, book(one_short))) == 2
    assert len(gas_differences(history, RECORDS, book(one_short, corrected=1))) == 1


def test_gas__before_the_book_begins__not_compared() -> None:
    assert gas_differences(HISTORY, replace(RECORDS, book_nonce=4), book({})) == []


@pytest.mark.parametrize(
    ("coins", "found"),
    [
        (93, None),
        (94, (Kind.GAS, f"coins of wallet {WALLET}", "100 wei brought in", "101 wei")),
        (
            92,
            (
                Kind.UNAUTHORISED_OUTFLOW,
                f"balance of wallet {WALLET}",
                "100 wei brought in",
                "99 wei",
            ),
        ),
    ],
)
def test_coins__left_and_spent__what_was_brought_in(
    coins: int, found: tuple[Kind, str, str, str] | None
) -> None:
    seen = coins_differences(HISTORY, BOOKED, book({}), coins)

    told = [(one.kind, one.subject, one.expected, one.actual) for one in seen]
    assert told == ([found] if found else [])


def test_coins__transactions_above_the_book__not_spent_yet() -> None:
    assert coins_differences(HISTORY, BOOKED, book({}, upto=9), 100) == []


def entry(source: bytes, at: int, *moves: tuple[int, str, str]) -> Booked:
    moved = tuple(
        Movement(bytes(ZERO_ADDRESS), amount, debit, credit) for amount, debit, credit in moves
    )
    return Booked(source, 0, bytes(ENTRY), None, None, at, moved)


@dataclass
class Book:
    """`ports.PaymentBook`."""

    reached: BlockRef | None
    posted: dict[str, list[Booked]]
    wrong_sums: list[Discrepancy] = field(default_factory=list)

    def cursor(self) -> BlockRef | None:
        return self.reached

    def entries(self, source_kind: str) -> Generator[Booked]:
        yield from self.posted.get(source_kind, ())

    def kinds(self) -> Collection[str]:
        return self.posted

    def twin(self, booked: Booked) -> Hash32 | None:
        return None

    def accepted(self) -> Sequence[Any]:
        return ()

    def misstated(self) -> list[Discrepancy]:
        return self.wrong_sums

    def reservations(self) -> Sequence[Any]:
        return ()


@dataclass
class Chain:
    """What `wallet_discrepancies` asks of `ports.Chain`."""

    fork: bytes = b""

    def block(self, number: int) -> BlockRef | None:
        hashed = Hash32((b"%02d" % number + self.fork).ljust(32, b"\0"))
        return replace(AT, number=BlockNumber(number), hash=hashed)

    def balances(self, at: BlockRef, pairs: Sequence[Any]) -> dict[Any, int]:
        return dict.fromkeys(pairs, 93)


def reached(number: int) -> BlockRef:
    block = Chain().block(number)
    assert block is not None
    return block


WHOLE = {
    "gas": [entry(OURS, 1_000, (7, "gas", "wallet"))],
    "opening": [entry(b"", 500, (60, "wallet", "float"))],
    "manual": [entry(b"", 700, (45, "wallet", "float"), (5, "float", "wallet"))],
}


def judged(book: Book, chain: Chain, history: Any = HISTORY) -> list[tuple[Kind, str]]:
    found = wallet_discrepancies(
        chain,  # type: ignore[arg-type]
        book,
        history,
        BOOKED,
        at=reached(50),
        tolerances=TOLERANCES,
    )
    return [(one.kind, one.subject) for one in found]


def test_read_book__kinds_of_entries__by_what_they_say_and_when() -> None:
    kinds = WHOLE | {
        "manual": [
            *WHOLE["manual"],
            entry(b"", 900, (3, "gas", "wallet")),
            entry(b"", 5_001, (9, "wallet", "float")),
            entry(b"", 900, (9, "surplus", "float")),
        ]
    }

    read = read_book(Book(AT, kinds), AT)

    assert read.entries == {OURS: gas(7)}
    assert (read.brought_in_wei, read.corrected) == (100, Counter([3]))


@pytest.mark.parametrize("cursor", [40, 50, 60])
def test_wallet__whole_book__agrees_at_its_cursor_or_the_runs_block(cursor: int) -> None:
    assert judged(Book(reached(cursor), WHOLE), Chain()) == []


def test_wallet__nothing_posted_for_too_long__told() -> None:
    subject = f"cursor of the book of wallet {WALLET}"

    assert judged(Book(None, {}), Chain()) == [(Kind.TIMING, subject)]
    assert judged(Book(reached(9), {}), Chain())[0] == (Kind.TIMING, subject)
    recent = replace(TRANSACTION, timestamp=Timestamp(4_000))
    history = replace(HISTORY, transactions=(recent,))
    assert judged(Book(None, {}), Chain(), history) == []


def test_wallet__book_of_another_fork__told_and_nothing_compared() -> None:
    subject = f"cursor of the book of wallet {WALLET}"

    assert judged(Book(reached(40), {}), Chain(fork=b"f")) == [(Kind.REORGED, subject)]


def test_wallet__a_nonce_that_the_node_hides__coins_not_compared() -> None:
    kinds = WHOLE | {"manual": []}

    assert judged(Book(reached(40), kinds), Chain()) != []
    assert judged(Book(reached(40), kinds), Chain(), replace(HISTORY, unlocated=(4,))) == []


def test_wallet__sums_that_accounts_and_entries_give_differently__told_once() -> None:
    sums = Discrepancy(
        kind=Kind.AMOUNT,
        subject="sums",
        asset=ZERO_ADDRESS,
        expected="1",
        actual="2",
        evidence=(),
    )

    assert judged(Book(reached(50), WHOLE, [sums]), Chain()) == [(Kind.AMOUNT, "sums")]
    short = WHOLE | {"gas": []}
    assert [kind for kind, _ in judged(Book(reached(50), short, [sums]), Chain())] == [Kind.GAS]


def test_wallet__other_address_of_an_asset__no_coins() -> None:
    token = entry(b"", 500, (60, "wallet", "float"))._replace(
        movements=(Movement(bytes(Address(b"\xaa" * 20)), 60, "wallet", "float"),)
    )

    assert read_book(Book(AT, {"opening": [token]}), AT).brought_in_wei == 0
