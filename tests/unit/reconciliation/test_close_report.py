"""The monthly close: figures tie to their books.

Subjects: reconciliation.close_figures, reconciliation.close_report, reconciliation.close_charts,
reconciliation.close_books, reconciliation.close_cells, reconciliation.close_words,
reconciliation.trial_balance.
"""

from collections.abc import Sequence
from dataclasses import replace
from html import escape

import pytest

from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Epoch, Hash32, Timestamp
from contracts.units import UINT256_MAX
from reconciliation.close_charts import Bar, DayBars, bar_chart, day_chart, grouped
from reconciliation.close_figures import (
    NATIVE_UNIT,
    AssetUnit,
    CloseSource,
    CreatorTotal,
    DayTotal,
    DiscrepancyLine,
    GasUse,
    KindBalance,
    KindFlow,
    asset_closes,
    discrepancies_at,
)
from reconciliation.close_report import close_report
from reconciliation.creator_statements import MoveKind
from reconciliation.discrepancy import Kind
from reconciliation.errors import CloseBroken
from reconciliation.liability_tree import SumNode
from reconciliation.period import month_period
from reconciliation.reading import Reading
from reconciliation.runbook import RULES
from reconciliation.solvency import Stated, Subject
from reconciliation.trial_balance import trial_balances
from settlement.ledger.accounts import AccountKind as K
from tests.html_figures import Figures

PAYOUTS, PPV, WALLET = (Address(bytes([n]) * 20) for n in (0xE0, 0xE1, 0xE2))
USD, COIN = Address(b"\xaa" * 20), Address(bytes(20))
ALICE, BOB = Address(b"\x01" * 20), Address(b"\x02" * 20)
MONTH = month_period(2026, 11)


def flow(debit: K, credit: K, amount: int, contract: Address = PAYOUTS, lines: int = 1) -> KindFlow:
    asset = COIN if contract == WALLET else USD
    return KindFlow(
        contract=contract, asset=asset, debit=debit, credit=credit, amount=amount, postings=lines
    )


FLOWS = (
    flow(K.CASH, K.PAID_IN, 1_000),
    flow(K.PAID_IN, K.COMMITTED, 800),
    flow(K.PAID_IN, K.FEES, 100),
    flow(K.PAID_IN, K.ESCROWED, 40),
    flow(K.PAID_IN, K.UNALLOCATED, 60),
    flow(K.COMMITTED, K.PAYABLE, 800),
    flow(K.FEES, K.PAYABLE, 100),
    flow(K.ESCROWED, K.ESCROW, 40),
    flow(K.ESCROW, K.UNCLAIMED, 15),
    flow(K.PAYABLE, K.CASH, 500, lines=4),
    flow(K.PAYABLE, K.UNCLAIMED, 50),
    flow(K.UNCLAIMED, K.CASH, 20),
    flow(K.CASH, K.EARNED, 9, PPV),
    flow(K.EARNED, K.CASH, 9, PPV),
    flow(K.CASH, K.PLATFORM_FEES, 1, PPV),
    flow(K.PLATFORM_FEES, K.CASH, 1, PPV),
    flow(K.CASH, K.REFUNDED, 10, PPV),
    flow(K.REFUNDED, K.CASH, 10, PPV),
    flow(K.GAS, K.WALLET, 21_000, WALLET),
)


def balances_of(flows: Sequence[KindFlow], opening: dict[K, int]) -> list[KindBalance]:
    """Balances that the flows lead to."""
    keys = {(one.contract, one.asset, kind) for one in flows for kind in (one.debit, one.credit)}
    made = []
    for contract, asset, kind in sorted(keys):
        of = [one for one in flows if (one.contract, one.asset) == (contract, asset)]
        net = sum(one.amount for one in of if one.credit is kind)
        net -= sum(one.amount for one in of if one.debit is kind)
        before = opening.get(kind, 0) if contract == PAYOUTS else 0
        after = before + (-net if kind.is_debit_normal else net)
        made.append(
            KindBalance(contract=contract, asset=asset, kind=kind, opening=before, closing=after)
        )
    return made


def discrepancy(number: int, found_at: int, resolved_at: int | None) -> DiscrepancyLine:
    return DiscrepancyLine(
        id=Hash32.from_int(number),
        kind="amount",
        subject="<script>alert(1)</script>",
        severity="critical",
        owner="creator_support",
        explanation="a <b>late</b> transfer",
        found_at=Timestamp(found_at),
        resolved_at=None if resolved_at is None else Timestamp(resolved_at),
    )


