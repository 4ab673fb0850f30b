"""Withdrawals and lines grouped into transactions under a gas budget.

The size of a batch is a sum of estimates, never a fixed number of items: a leaf with 32 fresh
payees costs ten times one with a single payee. The estimates plan; the node's own estimate of the
finished call decides, and a batch that turns out too large is halved (`halves`).

A payee in the native coin runs in that estimate too, and may burn its gas only where gas has a
price. So for such lines the limit is what the contract lets them burn (`least_gas`), and not the
estimate. Whatever else makes a call revert that was said to pass, it does so in ever smaller
company (`by_company`): nobody keeps others from being paid.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import assert_never

from contracts.evm import ZERO_ADDRESS, Hash32
from settlement.payouts.operation import (
    EpochSubject,
    Kind,
    LeafSubject,
    LineSubject,
    Operation,
)

TRANSACTION_GAS = 60_000
"""Intrinsic 21,000, and the contract's guards, clock and pause checks, cold."""

ISOLATION_RESERVE_GAS = 160_000
"""Left over when the last line is paid: (150,000 + 5,000) * 64 / 63, or the contract reverts."""

WITHDRAWAL_GAS = 40_000
"""One withdrawal without lines: flags 22,000, event, verdict, remaining."""

LINE_GAS = 32_000
"""One line to a payee who held nothing of the asset (14,600 if it did); measured 31,700."""

PROOF_NODE_GAS = 800
"""One node: 512 of calldata, and a hash."""

TOKEN_LINE_GAS = 32_000
"""One line of a list in a token, to a payee who held nothing of it; measured 30,900 (USDC-like
31,400), and 13,800 to one who did."""

NATIVE_LINE_GAS = 115_000
"""One line in the native coin, to a payee that burns all it is given, and then has it unclaimed:
measured 99,000. An account that did not exist costs 39,600."""

TIP_GAS = 3_000
"""What a tip costs more than such a line: the relay reads what it owes from storage."""

COMPANY = (1_000, 16, 4, 1)
"""Members of a transaction at most, by how often they were in one that reverted."""


def operation_gas(operation: Operation) -> int:
    """The estimate for one operation inside a batch; a commit is no part of one."""
    match operation.subject:
        case LeafSubject() as leaf:
            lines_gas = LINE_GAS * leaf.lines + PROOF_NODE_GAS * leaf.proof_nodes
            return WITHDRAWAL_GAS + lines_gas
        case LineSubject() as line:
            gas = NATIVE_LINE_GAS if line.asset == ZERO_ADDRESS else TOKEN_LINE_GAS
            return gas + TIP_GAS if line.kind is Kind.TIP else gas
        case EpochSubject():
            return 0
        case _:
            assert_never(operation.subject)


def least_gas(group: Iterable[Operation]) -> int:
    """What a call needs where payees burn all that they are given; 0 if none of them can."""
    lines = [one for one in group if one.route.asset == ZERO_ADDRESS and _is_line(one)]
    return TRANSACTION_GAS + sum(map(operation_gas, lines)) if lines else 0


def by_company(
    operations: Iterable[Operation], reverts: Mapping[Hash32, int], *, gas_max: int
) -> Iterator[tuple[Operation, ...]]:
    """Group operations; those whose transactions reverted apart, the fewer the more often.

    Args:
        operations: that are due.
        reverts: by op-id, how many transactions with it reverted as a whole.
        gas_max: of one transaction.
    """
    alike: defaultdict[int, list[Operation]] = defaultdict(list)
    for one in operations:
        alike[min(reverts.get(one.op_id, 0), len(COMPANY) - 1)].append(one)
    for times, members in sorted(alike.items()):
        yield from grouped(members, gas_max=gas_max, members_max=COMPANY[times])


def grouped(
    operations: Iterable[Operation], *, gas_max: int, members_max: int
) -> list[tuple[Operation, ...]]:
    """Put operations into transactions, in their canonical order; a group has one route.

    A commit travels alone: it reverts as a whole. An operation that alone exceeds `gas_max` gets
    its own transaction, for the node to judge.

    Invariants: every operation is in exactly one group; the result does not depend on the order of
    `operations`; the estimate of a group with several members is at most `gas_max`.
    """
    groups: list[list[Operation]] = []
    room, last = 0, None
    for operation in sorted(operations, key=lambda one: one.order):
        gas, route = operation_gas(operation), operation.route
        if route != last or gas > room or len(groups[-1]) >= members_max:
            groups.append([])
            room, last = gas_max - TRANSACTION_GAS - ISOLATION_RESERVE_GAS, route
        groups[-1].append(operation)
        room -= gas
    return [tuple(group) for group in groups]


def halves(group: Sequence[Operation]) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
    """Split a group of two or more in order; the first half is not the smaller one."""
    middle = len(group) - (len(group) >> 1)
    return tuple(group[:middle]), tuple(group[middle:])


def _is_line(operation: Operation) -> bool:
    return isinstance(operation.subject, LineSubject)
