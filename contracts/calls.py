"""Calls to `EpochPayouts`, `PayoutBatch` and `TipRelay`, as calldata, and answers of their views.

Mirrors the functions of `src/settlement/IEpochPayouts.sol`, `src/payouts/IPayoutBatch.sol` and
`src/payouts/ITipRelay.sol`: the argument types below are their structs, in their order, and each
selector is computed from them. A withdrawal round-trips
(`withdrawal_from_call`), so that calldata alone can be stored and later put into a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self

from eth_abi.abi import decode, encode

from contracts.approvals import Approval
from contracts.evm import Address, Epoch, Hash32, Timestamp, keccak
from contracts.leaves import Leaf, SplitLine
from contracts.units import BaseUnits

_WITHDRAWAL = "(uint64,bytes32,uint32,address,address[],uint256[],bytes32[])"
_TOTALS = "(address,uint256,uint256,uint256,uint256,uint256,uint256)"
_APPROVAL = f"(uint64,uint32,uint32,bytes32,bytes32,{_TOTALS}[],uint64)"
_SIGNATURE = "(address,bytes)"
_ESCROW_LEAF = "(uint64,bytes32,address,uint256,bytes32[])"
_PAYMENT = "(uint256,address,uint256)"
_EPOCH_STATE = "(bytes32,bytes32,uint64,uint32,uint8)"


class NotThisCall(ValueError):
    """Calldata or revert data that begins with another selector."""

    def __init__(self, signature: str, data: bytes) -> None:
        super().__init__(f"not {signature}: begins with 0x{data[:4].hex()}")


@dataclass(frozen=True, slots=True)
class Function:
    """One function or error of the contract: its name and argument types."""

    name: str
    types: tuple[str, ...]

    @property
    def signature(self) -> str:
        """Name and canonical types."""
        return f"{self.name}({','.join(self.types)})"

    @property
    def selector(self) -> bytes:
        """The first four bytes of calldata or revert data."""
        return keccak(self.signature.encode())[:4]

    def encode(self, *values: object) -> bytes:
        """Selector and arguments."""
        return self.selector + encode(self.types, values)

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """Read the arguments back.

        Raises:
            NotThisCall: another selector.
        """
        if data[:4] != self.selector:
            raise NotThisCall(self.signature, data)
        return tuple(decode(self.types, data[4:]))


WITHDRAW = Function("withdraw", (_WITHDRAWAL,))
WITHDRAW_BATCH = Function("withdrawBatch", (f"{_WITHDRAWAL}[]",))
RELEASE_ESCROW = Function("releaseEscrow", (_ESCROW_LEAF,))
COMMIT_EPOCH = Function("commitEpoch", (_APPROVAL, f"{_SIGNATURE}[]"))
VETO = Function("veto", ("uint64", "bytes32"))
PAID_LINES = Function("paidLines", ("uint64", "bytes32", "uint32", "address"))
EPOCH_OF = Function("epochOf", ("uint64",))
PAUSED = Function("paused", ())
PAY_BATCH = Function("payBatch", ("bytes32", "address", f"{_PAYMENT}[]"))
PAY_TIPS = Function("payTips", ("uint256[]",))
SETTLED_LINES = Function("settledLines", ("bytes32", "uint256"))
IS_HELD = Function("isHeld", ("address",))
WITHDRAWAL_REFUSED = Function("WithdrawalRefused", ("uint8",))


class Refusal(IntEnum):
    """Why the contract does not pay a withdrawal: `IEpochPayouts.Refusal`; only appended to."""

    NONE = 0
    EPOCH_NOT_ACTIVE = 1
    WORK_UNDER_VERDICT = 2
    MALFORMED_SPLIT = 3
    BAD_PROOF = 4
    ALREADY_WITHDRAWN = 5
    EXCEEDS_REMAINING = 6
    ALL_LINES_HELD = 7


class SkipReason(IntEnum):
    """Why a line of a list was passed over: `ILinePayments.SkipReason`; only appended to."""

    NONE = 0
    SETTLED = 1
    MALFORMED = 2
    PAYEE_HELD = 3


class EpochStatus(IntEnum):
    """Where an epoch stands: `IEpochPayouts.EpochStatus`."""

    NONE = 0
    PENDING = 1
    ACTIVE = 2


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A leaf with the proof that the root of its epoch contains it."""

    leaf: Leaf
    proof: tuple[Hash32, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePayment:
    """Line `index` of a list: who is owed how much of the list's asset."""

    index: int
    payee: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True)
