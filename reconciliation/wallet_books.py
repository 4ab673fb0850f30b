"""Books of payout wallets against the chain: what transactions cost, and the coins that are left.

    coins at the book's beginning + brought in since   (books: opening and manual entries)
      = coins now + everything that transactions cost and sent   (chain: account and receipts)

Every transaction of the wallet from the book's first nonce on is compared with its entry. Coins
that somebody sent make no transaction of the wallet and no log: what came beyond what is booked
is a surplus, until a manual entry says whose it was. It is of the kind `GAS`, which stops nothing:
anybody can send a wallet one wei. Fewer coins than are accounted for have left without one.

Each book is compared at its own cursor, or at the block of the run if it is further.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from contracts.evm import ZERO_ADDRESS, BlockRef, Hash32
from reconciliation.discrepancy import Discrepancy, Kind, Place
from reconciliation.lines import Corrections, Surroundings, in_other_assets, judged
from reconciliation.matching import Booked, uncaused
from reconciliation.overdue import Tolerances
from reconciliation.ports import Chain, PaymentBook
from reconciliation.rebuilt_wallets import SOURCES
from reconciliation.wallets import (
    WalletHistory,
    WalletRecords,
    WalletTransaction,
    unknown_fees_of,
)

_COINS, _GAS, _SENT = "wallet", "gas", "unexplained"
_SPENT = (_GAS, _SENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class GasEntry:
    """What one transaction cost, and the coins that it sent, as booked."""

    entry_id: Hash32
    cost_wei: int
    sent_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletBook:
    """One wallet's book up to `upto`.

    `entries` are by transaction, `brought_in_wei` what the wallet began with and got since.
    `corrected` counts manual entries between the wallet and its gas, by wei.
    """

    upto: BlockRef
    entries: Mapping[Hash32, GasEntry]
    brought_in_wei: int
    corrected: Counter[int]


def wallet_discrepancies(
    chain: Chain,
    book: PaymentBook,
    history: WalletHistory,
    records: WalletRecords,
    *,
    at: BlockRef,
    tolerances: Tolerances,
) -> list[Discrepancy]:
    """What is wrong with the book of one wallet, in a run at block `at`.

    Raises:
        ChainUnavailable: no answer.
    """
    cursor = book.cursor()
    found = _behind(cursor, history, at, tolerances)
    if cursor is None:
        return found
    upto = at if cursor.number >= at.number else chain.block(cursor.number)
    if upto is None or (cursor.number <= at.number and upto.hash != cursor.hash):
        return [*found, _is_gone(cursor, upto, history)]
    booked = read_book(book, upto)
    found += judged(
        (uncaused(book, SOURCES),), lambda one: Surroundings(twin=book.twin(one)), Corrections(())
    )
    found += gas_differences(history, records, booked)
    if records.book_nonce is not None and not history.unlocated:
        key = (ZERO_ADDRESS, history.wallet)
        is_of_run = upto.number == at.number
        coins = history.balance.value if is_of_run else chain.balances(upto, [key])[key]
        found += coins_differences(history, records, booked, coins)
    return found + in_other_assets(book.misstated(), found)


def read_book(book: PaymentBook, upto: BlockRef) -> WalletBook:
    """The entries of a wallet's book that are effective up to a block."""
    entries = {
        Hash32(one.source_id): _gas_entry(one) for one in _effective(book.entries("gas"), upto)
    }
    brought_in, corrected = 0, Counter[int]()
    for kind in ("opening", "manual"):
        for one in _effective(book.entries(kind), upto):
            came, spent = _coins_of(one)
            brought_in += came
            corrected[spent] += bool(spent)
    return WalletBook(upto=upto, entries=entries, brought_in_wei=brought_in, corrected=corrected)


def gas_differences(
    history: WalletHistory, records: WalletRecords, book: WalletBook
) -> list[Discrepancy]:
    """What transactions cost, by receipt and by entry, as far as the book goes.

    A transaction that is not ours is told as such; that it has no entry is not told again.
    """
    corrected = Counter(book.corrected)
    mined = {one.transaction_hash: one for one in _in_book(history, records, book)}
    found = []
    for transaction_hash in sorted(mined.keys() | book.entries.keys()):
        one, entry = mined.get(transaction_hash), book.entries.get(transaction_hash)
        if entry is None and one is not None and records.is_strange(one):
            continue
        cost, sent = (one.cost_wei, one.value_wei) if one else (0, 0)
        booked = (entry.cost_wei, entry.sent_wei) if entry else (0, 0)
        left = cost + sent - sum(booked)
        if (cost, sent) == booked:
            continue
        if corrected[left]:
            corrected[left] -= 1
            continue
        found.append(_difference(transaction_hash, one, entry))
    return found


