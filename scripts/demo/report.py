"""The demo's result as a table that a person enjoys reading."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.demo.outcome import AMOUNTS, DemoOutcome

_DECIMALS = 6
_SYMBOL = "DUSD"


def print_report(outcome: DemoOutcome, console: Console) -> None:
    """Epochs with their money, then what was refused, quarantined, held, and whether all agrees."""
    console.print()
    console.print(_epochs(outcome))
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
    table = Table(title=title, title_justify="left", collapse_padding=True, pad_edge=False)
    table.add_column("epoch")
    for name in AMOUNTS:
        # Where the screen is too narrow an amount goes on in the next line: no digit is cut off.
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("root")
    for epoch in outcome.epochs:
        amounts = (format_units(epoch.amounts[name]) for name in AMOUNTS)
        table.add_row(str(epoch.number), *amounts, str(epoch.root)[:10] + "…")
    table.add_section()
    table.add_row("all", *(format_units(outcome.totals[name]) for name in AMOUNTS), "")
    return table


def _findings(outcome: DemoOutcome) -> Table:
    quarantined = ", ".join(f"{count} {reason}" for reason, count in outcome.quarantined.items())
    held = ", ".join(str(work_id)[:10] + "…" for work_id in outcome.held)
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("refused by the contract", f"{outcome.refused_on_chain} submissions")
    table.add_row("quarantined rows", quarantined or "none")
    table.add_row("held by a verdict", held or "none")
    table.add_row("kills of the settlement process", f"{outcome.restarts}, and nothing paid twice")
    table.add_row(
        "a log left out by an endpoint",
        f"block {outcome.omission_refused_at} refused until another endpoint told it whole",
    )
    table.add_row("discrepancies, chain and books", str(outcome.discrepancies))
    table.add_row("independent verifier", Text(outcome.verifier))
    return table
