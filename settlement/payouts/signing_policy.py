"""What a key may sign, whoever asks: calls on a list, limits of amounts and fees, a stop.

The policy stands between the submitter and the key. It looks at the transaction alone, as bytes:
not at what the submitter says it is for. What is not allowed is refused, with a reason:

    stopped            a person stopped signing; nothing is signed until a person resumes it
    other_chain        a chain that this key does not pay on
    call_not_allowed   (contract, selector) is not on the list
    unreadable_call    the calldata is not what its selector says
    gas_above_cap, fee_above_cap
    no_limit           the call moves an asset for which nobody said how much
    transaction_limit  more of an asset than one transaction may move
    day_limit          more of an asset than the transactions of 24 hours may move

What a call moves is counted from above: the full amount of every leaf, also where lines of it are
settled or held and will not be paid. Of tips a call has the numbers alone: what they are worth, and
to whom they go, was fixed on chain when they were given, and is taken from the planned operations;
a tip that was never planned is not paid. A nonce counts once, with the most that any version of it
could move, since only one version can execute; and it counts for a whole day, whatever became of
it. A no-op (to the key itself, without data) moves nothing and is always on the list.

It does not bind what was signed before: the node has that, and may still include it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from eth_abi.exceptions import DecodingError

from contracts.calls import (
    COMMIT_EPOCH,
    PAY_BATCH,
    PAY_TIPS,
    WITHDRAW,
    WITHDRAW_BATCH,
    Function,
    NotThisCall,
)
from contracts.evm import ZERO_ADDRESS, Address, ChainId, Timestamp
from settlement.payouts.operation import TransactionDraft

DAY_S = 86_400
"""The window of the limits per day; it moves, so no midnight lets twice the limit pass."""

_ASSET, _AMOUNTS = 3, 5  # places in the contract's `Withdrawal`

Spending = Mapping[Address, int]
"""What a transaction could move, in base units by asset."""

_Arguments = tuple[Any, ...]


class RefusalKind(StrEnum):
    """Why a transaction is not signed."""

    STOPPED = "stopped"
    OTHER_CHAIN = "other_chain"
    CALL_NOT_ALLOWED = "call_not_allowed"
    UNREADABLE_CALL = "unreadable_call"
    GAS_ABOVE_CAP = "gas_above_cap"
    FEE_ABOVE_CAP = "fee_above_cap"
    NO_LIMIT = "no_limit"
    TRANSACTION_LIMIT = "transaction_limit"
    DAY_LIMIT = "day_limit"


PASSING = (RefusalKind.STOPPED, RefusalKind.DAY_LIMIT)
"""Refusals that end without another transaction being made: by a person, or by time."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a transaction is not signed, with the numbers."""

    kind: RefusalKind
    detail: str


@dataclass(frozen=True, slots=True)
class EmergencyStop:
    """Signing was stopped, and not resumed since."""

    reason: str
    since: Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetLimit:
    """The most that may be moved of one asset, in base units."""

    transaction_units: int
    day_units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningPolicy:
    """What one key may sign on one chain.

    `calls` are pairs of contract and selector. An asset that `limits` does not name is not moved at
    all; with None amounts are not limited, which is for development chains.
    """

    chain_id: ChainId
    calls: frozenset[tuple[Address, bytes]]
    limits: Mapping[Address, AssetLimit] | None
    gas_max: int
    fee_per_gas_wei_max: int


class UnreadableCall(ValueError):
    """Calldata that its selector does not explain: what it moves is unknown."""


def spending(data: bytes, tips: Mapping[int, int]) -> Spending:
    """What calldata could move, counted from above.

    Args:
        data: of a call, or empty.
        tips: what planned tips are worth, by number: at least all of `tip_numbers(data)`.

    Raises:
        UnreadableCall: the function is not known here, the arguments are not its own, or it pays a
            tip that was never planned.
    """
    if not data:
        return {}
    function, arguments = _decoded(data)
    return _SPENDING[function](arguments, tips)


def tip_numbers(data: bytes) -> tuple[int, ...]:
    """The tips that calldata would pay; none for any other call, and for what is unreadable."""
    if data[:4] != PAY_TIPS.selector:
        return ()
    try:
        return tuple(_decoded(data)[1][0])
    except UnreadableCall:
        return ()


def refusal_of(
    draft: TransactionDraft,
    policy: SigningPolicy,
    *,
    sender: Address,
    stop: EmergencyStop | None,
    signed: Mapping[int, Spending],
    tips: Mapping[int, int],
) -> Refusal | None:
    """Why `draft` must not be signed; None if it may be.

    Args:
        draft: what the key would sign.
        policy: what it may sign.
        sender: whose key it is.
        stop: the stop in force, if any.
        signed: by nonce, what the transactions signed in the last 24 hours could move.
        tips: what planned tips are worth, by number.
    """
    if stop is not None:
        return Refusal(RefusalKind.STOPPED, f"{stop.reason} (since {stop.since})")
    unlimited = _refused_call(draft, policy, sender)
    if unlimited is not None:
        return unlimited
    try:
        moved = spending(draft.data, tips)
    except UnreadableCall as error:
        return Refusal(RefusalKind.UNREADABLE_CALL, str(error))
    if policy.limits is None:
        return None
    refusals = (
        _refused_amount(asset, units, draft.nonce, policy.limits.get(asset), signed)
        for asset, units in sorted(moved.items())
    )
    return next((refusal for refusal in refusals if refusal is not None), None)


