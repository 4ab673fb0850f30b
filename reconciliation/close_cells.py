"""Cells and rows of the close report: a figure in base units, and as people write its asset."""

from collections.abc import Mapping
from html import escape

from contracts.evm import ZERO_ADDRESS, Address
from reconciliation.close_charts import grouped
from reconciliation.close_figures import AssetUnit

Units = Mapping[Address, AssetUnit]


def figure(place: Address, name: str, amount: int) -> str:
    """A named figure of an asset or a book, exact."""
    label = escape(f"{place}/{name}")
    return f'<td class="n" data-figure="{label}" data-value="{amount}">{grouped(amount)}</td>'


def plain(amount: int) -> str:
    """A figure that is told by its row and column alone."""
    return f'<td class="n">{grouped(amount)}</td>'


def written(amount: int, unit: AssetUnit | None) -> str:
    """The same amount as people write it, exact too; empty where the token does not say how."""
    return f'<td class="n">{"" if unit is None else escape(decimal(amount, unit))}</td>'


def decimal(amount: int, unit: AssetUnit) -> str:
    """An amount with a decimal point, every digit of it, and the symbol."""
    whole, point, fraction = unit.written(abs(amount)).partition(".")
    return f"{'-' if amount < 0 else ''}{grouped(int(whole))}{point}{fraction} {unit.symbol}"


def asset_name(asset: Address, units: Units) -> str:
    """What an asset is called: the symbol that its token claims, and its address."""
    if asset == ZERO_ADDRESS:
        return "Native coin of the chain"
    unit = units.get(asset)
    symbol = "" if unit is None else f"{escape(unit.symbol)} "
    return f"{symbol}<code>{asset}</code>"


def base_unit(asset: Address, units: Units) -> str:
    """What one base unit is."""
    unit = units.get(asset)
    if asset == ZERO_ADDRESS:
        return "wei, of which 10<sup>18</sup> are one coin"
    if unit is None:
        return "the smallest unit of the token, which did not say how many decimals it has"
    return f"10<sup>-{unit.decimals}</sup> {escape(unit.symbol)}, as the token says"
