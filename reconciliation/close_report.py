"""The monthly close as one HTML file: tables, charts, and nothing that is loaded from elsewhere.

Every figure stands in a cell with a name and its exact value in base units (`data-figure`,
`data-value`), so that a program can compare the page with the books. The same books make the same
bytes: the page does not say when it was printed.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from contracts.evm import Address
from reconciliation.close_charts import Bar, DayBars, bar_chart, day_chart, grouped
from reconciliation.close_figures import (
    AssetClose,
    CloseSource,
    DiscrepancyLine,
    asset_closes,
    discrepancies_at,
)
from reconciliation.period import date_of, time_of
from reconciliation.solvency import Stated

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1c2529}
body{max-width:60rem;margin:2rem auto;padding:0 1rem}
h1,h2,h3{line-height:1.2}h2{margin-top:2.5rem;border-top:1px solid #ccd4d6;padding-top:1rem}
table{border-collapse:collapse;width:100%;margin:.6rem 0 1.2rem}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #e4e9ea;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
code{font-size:.85em;word-break:break-all}svg{max-width:100%;height:auto;margin:.4rem 0 1rem}
svg text{font:12px system-ui,sans-serif;fill:#1c2529}svg text.day{font-size:9px}
.bad{color:#a3201d;font-weight:600}.note{color:#55646a}
"""


def close_report(source: CloseSource) -> str:
    """The whole page.

    Raises:
        CloseBroken: the flows do not lead from opening to closing.
    """
    closes = asset_closes(source)
    title = f"{source.settlement}: close of {source.period.name}"
    return "".join(
        (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            "style-src 'unsafe-inline'\">",
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n",
            *_head(title, source),
            *_overview(closes),
            *(part for close in closes for part in _asset(close)),
            *_solvency(source.solvency),
            *_discrepancies(source),
            "</body></html>\n",
        )
    )


def _head(title: str, source: CloseSource) -> Iterator[str]:
    period = source.period
    yield f"<h1>{escape(title)}</h1>\n"
    yield f"<p>Chain {source.chain_id}, {time_of(period.start)} to {time_of(period.end)}. "
    yield "Amounts are base units of their asset.</p>\n"
    if not source.is_over:
        yield '<p class="bad">The books have not reached the end of this period: interim.</p>\n'
    yield "<table><tr><th>Contract</th><th>Address</th><th>Month</th></tr>"
    for address, name in source.contracts.items():
        closer = source.closed_by.get(address)
        standing = "open" if closer is None else f"closed by {escape(closer)}"
        yield f"<tr><td>{escape(name.value)}</td><td><code>{address}</code></td>"
        yield f"<td>{standing}</td></tr>"
    yield "</table>\n"


def _overview(closes: Sequence[AssetClose]) -> Iterator[str]:
    yield "<h2>Totals</h2>\n<table><tr><th>Asset</th>"
    names = ("cash before", "received", "paid out", "cash", "owed")
    yield "".join(f"<th>{name}</th>" for name in names) + "</tr>"
    for close in closes:
        yield f"<tr><td><code>{close.asset}</code></td>"
        figures = (
            ("cash_opening", close.cash_opening),
            ("received", close.received),
            ("paid_out", close.paid_out),
            ("cash_closing", close.cash_closing),
            ("owed", close.owed),
        )
        yield "".join(_cell(close.asset, name, amount) for name, amount in figures) + "</tr>"
    yield "</table>\n"


def _asset(close: AssetClose) -> Iterator[str]:
    yield f"<h2>Asset <code>{close.asset}</code></h2>\n"
    figures = (
        ("payouts", "Paid out to creators", close.payouts),
        ("payout_lines", "Lines of these payouts", close.payout_lines),
        ("passed_on", "Passed on by splitters at once", close.passed_on),
        ("refunded", "Went back to payers", close.refunded),
        ("platform_fees", "Platform fees, paid on top", close.platform_fees),
        ("royalty_fees", "Fees of epochs", close.royalty_fees),
        ("unallocated", "Unallocated at the end", close.unallocated),
        ("unclaimed", "Unclaimed at the end", close.unclaimed),
        ("gas", "Gas", close.gas),
    )
    yield "<table>"
    for name, label, amount in figures:
        yield f"<tr><td>{label}</td>{_cell(close.asset, name, amount)}</tr>"
    yield "</table>\n"
    yield from _bars(close, "earned", "Earned by creators", _named(close.earned.items()))
    yield from _bars(close, "liability", "Owed at the end", _named(close.liabilities.items()))
    creators = [Bar(str(one.payee), one.earned) for one in close.creators]
    yield from _bars(close, "creator", "Creators who earned most", creators)
    if close.days:
        yield "<h3>Cash by day</h3>\n"
        days = [DayBars(date_of(day.day), day.received, day.paid) for day in close.days]
        yield day_chart("Received and paid, by day", days, ("received", "paid")) + "\n"