def largest(versions: list[Spending]) -> Spending:
    """The most that any version of a nonce could move, asset by asset."""
    most: Counter[Address] = Counter()
    for version in versions:
        most |= Counter(version)
    return dict(most)


def _refused_call(
    draft: TransactionDraft, policy: SigningPolicy, sender: Address
) -> Refusal | None:
    if draft.chain_id != policy.chain_id:
        detail = f"chain {draft.chain_id}, not {policy.chain_id}"
        return Refusal(RefusalKind.OTHER_CHAIN, detail)
    is_noop = draft.to == sender and not draft.data
    if not is_noop and (draft.to, draft.data[:4]) not in policy.calls:
        detail = f"selector 0x{draft.data[:4].hex()} of {draft.to}"
        return Refusal(RefusalKind.CALL_NOT_ALLOWED, detail)
    if draft.gas > policy.gas_max:
        return Refusal(RefusalKind.GAS_ABOVE_CAP, f"{draft.gas} gas, cap {policy.gas_max}")
    fee_wei = max(draft.max_fee_wei, draft.tip_wei)
    if fee_wei > policy.fee_per_gas_wei_max:
        detail = f"{fee_wei} wei per gas, cap {policy.fee_per_gas_wei_max}"
        return Refusal(RefusalKind.FEE_ABOVE_CAP, detail)
    return None


def _refused_amount(
    asset: Address,
    units: int,
    nonce: int,
    limit: AssetLimit | None,
    signed: Mapping[int, Spending],
) -> Refusal | None:
    if limit is None:
        return Refusal(RefusalKind.NO_LIMIT, f"asset {asset} has no limit, so none of it is moved")
    if units > limit.transaction_units:
        detail = f"asset {asset}: {units} units, limit {limit.transaction_units} a transaction"
        return Refusal(RefusalKind.TRANSACTION_LIMIT, detail)
    if units <= signed.get(nonce, {}).get(asset, 0):
        return None  # a version of the same nonce could already move that much
    others = sum(moved.get(asset, 0) for other, moved in signed.items() if other != nonce)
    if others + units > limit.day_units:
        detail = (
            f"asset {asset}: {units} units besides {others} of the last 24 hours, "
            f"limit {limit.day_units} a day"
        )
        return Refusal(RefusalKind.DAY_LIMIT, detail)
    return None


def _decoded(data: bytes) -> tuple[Function, tuple[Any, ...]]:
    function = _KNOWN.get(data[:4])
    if function is None:
        raise UnreadableCall(f"selector 0x{data[:4].hex()} is not known here")
    try:
        arguments = function.decode(data)
    except (DecodingError, NotThisCall) as error:
        raise UnreadableCall(f"the arguments are not those of {function.name}") from error
    if function.encode(*arguments) != data:
        # Bytes that two decoders could read in two ways.
        raise UnreadableCall(f"the arguments of {function.name} are not in canonical form")
    return function, arguments


def _of_batch(arguments: _Arguments, tips: Mapping[int, int]) -> Spending:
    return _of_withdrawals(arguments[0], tips)


def _of_withdrawals(withdrawals: Iterable[Any], _: Mapping[int, int]) -> Spending:
    moved: Counter[Address] = Counter()
    for withdrawal in withdrawals:
        moved[Address.from_hex(withdrawal[_ASSET])] += sum(withdrawal[_AMOUNTS])
    return dict(moved)


def _of_payments(arguments: _Arguments, _: Mapping[int, int]) -> Spending:
    _, asset, payments = arguments
    moved = sum(amount for _, _, amount in payments)
    return {Address.from_hex(asset): moved} if moved else {}


def _of_tips(arguments: _Arguments, tips: Mapping[int, int]) -> Spending:
    """A tip that stands twice in a call is paid once, and counted twice."""
    moved = 0
    for number in arguments[0]:
        if number not in tips:
            raise UnreadableCall(f"tip {number} was never planned: what it is worth is not known")
        moved += tips[number]
    return {ZERO_ADDRESS: moved} if moved else {}


def _of_nothing(_: _Arguments, __: Mapping[int, int]) -> Spending:
    return {}


_SPENDING: dict[Function, Callable[[_Arguments, Mapping[int, int]], Spending]] = {
    WITHDRAW: _of_withdrawals,
    WITHDRAW_BATCH: _of_batch,
    COMMIT_EPOCH: _of_nothing,
    PAY_BATCH: _of_payments,
    PAY_TIPS: _of_tips,
}
_KNOWN = {function.selector: function for function in _SPENDING}
