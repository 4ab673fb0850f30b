"""What calldata asks of the three contracts that one key pays from, and what gas it needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from contracts.approvals import AssetTotals
from contracts.calls import (
    COMMIT_EPOCH,
    PAY_BATCH,
    PAY_TIPS,
    WITHDRAW,
    WITHDRAW_BATCH,
    LinePayment,
    Withdrawal,
    withdrawal_from_call,
)
from contracts.evm import ZERO_ADDRESS, Address, Epoch, Hash32
from contracts.leaves import Leaf, SplitLine
from contracts.operations import withdraw_operation_id
from contracts.units import BaseUnits
from tests.ledger_builders import BOOK

RELAY = Address(b"\xc1" * 20)
BATCH = Address(b"\xc2" * 20)
CONTRACTS = (BOOK.contract, RELAY, BATCH)
NATIVE = ZERO_ADDRESS
GAS_OF_TRANSACTION, GAS_OF_COMMIT = 21_000, 200_000
GAS_OF_ITEM, GAS_OF_LINE = 40_000, 30_000


@dataclass(frozen=True, slots=True)
class Commit:
    """A decoded `commitEpoch`."""

    epoch: Epoch
    attempt: int
    manifest_digest: Hash32
    root: Hash32
    totals: tuple[AssetTotals, ...]
    deadline: int


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """A decoded `withdraw` or `withdrawBatch`."""

    items: tuple[Withdrawal, ...]


@dataclass(frozen=True, slots=True)
class PayTips:
    """A decoded `payTips`."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PayLines:
    """A decoded `payBatch`."""

    list_id: Hash32
    asset: Address
    payments: tuple[LinePayment, ...]


Call = Commit | Withdrawals | PayTips | PayLines

_CONTRACT_OF: dict[type[Call], Address] = {
    Commit: BOOK.contract,
    Withdrawals: BOOK.contract,
    PayTips: RELAY,
    PayLines: BATCH,
}


def call_to(to: Address, data: bytes) -> Call | None:
    """A call that the contract at this address has; None for anything else."""
    call = decoded(data)
    return call if call is not None and _CONTRACT_OF[type(call)] == to else None


@lru_cache(maxsize=4096)
def decoded(data: bytes) -> Call | None:
    """Calldata of ours; None for anything else."""
    match data[:4]:
        case COMMIT_EPOCH.selector:
            return _commit(data)
        case WITHDRAW.selector:
            return Withdrawals((withdrawal_from_call(data),))
        case WITHDRAW_BATCH.selector:
            (items,) = WITHDRAW_BATCH.decode(data)
            return Withdrawals(tuple(_withdrawal(item) for item in items))
        case PAY_TIPS.selector:
            (numbers,) = PAY_TIPS.decode(data)
            return PayTips(tuple(numbers))
        case PAY_BATCH.selector:
            list_id, asset, payments = PAY_BATCH.decode(data)
            read = tuple(
                LinePayment(index=index, payee=Address.from_hex(payee), amount=BaseUnits(amount))
                for index, payee, amount in payments
            )
            return PayLines(Hash32(list_id), Address.from_hex(asset), read)
    return None


def gas_of(data: bytes) -> int:
    """What a call needs."""
    match decoded(data):
        case None:
            return GAS_OF_TRANSACTION
        case Commit():
            return GAS_OF_TRANSACTION + GAS_OF_COMMIT
        case Withdrawals(items):
            lines = sum(len(item.leaf.lines) for item in items)
            return GAS_OF_TRANSACTION + GAS_OF_ITEM * len(items) + GAS_OF_LINE * lines
        case PayTips(numbers):
            return GAS_OF_TRANSACTION + GAS_OF_LINE * len(numbers)
        case PayLines(payments=payments):
            return GAS_OF_TRANSACTION + GAS_OF_LINE * len(payments)


def items_of(data: bytes) -> int:
    """How many leaves or lines a call is about."""
    match decoded(data):
        case Withdrawals(items):
            return len(items)
        case PayTips(numbers):
            return len(numbers)
        case PayLines(payments=payments):
            return len(payments)
    return 1


@lru_cache(maxsize=4096)
def op_id_of(leaf: Leaf) -> Hash32:
    """What the contract's events call a leaf."""
    place = (leaf.epoch, leaf.work_id, leaf.part, leaf.asset)
    return withdraw_operation_id(*place, chain_id=BOOK.chain_id, contract=BOOK.contract)


def all_lines(leaf: Leaf) -> int:
    """The bitmap of a leaf that is settled as a whole."""
    return (1 << len(leaf.lines)) - 1


def _commit(data: bytes) -> Commit:
    approval, _ = COMMIT_EPOCH.decode(data)
    epoch, attempt, _, digest, root, totals, deadline = approval
    read = tuple(
        AssetTotals(
            asset=Address.from_hex(asset),
            paid_in=BaseUnits(words[0]),
            carried_in=BaseUnits(words[1]),
            allocated=BaseUnits(words[2]),
            escrow=BaseUnits(words[3]),
            unallocated=BaseUnits(words[4]),
            fees=BaseUnits(words[5]),
        )
        for asset, *words in totals
    )
    return Commit(Epoch(epoch), attempt, Hash32(digest), Hash32(root), read, deadline)


def _withdrawal(words: Sequence[Any]) -> Withdrawal:
    epoch, work_id, part, asset, payees, amounts, proof = words
    leaf = Leaf(
        epoch=Epoch(epoch),
        work_id=Hash32(work_id),
        part=part,
        asset=Address.from_hex(asset),
        lines=tuple(
            SplitLine(payee=Address.from_hex(payee), amount=BaseUnits(amount))
            for payee, amount in zip(payees, amounts, strict=True)
        ),
    )
    return Withdrawal(leaf, tuple(Hash32(node) for node in proof))