class GuardianSignature:
    """One guardian's 65-byte signature over the digest of an approval."""

    signer: Address
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochState:
    """An epoch as the contract holds it; `attempt` is the one committed, or awaited next."""

    root: Hash32
    manifest_digest: Hash32
    active_at: Timestamp
    attempt: int
    status: EpochStatus

    @classmethod
    def from_answer(cls, answer: bytes) -> Self:
        """Read the answer of `epochOf`."""
        ((root, digest, active_at, attempt, status),) = decode((_EPOCH_STATE,), answer)
        return cls(
            root=Hash32(root),
            manifest_digest=Hash32(digest),
            active_at=Timestamp(active_at),
            attempt=attempt,
            status=EpochStatus(status),
        )


def withdraw_call(withdrawal: Withdrawal) -> bytes:
    """withdraw(Withdrawal)."""
    return WITHDRAW.encode(_withdrawal_words(withdrawal))


def withdraw_batch_call(withdrawals: Sequence[Withdrawal]) -> bytes:
    """withdrawBatch(Withdrawal[]), in the given order."""
    return WITHDRAW_BATCH.encode([_withdrawal_words(withdrawal) for withdrawal in withdrawals])


def release_escrow_call(withdrawal: Withdrawal) -> bytes:
    """releaseEscrow(EscrowLeaf): an escrow or suspense leaf, to whoever is its beneficiary."""
    return RELEASE_ESCROW.encode(_escrow_words(withdrawal))


def withdrawal_from_call(data: bytes) -> Withdrawal:
    """Read back what `withdraw_call` wrote.

    Raises:
        NotThisCall: the calldata is of another function.
    """
    ((epoch, work_id, part, asset, payees, amounts, proof),) = WITHDRAW.decode(data)
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


def commit_epoch_call(approval: Approval, signatures: Sequence[GuardianSignature]) -> bytes:
    """commitEpoch(Approval, GuardianSignature[]); the signatures are put in ascending order."""
    words = (
        approval.epoch,
        approval.attempt,
        approval.guardian_set,
        bytes(approval.manifest_digest),
        bytes(approval.root),
        [line.words() for line in approval.totals],
        approval.deadline,
    )
    ordered = sorted(signatures, key=lambda signature: signature.signer)
    return COMMIT_EPOCH.encode(words, [(bytes(one.signer), one.signature) for one in ordered])


def veto_call(epoch: Epoch, reason_digest: Hash32) -> bytes:
    """veto(uint64, bytes32)."""
    return VETO.encode(epoch, bytes(reason_digest))


def pay_batch_call(list_id: Hash32, asset: Address, payments: Sequence[LinePayment]) -> bytes:
    """payBatch(bytes32, address, Payment[]), in the given order; asset zero: the native coin."""
    words = [(line.index, bytes(line.payee), line.amount) for line in payments]
    return PAY_BATCH.encode(bytes(list_id), bytes(asset), words)


def pay_tips_call(numbers: Sequence[int]) -> bytes:
    """payTips(uint256[]), in the given order."""
    return PAY_TIPS.encode(list(numbers))


def settled_lines_call(list_id: Hash32, word: int) -> bytes:
    """settledLines(bytes32, uint256): bit i of the answer is line 256 * word + i."""
    return SETTLED_LINES.encode(bytes(list_id), word)


def is_held_call(payee: Address) -> bytes:
    """isHeld(address): whether lines for a payee would be skipped now."""
    return IS_HELD.encode(bytes(payee))


def paid_lines_call(epoch: Epoch, work_id: Hash32, part: int, asset: Address) -> bytes:
    """paidLines(uint64, bytes32, uint32, address)."""
    return PAID_LINES.encode(epoch, bytes(work_id), part, bytes(asset))


def epoch_of_call(epoch: Epoch) -> bytes:
    """epochOf(uint64)."""
    return EPOCH_OF.encode(epoch)


def uint_from_answer(answer: bytes) -> int:
    """Read the answer of a view that returns one unsigned integer."""
    (value,) = decode(("uint256",), answer)
    return int(value)


def refusal_from_revert(data: bytes) -> Refusal | None:
    """The refusal that `withdraw` reverted with; None if it reverted with anything else."""
    if data[:4] != WITHDRAWAL_REFUSED.selector:
        return None
    (refusal,) = WITHDRAWAL_REFUSED.decode(data)
    return Refusal(refusal)


def _withdrawal_words(withdrawal: Withdrawal) -> tuple[object, ...]:
    leaf = withdrawal.leaf
    return (
        leaf.epoch,
        bytes(leaf.work_id),
        leaf.part,
        bytes(leaf.asset),
        [bytes(line.payee) for line in leaf.lines],
        [line.amount for line in leaf.lines],
        [bytes(node) for node in withdrawal.proof],
    )


def _escrow_words(withdrawal: Withdrawal) -> tuple[object, ...]:
    leaf = withdrawal.leaf
    proof = [bytes(node) for node in withdrawal.proof]
    return (leaf.epoch, bytes(leaf.work_id), bytes(leaf.asset), leaf.amount, proof)
