"""Laws of creator statements, of the monthly close and of exports, over any journal.

A journal here is a list of moves between accounts that the chart has; what the database sums up is
summed up here in the plainest way.
"""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from contracts.event_spec import ContractName
from contracts.evm import Address, Epoch, Hash32, Timestamp
from contracts.units import UINT256_MAX
from reconciliation.beancount import beancount_lines
from reconciliation.close_figures import CloseSource, KindBalance, KindFlow, asset_closes
from reconciliation.creator_statements import (
    Aside,
    OwnBalance,
    Side,
    Turnover,
    creator_statements,
)
from reconciliation.period import Period
from settlement.ledger import accounts
from settlement.ledger.accounts import Account, AccountKind
from tests.beancount_files import Place, assertions_of, totals_of
from tests.journal_builders import (
    ALICE,
    BOB,
    BOOK,
    EUR,
    USD,
    MemoryJournal,
    booked,
    entry,
    posting,
)

DAY = 86_400
WORK = Hash32.from_int(7)
ACCOUNTS: tuple[Account, ...] = (
    accounts.CASH,
    accounts.committed(Epoch(1)),
    accounts.escrow(Epoch(1), WORK),
    accounts.PLATFORM_FEES,
    accounts.SURPLUS,
    *(
        each
        for payee in (ALICE, BOB)
        for each in (
            accounts.payable(epoch=Epoch(1), work_id=WORK, part=0, payee=payee),
            accounts.unclaimed(payee),
            accounts.earned(WORK, payee),
        )
    ),
)
Move = tuple[int, Account, Account, int, Address]
MOVES = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.sampled_from(ACCOUNTS),
        st.sampled_from(ACCOUNTS),
        st.integers(1, UINT256_MAX >> 8),
        st.sampled_from((USD, EUR)),
    ).filter(lambda move: move[1] != move[2]),
    max_size=25,
)
START, END = 3, 7
PERIOD = Period(name="x", start=Timestamp(START * DAY), end=Timestamp(END * DAY), month=None)
CONTRACTS = {BOOK.contract: ContractName.EPOCH_PAYOUTS}


def covered(moves: list[Move]) -> list[Move]:
    """Moves that leave no creator below zero: what lacks comes in at the very start."""
    lacking: Counter[tuple[Account, Address]] = Counter()
    for _, debit, _, amount, asset in moves:
        if debit.payee is not None:
            lacking[debit, asset] += amount
    funding = [
        (0, accounts.CASH, account, units, asset) for (account, asset), units in lacking.items()
    ]
    return funding + moves


@given(MOVES)
def test_law__creator_statement__opening_and_earned_less_paid_is_closing(moves: list[Move]) -> None:
    moves = covered(moves)
    balances: Counter[tuple[AccountKind, Address, bool]] = Counter()
    for day, debit, credit, amount, asset in moves:
        for account, units in ((debit, -amount), (credit, amount)):
            if account.payee == ALICE and day < END:
                balances[account.kind, asset, False] += units
                balances[account.kind, asset, True] += units if day < START else 0
    turnovers = [
        Turnover(
            contract=BOOK.contract,
            asset=asset,
            debit=Side(kind=debit.kind, is_own=debit.payee == ALICE),
            credit=Side(kind=credit.kind, is_own=credit.payee == ALICE),
            epoch=Epoch(1),
            subject=WORK,
            amount=amount,
            postings=1,
        )
        for day, debit, credit, amount, asset in moves
        if START <= day < END and ALICE in (debit.payee, credit.payee)
    ]

    made = creator_statements(
        ALICE,
        [
            OwnBalance(
                contract=BOOK.contract,
                asset=asset,
                kind=kind,
                opening=balances[kind, asset, True],
                closing=balances[kind, asset, False],
            )
            for kind, asset in {(key[0], key[1]) for key in balances}
        ],
        turnovers,
        Aside(held={}, fees={}),
        contracts=CONTRACTS,
    )

    for one in made:
        assert one.opening + one.earned - one.paid == one.closing
        assert one.outstanding + one.unclaimed == one.closing
        assert sum(line.postings for line in one.lines) == sum(
            turnover.asset == one.asset for turnover in turnovers
        )


@given(MOVES)
def test_law__close__cash_and_every_kind_tie(moves: list[Move]) -> None:
    flows: Counter[tuple[AccountKind, AccountKind, Address]] = Counter()
    sums: Counter[tuple[AccountKind, Address, bool]] = Counter()
    for day, debit, credit, amount, asset in moves:
        if START <= day < END:
            flows[debit.kind, credit.kind, asset] += amount
        for kind, units in ((debit.kind, -amount), (credit.kind, amount)):
            if day < END:
                sums[kind, asset, False] += units
                sums[kind, asset, True] += units if day < START else 0
    source = CloseSource(
        settlement="main",
        chain_id=1,
        contracts=CONTRACTS,
        wallets=(),
        units={},
        period=PERIOD,
        is_over=True,
        closed_by={},
        flows=[
            KindFlow(
                contract=BOOK.contract,
                asset=key[2],
                debit=key[0],
                credit=key[1],
                amount=amount,
                postings=1,
            )
            for key, amount in flows.items()
        ],
        balances=[
            KindBalance(
                contract=BOOK.contract,
                asset=asset,
                kind=kind,
                opening=sums[kind, asset, True] * (-1 if kind.is_debit_normal else 1),
                closing=sums[kind, asset, False] * (-1 if kind.is_debit_normal else 1),
            )
            for kind, asset in {(key[0], key[1]) for key in sums}
        ],
        creators=(),
        days=(),
        gas=(),
        discrepancies=(),
        solvency=(),
    )

    for close in asset_closes(source):
        assert close.cash_opening + close.received - close.paid_out == close.cash_closing


@given(MOVES)
def test_law__beancount__reads_back_to_the_same_totals(moves: list[Move]) -> None:
    entries = [
        booked(entry(posting(debit, credit, amount, asset), block=number, at=day * DAY))
        for number, (day, debit, credit, amount, asset) in enumerate(moves)
    ]
    journal = MemoryJournal(entries, PERIOD)

    with TemporaryDirectory() as directory:
        file = Path(directory) / "x.beancount"
        file.write_text("".join(beancount_lines(journal.source())))
        totals, asserted = totals_of(file), assertions_of(file)

    expected: dict[Place, int] = {
        (book.chain_id, book.contract, path, asset): net
        for (book, path, asset), net in journal.totals().items()
    }
    assert asserted == expected
    places = expected.keys() | totals.keys()
    assert all(totals.get(place, 0) == expected.get(place, 0) for place in places)
