"""Events of single payments, tickets and payout lines, one record per event.

Field names are the column names of `payment_event_specs.py`; events that several contracts declare
alike have one record. Amounts are base units.

Mirrors the events of `src/circuit/*.sol` and `src/payouts/*.sol`.
"""

from dataclasses import dataclass

from contracts.evm import Address, Hash32, LogRef, Timestamp
from contracts.units import BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentPaid:
    """One content was bought: the creator got `price`, the treasury `fee`, both from `payer`."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    order_id: Hash32
    payer: Address
    creator: Address
    content_id: Hash32
    asset: Address
    price: BaseUnits
    fee: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentRefunded:
    """A purchase was taken back as a whole: `payer` got `price` and `fee` again."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    order_id: Hash32
    payer: Address
    creator: Address
    content_id: Hash32
    asset: Address
    price: BaseUnits
    fee: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class TipPaid:
    """A tip went to its creator, and the fee to the treasury."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    order_id: Hash32
    payer: Address
    creator: Address
    asset: Address
    amount: BaseUnits
    fee: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketPaid:
    """A ticket was sold and minted to `payer`."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    order_id: Hash32
    payer: Address
    creator: Address
    event_id: Hash32
    tier_id: int
    ticket_id: int
    asset: Address
    price: BaseUnits
    fee: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRefunded:
    """A sale was taken back as a whole, and the ticket burned."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    order_id: Hash32
    payer: Address
    creator: Address
    event_id: Hash32
    ticket_id: int
    asset: Address
    price: BaseUnits
    fee: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class TipReceived:
    """The relay holds a tip for its creator; `op_id` names paying it, `number` is its line."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    order_id: Hash32
    creator: Address
    payer: Address
    op_id: Hash32
    number: int
    amount: BaseUnits
    fee: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class FeesWithdrawn:
    """The fees of the relay went to the treasury."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    treasury: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePaid:
    """A line of a list reached its payee."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    op_id: Hash32
    list_id: Hash32
    payee: Address
    index: int
    asset: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class LineUnclaimed:
    """A line was refused by payee or token, and became a pull balance."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    op_id: Hash32
    list_id: Hash32
    payee: Address
    index: int
    asset: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSkipped:
    """A line was left out: 1 settled before, 2 malformed, 3 its payee is held."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    op_id: Hash32
    list_id: Hash32
    payee: Address
    index: int
    asset: Address
    amount: BaseUnits
    reason: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnclaimedWithdrawn:
    """A pull balance of a relay or batch left the contract, to `to`."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    payee: Address
    asset: Address
    to: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatReceived:
    """Native money came into the batch contract, to pay lines with."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    sender: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensReceived:
    """Tokens came into the batch contract by a transfer, to pay lines with."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    asset: Address
    source: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeTermsSet:
    """From this block on a payment is charged max(minimum, floor(amount·bps / 10,000))."""

    ref: LogRef
    block_hash: Hash32
    timestamp: Timestamp
    treasury: Address
    minimum: BaseUnits
    bps: int


PassedThrough = ContentPaid | ContentRefunded | TipPaid | TicketPaid | TicketRefunded
"""Payments that a splitter hands on in the transaction that brings them."""

PaymentEvent = (
    PassedThrough
    | TipReceived
    | FeesWithdrawn
    | LinePaid
    | LineUnclaimed
    | UnclaimedWithdrawn
    | FloatReceived
    | TokensReceived
)
"""What the books of payment contracts are posted from."""
