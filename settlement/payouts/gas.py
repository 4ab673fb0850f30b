"""What a transaction may cost (EIP-1559), and how much gas it may use (EIP-7825)."""

from dataclasses import dataclass

from contracts.units import mul_div_down

TRANSACTION_GAS_MAX = 16_777_216
"""2^24: the most gas of one transaction since Osaka (EIP-7825)."""

NOOP_GAS = 21_000
"""What a transfer to oneself without value and data uses at least: the intrinsic gas.

It is more where the data of the chain below is paid in gas, and where our account has code.
"""

_TENTH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeQuote:
    """What the chain asks now, per gas."""

    base_fee_wei: int
    tip_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeCaps:
    """What we are ready to pay, per gas, whatever was signed before."""

    max_fee_wei: int
    tip_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """The two fee fields of a transaction."""

    max_fee_wei: int
    tip_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeAboveCap:
    """The chain asks more than we pay, per gas or as its tip: nothing is signed."""

    needed_wei: int
    cap_wei: int


def fee_for(quote: FeeQuote, caps: FeeCaps) -> Fee | FeeAboveCap:
    """Bid for inclusion now, with room for the base fee to double while the transaction waits.

    The tip is at most half of its cap: what waits can be replaced seven times before it is reached.

    Invariants: base fee + tip <= max_fee_wei <= the cap; tip_wei <= max_fee_wei.
    """
    tip_wei = min(quote.tip_wei, mul_div_down(caps.tip_wei, 1, 2))
    needed_wei = quote.base_fee_wei + tip_wei
    if needed_wei > caps.max_fee_wei:
        return FeeAboveCap(needed_wei=needed_wei, cap_wei=caps.max_fee_wei)
    max_fee_wei = min(needed_wei + quote.base_fee_wei, caps.max_fee_wei)
    return Fee(max_fee_wei=max_fee_wei, tip_wei=tip_wei)


def replacement_fee(old: Fee, quote: FeeQuote, caps: FeeCaps) -> Fee | FeeAboveCap:
    """Bid for the same nonce again: what the chain asks now, and enough for nodes to accept it.

    Invariants: both fields are at least a tenth above the old ones, rounded up, hence accepted by
    geth, which asks for more than the old field and for no less than old * 110 / 100, rounded down;
    neither is above its cap; base fee + tip <= max_fee_wei.
    Source: geth core/txpool/legacypool (list.Add, PriceBump).
    """
    tip_wei = _raised_tip(old, quote, caps)
    if tip_wei > caps.tip_wei:
        return FeeAboveCap(needed_wei=tip_wei, cap_wei=caps.tip_wei)
    includable_wei = quote.base_fee_wei + tip_wei
    needed_wei = max(_bumped(old.max_fee_wei), includable_wei)
    if needed_wei > caps.max_fee_wei:
        return FeeAboveCap(needed_wei=needed_wei, cap_wei=caps.max_fee_wei)
    roomy_wei = min(includable_wei + quote.base_fee_wei, caps.max_fee_wei)
    return Fee(max_fee_wei=max(needed_wei, roomy_wei), tip_wei=tip_wei)


def outbidding_fee(old: Fee, quote: FeeQuote, caps: FeeCaps) -> Fee | FeeAboveCap:
    """Bid for a nonce at which a node keeps something that we do not know, or nothing.

    What it keeps is an older version that we forgot with a lost backup, at fees up to our caps.
    Ours is not in its pool: where no tenth is left below the cap it bids the cap, and the tip alone
    grows. What cannot be outbid so has a tip or a fee within a tenth of its cap: it is included
    once the chain asks no more than its fee, and until then it is told that the caps are too low.

    Invariants: the tip is at least a tenth above the old one; max_fee_wei is that of a replacement,
    else the cap, and pays for base fee and tip.
    """
    fee = replacement_fee(old, quote, caps)
    if isinstance(fee, Fee):
        return fee
    tip_wei = _raised_tip(old, quote, caps)
    needed_wei = quote.base_fee_wei + tip_wei
    if tip_wei > caps.tip_wei:
        return fee
    if needed_wei > caps.max_fee_wei:
        return FeeAboveCap(needed_wei=needed_wei, cap_wei=caps.max_fee_wei)
    return Fee(max_fee_wei=caps.max_fee_wei, tip_wei=tip_wei)


def _raised_tip(old: Fee, quote: FeeQuote, caps: FeeCaps) -> int:
    return max(_bumped(old.tip_wei), min(quote.tip_wei, caps.tip_wei))


def _bumped(fee_wei: int) -> int:
    """A tenth more, rounded up, and at least one more."""
    tenth_wei = mul_div_down(fee_wei + _TENTH - 1, 1, _TENTH)
    return fee_wei + max(tenth_wei, 1)


def noop_gas_limit(estimate: int, *, gas_max: int) -> int:
    """The limit of a no-op: exact where it is the intrinsic gas, which nothing can change.

    Above `gas_max` it may run out of gas, and spends its nonce all the same.
    """
    return NOOP_GAS if estimate <= NOOP_GAS else min(gas_limit(estimate), gas_max)


def gas_limit(estimate: int) -> int:
    """The node's estimate and a quarter more, for what may change until inclusion; capped."""
    return min(estimate + mul_div_down(estimate, 1, 4), TRANSACTION_GAS_MAX)
