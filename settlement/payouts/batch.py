"""Withdrawals grouped into transactions under a gas budget.

The size of a batch is a sum of estimates, never a fixed number of items: a leaf with 32 fresh
payees costs ten times one with a single payee. The estimates plan; the node's own estimate of the
finished call decides, and a batch that turns out too large is halved (`halves`).
"""

from collections.abc import Iterable, Sequence

from settlement.payouts.operation import LeafSubject, Operation

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


def withdrawal_gas(subject: LeafSubject) -> int:
    """The estimate for one withdrawal inside a batch."""
    return WITHDRAWAL_GAS + LINE_GAS * subject.lines + PROOF_NODE_GAS * subject.proof_nodes


def grouped(operations: Iterable[Operation], *, gas_max: int) -> list[tuple[Operation, ...]]:
    """Put operations into transactions, in their canonical order.

    A commit travels alone: it reverts as a whole. A withdrawal that alone exceeds `gas_max` gets
    its own transaction, for the node to judge.

    Invariants: every operation is in exactly one group; the result does not depend on the order of
    `operations`; the estimate of a group with several members is at most `gas_max`.
    """
    groups: list[list[Operation]] = []
    room = 0
    for operation in sorted(operations, key=lambda one: one.order):
        if not isinstance(operation.subject, LeafSubject):
            groups.append([operation])
            room = 0
            continue
        gas = withdrawal_gas(operation.subject)
        if gas > room:
            groups.append([])
            room = gas_max - TRANSACTION_GAS - ISOLATION_RESERVE_GAS
        groups[-1].append(operation)
        room -= gas
    return [tuple(group) for group in groups]


def halves(group: Sequence[Operation]) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
    """Split a group of two or more in order; the first half is not the smaller one."""
    middle = len(group) - (len(group) >> 1)
    return tuple(group[:middle]), tuple(group[middle:])
