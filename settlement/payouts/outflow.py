"""What goes to payees within a window: what the books say was paid, and what is on its way.

A window of w seconds that ends with a payment at t is the half-open [t + 1 - w, t + 1):

        t - w          t + 1 - w                      t
    ------|---------------[============================)---
       out of it       first second in            this payment

so two payments exactly w seconds apart are never in one window. What is on its way has no time yet
and counts in every window until the books show it; what was paid after `now` counts, too.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

from contracts.evm import Address, Timestamp
from contracts.leaves import SplitLine
from settlement.ledger.paid import PaidLine

_Key = tuple[Address, Address]  # payee, asset


def window_start(now: Timestamp, length_s: int) -> Timestamp:
    """The first second of the window of this length that ends with `now`."""
    return Timestamp(now + 1 - length_s)


class Outflow:
    """Sums over paid lines and lines on their way, as a payment at `now` finds them."""

    def __init__(self, paid: Iterable[PaidLine], now: Timestamp) -> None:
        self._now = now
        self._paid: defaultdict[_Key, list[tuple[Timestamp, int]]] = defaultdict(list)
        self._paid_of_asset: defaultdict[Address, list[tuple[Timestamp, int]]] = defaultdict(list)
        self._underway: Counter[_Key] = Counter()
        self._lines_underway: Counter[_Key] = Counter()
        self._underway_of_asset: Counter[Address] = Counter()
        self._within_window: dict[tuple[_Key, int], tuple[int, int]] = {}
        self._paid_totals: dict[tuple[Address, int], int] = {}
        for line in paid:
            self._paid[line.payee, line.asset].append((line.paid_at, line.amount))
            self._paid_of_asset[line.asset].append((line.paid_at, line.amount))

    def add(self, asset: Address, lines: Iterable[SplitLine]) -> None:
        """Count lines as on their way."""
        for line in lines:
            self._underway[line.payee, asset] += line.amount
            self._lines_underway[line.payee, asset] += 1
            self._underway_of_asset[asset] += line.amount

    def remove(self, asset: Address, lines: Iterable[SplitLine]) -> None:
        """Undo `add` of the same lines."""
        for line in lines:
            self._underway[line.payee, asset] -= line.amount
            self._lines_underway[line.payee, asset] -= 1
            self._underway_of_asset[asset] -= line.amount

    def volume(self, payee: Address, asset: Address, window_s: int) -> int:
        """Units of an asset that went to a payee within the window, or are on their way."""
        return self._paid_within(payee, asset, window_s)[0] + self._underway[payee, asset]

    def count(self, payee: Address, asset: Address, window_s: int) -> int:
        """Lines of an asset that went to a payee within the window, or are on their way."""
        return self._paid_within(payee, asset, window_s)[1] + self._lines_underway[payee, asset]

    def total(self, asset: Address, window_s: int) -> int:
        """Units of an asset that went to anybody within the window, or are on their way."""
        key = (asset, window_s)
        if key not in self._paid_totals:
            self._paid_totals[key] = sum(self._within(self._paid_of_asset[asset], window_s))
        return self._paid_totals[key] + self._underway_of_asset[asset]

    def _paid_within(self, payee: Address, asset: Address, window_s: int) -> tuple[int, int]:
        """Units and lines that were paid; summed once, since one payee may have many lines."""
        key = ((payee, asset), window_s)
        if key not in self._within_window:
            amounts = self._within(self._paid[payee, asset], window_s)
            self._within_window[key] = (sum(amounts), len(amounts))
        return self._within_window[key]

    def _within(self, paid: Iterable[tuple[Timestamp, int]], window_s: int) -> list[int]:
        start = window_start(self._now, window_s)
        return [amount for paid_at, amount in paid if paid_at >= start]