def stated(total: int, reserve: Reading | None) -> Stated:
    block = BlockRef(
        number=BlockNumber(5),
        hash=Hash32.from_int(5),
        parent_hash=Hash32.from_int(4),
        timestamp=Timestamp(MONTH.start + 5),
    )
    return Stated(
        subject=Subject(
            chain_id=ChainId(1), contract=PAYOUTS, epoch=Epoch(3), asset=USD, block=block
        ),
        digest=Hash32.from_int(9),
        root=SumNode(Hash32.from_int(8), total),
        line_count=2,
        reserve=reserve,
    )


SOURCE = CloseSource(
    settlement="main & more",
    chain_id=1,
    contracts={
        PAYOUTS: ContractName.EPOCH_PAYOUTS,
        PPV: ContractName.PAY_PER_VIEW_SPLITTER,
    },
    wallets=[WALLET],
    units={COIN: NATIVE_UNIT, USD: AssetUnit("USD<", 2)},
    period=MONTH,
    is_over=True,
    closed_by={PAYOUTS: "<finance>"},
    flows=FLOWS,
    balances=balances_of(FLOWS, {K.CASH: 7, K.UNCLAIMED: 7}),
    creators=[
        CreatorTotal(payee=ALICE, asset=USD, earned=600),
        CreatorTotal(payee=BOB, asset=USD, earned=324),
    ],
    days=[DayTotal(day=MONTH.start, asset=USD, received=1_020, paid=540)],
    gas=[
        GasUse(
            wallet=WALLET,
            kind="withdraw",
            epoch=Epoch(3),
            amount=20_000,
            transactions=2,
            operations=5,
        ),
        GasUse(wallet=WALLET, kind=None, epoch=None, amount=900, transactions=1, operations=0),
    ],
    discrepancies=[
        discrepancy(1, MONTH.start - 9, None),
        discrepancy(2, MONTH.start - 9, MONTH.start + 9),
        discrepancy(3, MONTH.start + 1, MONTH.end + 1),
        discrepancy(4, MONTH.start - 9, MONTH.start - 1),
    ],
    solvency=[stated(100, Reading(value=100, is_proven=True, evidence="slot 3"))],
)


def test_figures__of_the_month__are_those_of_the_flows() -> None:
    coin, usd = asset_closes(SOURCE)

    assert (usd.cash_opening, usd.received, usd.paid_out, usd.cash_closing) == (7, 1_020, 540, 487)
    assert usd.earned == {
        MoveKind.ROYALTY: 800,
        MoveKind.FEE: 100,
        MoveKind.ESCROW_RELEASE: 15,
        MoveKind.PAY_PER_VIEW: 9,
    }
    assert (usd.payouts, usd.payout_lines, usd.passed_on, usd.refunded) == (520, 5, 9, 10)
    assert (usd.platform_fees, usd.royalty_fees, usd.unallocated) == (1, 100, 60)
    assert usd.liabilities == {
        K.PAYABLE: 350,
        K.ESCROW: 25,
        K.UNALLOCATED: 60,
        K.UNCLAIMED: 52,
    }
    assert usd.owed == usd.cash_closing
    assert coin.gas == 21_000


def test_figures__flows_that_do_not_lead_to_the_balances__refused() -> None:
    with pytest.raises(CloseBroken):
        asset_closes(replace(SOURCE, flows=FLOWS[1:]))


def test_report__every_figure__is_exact_and_shown() -> None:
    page = Figures(close_report(SOURCE))
    coin, usd = asset_closes(SOURCE)

    assert page.found[f"{USD}/received"] == usd.received
    assert page.found[f"{USD}/earned:royalty"] == 800
    assert page.found[f"{USD}/liability:payable"] == 350
    assert page.found[f"{USD}/creator:{ALICE}"] == 600
    assert page.found[f"{COIN}/gas"] == coin.gas
    for name, amount in page.found.items():
        assert page.shown[name].replace("\u202f", "") == str(amount)


def test_report__cash__every_row_adds_up_to_the_end() -> None:
    found = Figures(close_report(SOURCE)).found
    rows = {name: units for name, units in found.items() if name.startswith(f"{USD}/cash:")}

    assert rows[f"{USD}/cash:from:paid_in"] == 1_000
    assert rows[f"{USD}/cash:to:payable"] == -500
    assert sum(rows.values()) == 2 * rows[f"{USD}/cash:end"]
    assert found[f"{USD}/cash:end"] == found[f"{USD}/cash_closing"]


