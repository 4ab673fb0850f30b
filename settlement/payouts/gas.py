"""What a transaction may cost (EIP-1559), and how much gas it may use (EIP-7825)."""

from dataclasses import dataclass

from contracts.units import mul_div_down

TRANSACTION_GAS_MAX = 16_777_216
"""2^24: the most gas of one transaction since Osaka (EIP-7825)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeQuote:
    """What the chain asks now, per gas."""

    base_fee_wei: int
    tip_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeCaps:
    """What we are ready to pay, per gas."""

    max_fee_wei: int
    tip_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """The two fee fields of a transaction."""

    max_fee_wei: int
    tip_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeAboveCap:
    """The chain asks more than we pay: nothing is signed until it asks less."""

    needed_wei: int
    cap_wei: int


def fee_for(quote: FeeQuote, caps: FeeCaps) -> Fee | FeeAboveCap:
    """Bid for inclusion now, with room for the base fee to double while the transaction waits.

    Invariants: base fee + tip <= max_fee_wei <= the cap; tip_wei <= max_fee_wei.
    """
    tip_wei = min(quote.tip_wei, caps.tip_wei)
    needed_wei = quote.base_fee_wei + tip_wei
    if needed_wei > caps.max_fee_wei:
        return FeeAboveCap(needed_wei=needed_wei, cap_wei=caps.max_fee_wei)
    max_fee_wei = min(needed_wei + quote.base_fee_wei, caps.max_fee_wei)
    return Fee(max_fee_wei=max_fee_wei, tip_wei=tip_wei)


def gas_limit(estimate: int) -> int:
    """The node's estimate and a quarter more, for what may change until inclusion; capped."""
    return min(estimate + mul_div_down(estimate, 1, 4), TRANSACTION_GAS_MAX)
