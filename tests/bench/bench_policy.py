"""What the payout policy costs over thousands of open leaves, and that it grows in proportion.

Run as `python -m tests.bench.bench_policy`. Three shapes: every leaf with payees of its own, all
leaves for one payee (whose windows hold all of them), and a tenth as many leaves with as many lines
as one can have. Half of the leaves are signed, and as much was paid within the windows as is open
now. It is time of the processor: other work on the machine does not count.
"""

import sys
import time
from collections.abc import Sequence

from contracts.evm import Address, Hash32, Timestamp
from contracts.leaves import SplitLine
from contracts.units import BaseUnits
from settlement.ledger.paid import PaidLine
from settlement.payouts.policy import verdicts
from settlement.payouts.policy_terms import AssetPolicy, OpenLeaf, Policy, Stage, Standing
from settlement.payouts.screening import ScreeningList

ASSET, CONTRACT = Address(b"\x01" * 20), Address(b"\xc0" * 20)
NOW = Timestamp(1_700_000_000)
LEAVES, LEAVES_OF_LINES, LINES_MAX = 10_000, 1_000, 32
LIMITS = AssetPolicy(
    minimum_units=1,
    kyc_window_s=30 * 86_400,
    kyc_units_max=(10**30,),
    velocity_window_s=86_400,
    velocity_lines_max=10**9,
    payee_day_units_max=10**30,
    settlement_day_units_max=10**30,
    unapproved_units_max=10**30,
)
POLICY = Policy(assets={ASSET: LIMITS}, approvers=frozenset(), chain_hold_margin_s=100)
STANDING = Standing(
    screening=ScreeningList(digest=Hash32(bytes(32)), accepted_at=NOW, listings={}),
    holds={},
    tiers={},
    approvals={},
    chain_holds={},
)


def open_leaves(count: int, *, lines: int, payees: int) -> list[OpenLeaf]:
    """Leaves of so many lines, whose payees are taken in turn."""
    return [
        OpenLeaf(
            contract=CONTRACT,
            op_id=Hash32.from_int(number),
            leaf_id=Hash32.from_int(number),
            asset=ASSET,
            lines=tuple(_line(number * lines + line, payees) for line in range(lines)),
            owed_since=NOW,
            stage=Stage.SIGNED if number & 1 else Stage.OWED,
            payers=(),
            is_line=False,
        )
        for number in range(count)
    ]


def paid_before(leaves: Sequence[OpenLeaf]) -> list[PaidLine]:
    """The same again, an hour ago."""
    return [
        PaidLine(payee=line.payee, asset=ASSET, amount=line.amount, paid_at=Timestamp(NOW - 3_600))
        for leaf in leaves
        for line in leaf.lines
    ]


def measured_s(leaves: list[OpenLeaf]) -> float:
    """Seconds of the processor for one judgement of all of them."""
    paid = paid_before(leaves)
    began = time.process_time()
    found = verdicts(leaves, policy=POLICY, standing=STANDING, paid=paid, now=NOW)
    taken = time.process_time() - began
    assert all(one.is_allowed for one in found)
    return taken


def main() -> int:
    """Print the table; exit 1 if twice as many leaves take three times as long."""
    shapes = (
        ("own payees", LEAVES, 1, 10**9),
        ("one payee", LEAVES, 1, 1),
        ("32 lines", LEAVES_OF_LINES, LINES_MAX, 10**9),
    )
    is_fine = True
    for name, most, lines, payees in shapes:
        half, whole = (
            min(measured_s(open_leaves(count, lines=lines, payees=payees)) for _ in range(3))
            for count in (most // 2, most)
        )
        is_fine &= whole < 3 * half
        row = f"{name:<12} {most // 2}: {half:.3f} s   {most}: {whole:.3f} s\n"
        sys.stdout.write(row)
    return 0 if is_fine else 1


def _line(number: int, payees: int) -> SplitLine:
    payee = Address((1 + number % payees).to_bytes(20, "big"))
    return SplitLine(payee=payee, amount=BaseUnits(100))


if __name__ == "__main__":
    sys.exit(main())