def _named(amounts: Iterable[tuple[str, int]]) -> list[Bar]:
    return [Bar(str(name), amount) for name, amount in amounts]


def _bars(close: AssetClose, prefix: str, title: str, bars: Sequence[Bar]) -> Iterator[str]:
    if not bars:
        return
    short = [
        Bar(f"{bar.label[:10]}…" if len(bar.label) > 24 else bar.label, bar.amount) for bar in bars
    ]
    yield f"<h3>{title}</h3>\n{bar_chart(title, short)}\n<table>"
    for bar in bars:
        cell = _cell(close.asset, f"{prefix}:{bar.label}", bar.amount)
        yield f"<tr><td><code>{escape(bar.label)}</code></td>{cell}</tr>"
    yield "</table>\n"


def _solvency(lines: Sequence[Stated]) -> Iterator[str]:
    yield "<h2>Solvency</h2>\n"
    if not lines:
        yield '<p class="note">No epoch of this period has a statement.</p>\n'
        return
    yield "<table><tr><th>Epoch</th><th>Contract</th><th>Asset</th><th>Owed</th><th>Held</th>"
    yield "<th></th><th>Digest</th></tr>"
    for line in lines:
        held = "not known" if line.reserve is None else grouped(line.reserve.value)
        subject = line.subject
        yield f"<tr><td>{subject.epoch}</td><td><code>{subject.contract}</code></td>"
        yield f'<td><code>{subject.asset}</code></td><td class="n">{grouped(line.root.sum)}</td>'
        yield f'<td class="n">{held}</td><td>{_verdict(line)}</td>'
        yield f"<td><code>{line.digest}</code></td></tr>"
    yield "</table>\n"


def _verdict(line: Stated) -> str:
    if line.reserve is None:
        return ""
    if not line.is_covered:
        return '<span class="bad">short</span>'
    return f"covered, {line.reserve.basis}"


def _discrepancies(source: CloseSource) -> Iterator[str]:
    start, end = source.period.start, source.period.end
    lines = source.discrepancies
    still_open = discrepancies_at(lines, end)
    found = [line for line in lines if start <= line.found_at < end]
    resolved = [
        line for line in lines if line.resolved_at is not None and start <= line.resolved_at < end
    ]
    yield "<h2>Discrepancies</h2>\n<table>"
    for name, some in (("found", found), ("resolved", resolved), ("open", still_open)):
        yield f'<tr><td>{name}</td><td class="n" data-figure="discrepancies:{name}"'
        yield f' data-value="{len(some)}">{len(some)}</td></tr>'
    yield "</table>\n"
    yield from _listed("Open at the end", still_open)
    yield from _listed("Resolved in the period", resolved)


def _listed(title: str, lines: Sequence[DiscrepancyLine]) -> Iterator[str]:
    if not lines:
        return
    yield f"<h3>{title}</h3>\n<table><tr><th>Kind</th><th>Severity</th><th>Subject</th>"
    yield "<th>Found</th><th>Id</th></tr>"
    for line in lines:
        yield f"<tr><td>{escape(line.kind)}</td><td>{escape(line.severity)}</td>"
        yield f"<td><code>{escape(line.subject)}</code></td><td>{time_of(line.found_at)}</td>"
        yield f"<td><code>{line.id}</code></td></tr>"
    yield "</table>\n"


def _cell(asset: Address, name: str, amount: int) -> str:
    figure = escape(f"{asset}/{name}")
    return f'<td class="n" data-figure="{figure}" data-value="{amount}">{grouped(amount)}</td>'
