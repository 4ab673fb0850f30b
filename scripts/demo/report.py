"""The demo's result as a table that a person enjoys reading."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.evm import Hash32
from scripts.demo.outcome import DIVIDED, PLACED, DemoOutcome
from scripts.demo.payment_outcome import PaymentsOutcome

_DECIMALS, _NATIVE_DECIMALS = 6, 18
_SYMBOL, _NATIVE_SYMBOL = "DUSD", "ETH"


def print_report(outcome: DemoOutcome, console: Console) -> None:
    """Epochs with their money, then what was refused, quarantined, held, and whether all agrees."""
    console.print()
    console.print(_epochs(outcome))
    console.print()
    if outcome.payments is not None:
        console.print(_payments(outcome.payments))
        console.print()
        console.print(_admissions(outcome.payments))
        console.print()
    console.print(_findings(outcome))
    for problem in outcome.problems:
        console.print(Text(f"✗ {problem}", style="bold red"))
    if not outcome.problems:
        console.print(Text("✓ every unit is accounted for", style="bold green"))
    if outcome.api is not None:
        console.print(f"\nThe API answers at [bold]{outcome.api}[/] until Ctrl-C, for example:")
        console.print(f"  {outcome.api}/v1/status")
        console.print(f"  {outcome.api}/v1/epochs")


def format_units(amount: int, decimals: int = _DECIMALS) -> str:
    """Base units as a decimal number, with thousands separated; exact."""
    whole, part = divmod(amount, 10**decimals)
    return f"{whole:,}.{part:0{decimals}d}"


def _epochs(outcome: DemoOutcome) -> Table:
    title = f"Three epochs, settled ({_SYMBOL})"
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for column in (*(f"epoch {epoch.number}" for epoch in outcome.epochs), "all"):
        # Where the screen is too narrow an amount goes on in the next line: no digit is cut off.
        table.add_column(column, justify="right", overflow="fold")
    columns = [*(epoch.amounts for epoch in outcome.epochs), outcome.totals]
    for names in (("paid",), DIVIDED, PLACED):
        for name in names:
            table.add_row(name, *(format_units(amounts[name]) for amounts in columns))
        table.add_section()
    table.add_row("root", *(_short(epoch.root) for epoch in outcome.epochs), "")
    return table


def _payments(payments: PaymentsOutcome) -> Table:
    title = "Single payments, as the API tells them"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2))
    for name in ("", "to the creator", "fee on top", ""):
        table.add_column(name, justify="right" if name else "left", overflow="fold")
    for sale in payments.sales:
        decimals = _NATIVE_DECIMALS if sale.is_native else _DECIMALS
        symbol = _NATIVE_SYMBOL if sale.is_native else _SYMBOL
        sums = (f"{format_units(sum_, decimals)} {symbol}" for sum_ in (sale.amount, sale.fee))
        table.add_row(sale.what, *sums, sale.state)
    return table


def _admissions(payments: PaymentsOutcome) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2))
    for one in payments.admissions:
        table.add_row(one.who, one.answer)
    passed_on = format_units(payments.passed_on, _NATIVE_DECIMALS)
    table.add_row("tips in native coins, passed on", f"{passed_on} {_NATIVE_SYMBOL}")
    return table


def _findings(outcome: DemoOutcome) -> Table:
    quarantined = ", ".join(f"{count} {reason}" for reason, count in outcome.quarantined.items())
    held = ", ".join(_short(work_id) for work_id in outcome.held)
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("refused by the contract", f"{outcome.refused_on_chain} submissions")
    table.add_row("quarantined rows", quarantined or "none")
    table.add_row("held by a verdict", held or "none")
    if outcome.hold is not None:
        amount, lifted = format_units(outcome.hold.held), format_units(outcome.hold.paid)
        sentence = f"{amount} in epoch {outcome.hold.epoch}, and {lifted} paid when it was lifted"
        table.add_row("held because of its payee", sentence)
    if outcome.claim is not None:
        amount, content = format_units(outcome.claim.withdrawn), _short(outcome.claim.content_id)
        table.add_row("claimed from escrow", f"{amount} by the creator of {content}")
    if outcome.veto is not None:
        which = f"epoch {outcome.veto.epoch}, attempt {outcome.veto.attempt}"
        sentence = f"{which}, in {_short(outcome.veto.transaction)}"
        table.add_row("a wrong root, vetoed by a watcher", sentence)
    table.add_row("kills of the settlement process", f"{outcome.restarts}, and nothing paid twice")
    table.add_row(
        "a log left out by an endpoint",
        f"block {outcome.omission_refused_at} refused until another endpoint told it whole",
    )
    table.add_row("discrepancies, chain and books", str(outcome.discrepancies))
    table.add_row("independent verifier", Text(outcome.verifier))
    return table


def _short(digest: Hash32) -> str:
    return str(digest)[:10] + "…"
