"""The monthly close as one HTML file: tables, charts, and nothing that is loaded from elsewhere.

Every figure stands in a cell with a name and its exact value in base units (`data-figure`,
`data-value`), so that a program can compare the page with the books. The same books make the same
bytes: the page does not say when it was printed. What can be added up is added up on the page: from
cash at the start to cash at the end by what it came and went for, wallets from coins to coins, and
every book as a trial balance.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from html import escape
from typing import NamedTuple, TypeVar

from contracts.evm import Timestamp
from reconciliation.close_books import trial_section, wallets_section
from reconciliation.close_cells import asset_name, base_unit, figure, plain, written
from reconciliation.close_charts import Bar, DayBars, bar_chart, day_chart
from reconciliation.close_figures import (
    TOP_CREATORS,
    AssetClose,
    CloseSource,
    DiscrepancyLine,
    asset_closes,
    discrepancies_at,
)
from reconciliation.close_words import ACCOUNTS, EARNINGS, PAID, RECEIVED
from reconciliation.discrepancy import Kind, age_bucket
from reconciliation.period import date_of, time_of
from reconciliation.runbook import RULES
from reconciliation.solvency import Stated

_Kind = TypeVar("_Kind", bound=StrEnum)
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
            *_overview(closes, source),
            *(part for close in closes for part in _asset(close, source)),
            *wallets_section(source),
            *trial_section(source),
            *_solvency(source),
            *_discrepancies(source),
            "</body></html>\n",
        )
    )


def _head(title: str, source: CloseSource) -> Iterator[str]:
    period = source.period
    yield f"<h1>{escape(title)}</h1>\n"
    yield f"<p>Chain {source.chain_id}. From {time_of(period.start)} (included) to "
    yield f"{time_of(period.end)} (not included), by the time of blocks, in UTC. Amounts are whole "
    yield "base units; nothing is rounded. Only what is final on the chain is counted.</p>\n"
    if not source.is_over:
        yield '<p class="bad">The books have not reached the end of this period: interim.</p>\n'
    yield "<table><tr><th>Book</th><th>Address</th><th>Month</th></tr>"
    named = [(address, name.value) for address, name in source.contracts.items()]
    named += [(address, "Payout wallet") for address in source.wallets]
    for address, name in named:
        closer = source.closed_by.get(address)
        standing = "open" if closer is None else f"closed by {escape(closer)}"
        yield f"<tr><td>{escape(name)}</td><td><code>{address}</code></td>"
        yield f"<td>{standing}</td></tr>"
    yield "</table>\n"


def _overview(closes: Sequence[AssetClose], source: CloseSource) -> Iterator[str]:
    yield "<h2>Totals of all contracts</h2>\n<table><tr><th>Asset</th>"
    names = ("Cash at the start", "Received", "Paid out", "Cash at the end", "Owed at the end")
    yield "".join(f"<th>{name}</th>" for name in names) + "<th>Cash not owed</th></tr>"
    for close in closes:
        yield f"<tr><td>{asset_name(close.asset, source.units)}</td>"
        figures = (
            ("cash_opening", close.cash_opening),
            ("received", close.received),
            ("paid_out", close.paid_out),
            ("cash_closing", close.cash_closing),
            ("owed", close.owed),
            ("not_owed", close.cash_closing - close.owed),
        )
        yield "".join(figure(close.asset, name, amount) for name, amount in figures) + "</tr>"
    yield "</table>\n"


def _asset(close: AssetClose, source: CloseSource) -> Iterator[str]:
    yield f"<h2>{asset_name(close.asset, source.units)}</h2>\n"
    yield f'<p class="note">A base unit is {base_unit(close.asset, source.units)}.</p>\n'
    yield from _cash(close, source)
    figures = (
        ("payouts", "Paid out to creators, refused amounts that they collected included"),
        ("payout_lines", "Number of these payments"),
        ("passed_on", "Passed on to creators at once, by sale"),
        ("refunded", "Went back to payers"),
        ("platform_fees", "Platform fees, paid on top by payers"),
        ("royalty_fees", "Fees of epochs, taken from what subscribers paid"),
        ("unallocated", "Left to nobody, at the end"),
        ("unclaimed", "Refused by payees and not collected, at the end"),
        ("gas", "Transaction costs (gas) of payout wallets"),
    )
    yield "<h3>Payments and fees</h3>\n<table>"
    for name, label in figures:
        yield f"<tr><td>{label}</td>{figure(close.asset, name, getattr(close, name))}</tr>"
    yield "</table>\n"
    yield from _bars(close, "earned", "Earned by creators", _named(close.earned, EARNINGS))
    yield from _bars(close, "liability", "Owed at the end", _named(close.liabilities, ACCOUNTS))
    creators = [_Row(f"{one.payee}", None, one.earned) for one in close.creators]
    yield from _bars(close, "creator", f"Creators who earned most (up to {TOP_CREATORS})", creators)
    if close.days:
        yield "<h3>Cash by day</h3>\n"
        days = [DayBars(date_of(day.day), day.received, day.paid) for day in close.days]
        yield day_chart("Received and paid, by day", days, ("received", "paid")) + "\n"


def _cash(close: AssetClose, source: CloseSource) -> Iterator[str]:
    """From cash at the start to cash at the end: every row adds up to the last one."""
    unit = source.units.get(close.asset)
    rows = [("cash:start", "Cash at the start", close.cash_opening)]
    rows += [
        (f"cash:from:{kind}", f"+ {RECEIVED[kind]}", amount)
        for kind, amount in close.received_as.items()
    ]
    rows += [
        (f"cash:to:{kind}", f"- {PAID[kind]}", -amount) for kind, amount in close.paid_from.items()
    ]
    rows.append(("cash:end", "Cash at the end", close.cash_closing))
    yield "<h3>Cash, by what it came and went for</h3>\n<table>"
    yield "<tr><th></th><th>Base units</th><th>Written out</th></tr>"
    for name, label, amount in rows:
        yield f"<tr><td>{label}</td>{figure(close.asset, name, amount)}"
        yield f"{written(amount, unit)}</tr>"
    yield "</table>\n"


class _Row(NamedTuple):
    """An amount with its name, and what people call it; None for an address."""

    name: str
    words: str | None
    amount: int


def _named(amounts: Mapping[_Kind, int], words: Mapping[_Kind, str]) -> list[_Row]:
    return [_Row(str(kind), words[kind], amount) for kind, amount in amounts.items()]


def _bars(close: AssetClose, prefix: str, title: str, rows: Sequence[_Row]) -> Iterator[str]:
    """A chart, and below it the exact amounts with their sum."""
    if not rows:
        return
    bars = [Bar(row.words or f"{row.name[:10]}…", row.amount) for row in rows]
    yield f"<h3>{title}</h3>\n{bar_chart(title, bars)}\n<table>"
    for row in rows:
        label = row.words or f"<code>{escape(row.name)}</code>"
        cell = figure(close.asset, f"{prefix}:{row.name}", row.amount)
        yield f"<tr><td>{label}</td>{cell}</tr>"
    yield f"<tr><th>These together</th>{plain(sum(row.amount for row in rows))}</tr></table>\n"


def _solvency(source: CloseSource) -> Iterator[str]:
    yield "<h2>Solvency</h2>\n"
    if not source.solvency:
        yield '<p class="note">No epoch of this period has a statement.</p>\n'
        return
    yield "<p>At the last block of each epoch: what a contract owed, by a tree of all it owes, in "
    yield "which every payee can check their line; and what it held, read from the chain.</p>\n"
    yield "<table><tr><th>Epoch</th><th>Contract</th><th>Asset</th><th>Owed</th><th>Held</th>"
    yield "<th>Held, less owed</th><th></th><th>Digest of the statement</th></tr>"
    for line in source.solvency:
        reserve, subject = line.reserve, line.subject
        name = source.contracts.get(subject.contract)
        yield f"<tr><td>{subject.epoch}</td><td>{name.value if name else ''} "
        yield f"<code>{subject.contract}</code></td>"
        yield f"<td>{asset_name(subject.asset, source.units)}</td>{plain(line.root.sum)}"
        if reserve is None:
            yield "<td>not known</td><td></td>"
        else:
            yield f"{plain(reserve.value)}{plain(reserve.value - line.root.sum)}"
        yield f"<td>{_verdict(line)}</td><td><code>{line.digest}</code></td></tr>"
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
    before = discrepancies_at(lines, start)
    yield "<h2>Discrepancies between books and chain</h2>\n<table>"
    counts = (
        ("before", "Open at the start", len(before)),
        ("found", "+ Found in the period", len(found)),
        ("resolved", "- Resolved in the period", len(resolved)),
        ("open", "Open at the end", len(still_open)),
    )
    for name, label, count in counts:
        yield f'<tr><td>{label}</td><td class="n" data-figure="discrepancies:{name}"'
        yield f' data-value="{count}">{count}</td></tr>'
    yield "</table>\n"
    yield from _listed("Open at the end", still_open, end)
    yield from _listed("Resolved in the period", resolved, end)


def _listed(title: str, lines: Sequence[DiscrepancyLine], end: Timestamp) -> Iterator[str]:
    if not lines:
        return
    yield f"<h3>{title}</h3>\n<table><tr><th>Kind</th><th>Severity</th><th>Owner</th>"
    yield "<th>Subject</th><th>Found</th><th>Days open</th><th>What to do, or why it is right</th>"
    yield "<th>Id</th></tr>"
    for line in lines:
        over = end if line.resolved_at is None else min(line.resolved_at, end)
        age = age_bucket(line.found_at, over).value
        words = _words(line)
        yield f"<tr><td>{escape(line.kind.replace('_', ' '))}</td><td>{escape(line.severity)}</td>"
        yield f"<td>{escape(line.owner.replace('_', ' '))}</td>"
        yield f"<td><code>{escape(line.subject)}</code></td><td>{time_of(line.found_at)}</td>"
        yield f"<td>{age}</td><td>{escape(words)}</td><td><code>{line.id}</code></td></tr>"
    yield "</table>\n"


def _words(line: DiscrepancyLine) -> str:
    """What to do about what is open; why what is resolved is right."""
    if line.resolved_at is None:
        return RULES[Kind(line.kind)].line
    return line.explanation or "Resolved by an entry."