def test_report__wallet__from_coins_to_coins_and_gas_by_what_it_was_for() -> None:
    found = Figures(close_report(SOURCE)).found
    rows = [found[f"{WALLET}/{name}"] for name in ("start", "brought_in", "gas", "sent", "end")]
    uses = {name: units for name, units in found.items() if name.startswith(f"{WALLET}/gas:")}

    assert rows == [0, 0, -21_000, 0, -21_000]
    assert sum(rows[:-1]) == rows[-1]
    assert uses == {
        f"{WALLET}/gas:withdraw:3": 20_000,
        f"{WALLET}/gas:none:": 900,
        f"{WALLET}/gas:corrected": 100,
    }
    assert sum(uses.values()) == -found[f"{WALLET}/gas"]


def test_report__amounts__written_as_the_token_says() -> None:
    text = close_report(SOURCE)

    assert '<td class="n">-5.00 USD&lt;</td>' in text
    assert "-0.000000000000021000 coins" in text
    assert "USD&lt; <code>" in text
    assert "did not say" in close_report(replace(SOURCE, units={}))


def test_report__discrepancies__with_owner_age_and_what_to_do() -> None:
    text = close_report(SOURCE)

    assert "<td>creator support</td>" in text
    assert escape(RULES[Kind.AMOUNT].line) in text
    assert "a &lt;b&gt;late&lt;/b&gt; transfer" in text
    assert "<td>30+</td>" in text


def test_trial_balances__debits_and_credits__come_to_the_same() -> None:
    payouts, _, wallet = trial_balances(SOURCE.flows, SOURCE.balances)

    assert (payouts.contract, wallet.contract) == (PAYOUTS, WALLET)
    assert payouts.moved == sum(one.amount for one in FLOWS if one.contract == PAYOUTS)
    assert (payouts.balance(at_start=True), payouts.balance(at_start=False)) == (7, 487)
    with pytest.raises(CloseBroken):
        trial_balances(SOURCE.flows[1:], SOURCE.balances)
    with pytest.raises(CloseBroken):
        trial_balances(SOURCE.flows, balances_of(FLOWS, {K.CASH: 7, K.UNCLAIMED: 6}))


def test_report__discrepancies__are_counted_by_time() -> None:
    page = Figures(close_report(SOURCE))
    names = ("before", "found", "resolved", "open")

    counts = {name: page.found[f"discrepancies:{name}"] for name in names}
    assert counts == {"before": 2, "found": 1, "resolved": 1, "open": 2}
    assert discrepancies_at(SOURCE.discrepancies, MONTH.start) == list(SOURCE.discrepancies[:2])


def test_report__nothing__is_loaded_or_run() -> None:
    text = close_report(SOURCE)

    assert Figures(text).suspicious == []
    assert "<script" not in text
    assert "main &amp; more" in text
    assert "url(" not in text
    assert "closed by &lt;finance&gt;" in text
    assert "default-src 'none'" in text


def test_report__same_books__same_bytes() -> None:
    assert close_report(SOURCE) == close_report(SOURCE)


@pytest.mark.parametrize(
    ("reserve", "words"),
    [
        (Reading(value=100, is_proven=True, evidence=""), "covered, proven"),
        (Reading(value=101, is_proven=False, evidence=""), "covered, stated"),
        (Reading(value=99, is_proven=True, evidence=""), '<span class="bad">short</span>'),
        (None, "not known"),
    ],
)
def test_report__solvency__says_how_it_stands(reserve: Reading | None, words: str) -> None:
    assert words in close_report(replace(SOURCE, solvency=[stated(100, reserve)]))


def test_report__period_that_is_not_over__says_so() -> None:
    assert "interim" in close_report(replace(SOURCE, is_over=False))
    assert "interim" not in close_report(SOURCE)


def test_report__empty_books__is_a_page() -> None:
    empty = replace(SOURCE, flows=(), balances=(), creators=(), days=(), solvency=())

    assert "No epoch of this period" in close_report(empty)


@pytest.mark.parametrize("amounts", [[], [0], [1, UINT256_MAX], [5, 3, 1]])
def test_bars__any_amounts__fit_the_drawing(amounts: list[int]) -> None:
    drawing = bar_chart("amounts", [Bar(f"<{amount}>", amount) for amount in amounts])

    widths = [int(part.split('"')[0]) for part in drawing.split(' width="')[2:]]
    assert all(0 <= width <= 330 for width in widths)
    assert all(width > 0 for width, amount in zip(widths, amounts, strict=True) if amount)
    assert "<0>" not in drawing


def test_days__two_bars_a_day__with_their_amounts() -> None:
    drawing = day_chart("cash", [DayBars("2026-11-03", 1_234, 0)], ("received", "paid"))

    assert f"received, 2026-11-03: {grouped(1_234)}" in drawing
    assert drawing.count("<rect") == 2