def coins_differences(
    history: WalletHistory, records: WalletRecords, book: WalletBook, coins: int
) -> list[Discrepancy]:
    """What came into the wallet, by its coins and all that it spent, and as it is booked."""
    spent = sum(one.cost_wei + one.value_wei for one in _in_book(history, records, book))
    came = coins + spent
    if came == book.brought_in_wei:
        return []
    is_surplus = came > book.brought_in_wei
    wallet, upto = history.wallet, book.upto
    return [
        Discrepancy(
            kind=Kind.GAS if is_surplus else Kind.UNAUTHORISED_OUTFLOW,
            subject=f"{'coins' if is_surplus else 'balance'} of wallet {wallet}",
            asset=ZERO_ADDRESS,
            expected=f"{book.brought_in_wei} wei brought in",
            actual=f"{came} wei",
            evidence=(
                f"{coins} wei left, {spent} wei spent from nonce {records.book_nonce} on",
                f"opening and manual entries of the book: {book.brought_in_wei} wei",
                f"block {upto.number} {upto.hash}",
                *unknown_fees_of(history),
            ),
            place=Place(block_number=upto.number, block_hash=upto.hash),
        )
    ]


def _in_book(
    history: WalletHistory, records: WalletRecords, book: WalletBook
) -> Iterator[WalletTransaction]:
    """The transactions that the book must have."""
    for one in history.transactions:
        is_since = records.book_nonce is None or one.nonce >= records.book_nonce
        if is_since and one.block_number <= book.upto.number:
            yield one


def _effective(entries: Iterable[Booked], upto: BlockRef) -> list[Booked]:
    return [one for one in entries if one.effective_at <= upto.timestamp]


def _gas_entry(booked: Booked) -> GasEntry:
    sums: Counter[str] = Counter()
    for one in booked.movements:
        sums[one.debit] += one.amount
        sums[one.credit] -= one.amount
    return GasEntry(entry_id=Hash32(booked.entry_id), cost_wei=sums[_GAS], sent_wei=sums[_SENT])


def _coins_of(booked: Booked) -> tuple[int, int]:
    """What an entry brings into the wallet, and what it moves from there to what was spent."""
    came = spent = 0
    for one in booked.movements:
        if bytes(one.asset) != bytes(ZERO_ADDRESS) or _COINS not in (one.debit, one.credit):
            continue
        is_debit = one.debit == _COINS
        other = one.credit if is_debit else one.debit
        amount = one.amount if is_debit else -one.amount
        if other in _SPENT:
            spent -= amount
        else:
            came += amount
    return came, spent


def _difference(
    transaction_hash: Hash32, one: WalletTransaction | None, entry: GasEntry | None
) -> Discrepancy:
    return Discrepancy(
        kind=Kind.GAS,
        subject=f"transaction {transaction_hash}",
        asset=ZERO_ADDRESS,
        expected=_spell(entry.cost_wei, entry.sent_wei) if entry else "0",
        actual=_spell(one.cost_wei, one.value_wei) if one else "0",
        evidence=(
            f"receipt ({one.basis}): {_spell(one.cost_wei, one.value_wei)} wei"
            if one
            else "no receipt",
            f"entry {entry.entry_id}: {_spell(entry.cost_wei, entry.sent_wei)} wei"
            if entry
            else "no entry",
            f"transaction {transaction_hash}",
            *(
                f"{name}: a fee that is not known here; what left in its block is the cost"
                for name in (one.unknown_fees if one else ())
            ),
        ),
        place=Place(
            transaction_hash=transaction_hash,
            block_number=one.block_number if one else None,
            block_hash=one.block_hash if one else None,
            entry_id=entry.entry_id if entry else None,
        ),
    )


def _spell(cost_wei: int, sent_wei: int) -> str:
    return f"{cost_wei}, and {sent_wei} sent" if sent_wei else str(cost_wei)


def _behind(
    cursor: BlockRef | None, history: WalletHistory, at: BlockRef, tolerances: Tolerances
) -> list[Discrepancy]:
    """A book that nobody posts says nothing wrong, and nothing."""
    late = [
        one
        for one in history.transactions
        if (cursor is None or one.block_number > cursor.number)
        and at.timestamp - one.timestamp > tolerances.books_behind_s
    ]
    if not late:
        return []
    first = min(late, key=lambda one: one.nonce)
    return [
        Discrepancy(
            kind=Kind.TIMING,
            subject=f"cursor of the book of wallet {history.wallet}",
            expected=f"block {cursor.number}" if cursor else "nothing posted",
            actual=f"transaction {first.transaction_hash} in block {first.block_number}",
            evidence=(
                f"transaction {first.transaction_hash}",
                f"block {first.block_number} {first.block_hash}",
                f"tolerance {tolerances.books_behind_s} s",
            ),
            place=first.place,
        )
    ]


def _is_gone(cursor: BlockRef, upto: BlockRef | None, history: WalletHistory) -> Discrepancy:
    return Discrepancy(
        kind=Kind.REORGED,
        subject=f"cursor of the book of wallet {history.wallet}",
        expected=f"block {cursor.number} {cursor.hash}",
        actual=f"block {upto.number} {upto.hash}" if upto else "no such block",
        evidence=(f"block {cursor.number} is another one on chain",),
        place=Place(block_number=cursor.number, block_hash=cursor.hash),
    )
