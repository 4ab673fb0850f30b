"""A difference of two distributions as text."""

from collections.abc import Iterator

from settlement.royalties.difference import Change, Difference


def difference_lines(found: Difference) -> Iterator[str]:
    """Totals, payees and works; amounts that stayed the same are counted, not listed."""
    for total in found.totals:
        yield f"asset {total.asset}"
        yield f"  paid in:     {_change(total.paid_in)}"
        yield f"  allocated:   {_change(total.allocated)}"
        yield f"  fees:        {_change(total.fees)}"
        yield f"  escrow:      {_change(total.escrow)}"
        yield f"  unallocated: {_change(total.unallocated)}"
        payees = [one for one in found.payees if one.asset == total.asset]
        works = [one for one in found.works if one.asset == total.asset]
        yield from _listed("payees", [(str(one.payee), one.change) for one in payees])
        yield from _listed("works", [(str(one.work_id), one.change) for one in works])


def _listed(name: str, changes: list[tuple[str, Change]]) -> Iterator[str]:
    moved = [(who, change) for who, change in changes if change.delta]
    yield f"  {name}: {len(moved)} of {len(changes)} differ, by {_signed(_delta(moved))} in all"
    for who, change in moved:
        yield f"    {who}: {_change(change)}"


def _delta(changes: list[tuple[str, Change]]) -> int:
    return sum(change.delta for _, change in changes)


def _change(change: Change) -> str:
    return f"{change.now}, before {change.before} ({_signed(change.delta)})"


def _signed(delta: int) -> str:
    return f"{delta:+d}" if delta else "0"
