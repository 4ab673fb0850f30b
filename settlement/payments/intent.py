"""What shall be paid: by whom, to whom, how much, for what, through which contract, and when.

The id of an intent is the hash of its content, so the same content is the same intent, and no
intent can be changed. Unless the caller names an order of its own, the intent's id is the order id
that the payer puts into the transaction: the event then names the very content that was agreed.
"""

from dataclasses import dataclass
from functools import cached_property

from eth_abi.abi import encode

from contracts.evm import ZERO_ADDRESS, ZERO_HASH, Address, ChainId, Hash32, Timestamp, keccak
from contracts.units import UINT256_MAX, BaseUnits
from settlement.errors import BadValue
from settlement.payments.families import AssetSource, Family, family_named
from settlement.payments.fees import FEE_BPS_MAX, FeeTerms, fee_of

DOMAIN = keccak(b"quittance.payment-intent.v1")
LIFETIME_S_MAX = 366 * 24 * 3600
SEND_LIFETIME_S_MAX = 7 * 24 * 3600
"""For transfers that name no order: whether one came is looked up among all of that time."""

LATE_S = 24 * 3600
"""So long after its end a transfer that came too late is looked for."""

REFERENCE_LENGTH_MAX = 128
TIER_MAX = 2**32 - 1
TIME_MAX = 2**63 - 1

_TYPES = (
    *("bytes32", "uint256", "string", "address", "address", "address", "bytes32", "uint32"),
    *("address", "uint256", "bool", "address", "uint80", "uint16", "bytes32", "string"),
    *("uint64", "uint64"),
)


@dataclass(frozen=True, kw_only=True)
class PaymentIntent:
    """One payment that is asked for.

    `payer` is None where anybody may pay. `payee` is the creator, or the address that an off-ramp
    named. `subject` is the content or the event of a ticket, `tier_id` the ticket's tier. `amount`
    excludes the fee; `fee_terms` are those that the payer was quoted, None where none were. The
    payment is in time from `since` up to but not at `until`, by block timestamp. `reference` is the
    caller's own name for it; `stated_order` an order id of the caller's.
    """

    chain_id: ChainId
    family_name: str
    contract: Address
    payer: Address | None
    payee: Address
    subject: Hash32 | None
    tier_id: int | None
    asset: Address
    amount: BaseUnits
    fee_terms: FeeTerms | None
    stated_order: Hash32 | None
    reference: str
    since: Timestamp
    until: Timestamp

    def __post_init__(self) -> None:
        """Refuse what no payment could ever satisfy.

        Raises:
            BadValue: naming the field.
            UnknownName: there is no such family.
        """
        _check_money(self)
        _check_presence(self)
        _check_times(self)

    @cached_property
    def family(self) -> Family:
        """The kind of payment."""
        return family_named(self.family_name)

    @cached_property
    def intent_id(self) -> Hash32:
        """The hash of the content."""
        terms = self.fee_terms or FeeTerms(treasury=ZERO_ADDRESS, minimum=BaseUnits(0), bps=0)
        values = (
            *(DOMAIN, self.chain_id, self.family_name, self.contract),
            *(self.payer or ZERO_ADDRESS, self.payee, self.subject or ZERO_HASH),
            *(self.tier_id or 0, self.asset, self.amount, self.fee_terms is not None),
            *(terms.treasury, terms.minimum, terms.bps, self.stated_order or ZERO_HASH),
            *(self.reference, self.since, self.until),
        )
        return keccak(encode(_TYPES, values))

    @property
    def order_id(self) -> Hash32 | None:
        """What the event must name; None where events of this family name no order."""
        if self.family.order is None:
            return None
        return self.stated_order or self.intent_id

    @property
    def fee(self) -> BaseUnits | None:
        """The fee that the payer was quoted."""
        return None if self.fee_terms is None else fee_of(self.amount, self.fee_terms)


def _check_money(intent: PaymentIntent) -> None:
    if not 0 < intent.amount <= UINT256_MAX:
        raise BadValue("amount", intent.amount, "a positive uint256")
    expected = {AssetSource.NATIVE: ZERO_ADDRESS, AssetSource.EMITTER: intent.contract}
    source = intent.family.asset
    if isinstance(source, AssetSource) and intent.asset != expected[source]:
        raise BadValue("asset", str(intent.asset), f"{expected[source]}, as of {source.value}")
    if isinstance(source, str) and intent.asset == ZERO_ADDRESS:
        raise BadValue("asset", str(intent.asset), "a token")


def _check_presence(intent: PaymentIntent) -> None:
    family = intent.family
    for name, value, is_meant in (
        ("subject", intent.subject, family.subject is not None),
        ("tier_id", intent.tier_id, family.tier is not None),
    ):
        if (value is not None) != is_meant:
            wanted = "there" if is_meant else "absent"
            raise BadValue(name, value, f"{wanted}, as {family.name} payments need")
    if intent.tier_id is not None and not 0 <= intent.tier_id <= TIER_MAX:
        raise BadValue("tier_id", intent.tier_id, "a uint32")
    if intent.fee_terms is not None and family.fee is None:
        raise BadValue("fee_terms", intent.fee_terms, f"absent: {family.name} has no fee")
    if intent.fee_terms is not None and not (
        0 <= intent.fee_terms.bps <= FEE_BPS_MAX and 0 <= intent.fee_terms.minimum < 2**80
    ):
        raise BadValue("fee_terms", intent.fee_terms, "terms that a contract accepts")
    if intent.stated_order is not None and (family.order is None or not any(intent.stated_order)):
        raise BadValue("order_id", str(intent.stated_order), "absent, or not zero")
    if family.order is None and intent.payer is None:
        raise BadValue("payer", None, f"an address: {family.name} payments name no order")
    for name, address in (("payer", intent.payer), ("payee", intent.payee)):
        if address == ZERO_ADDRESS:
            raise BadValue(name, str(address), "an account")


def _check_times(intent: PaymentIntent) -> None:
    if not 0 <= intent.since < intent.until <= TIME_MAX:
        raise BadValue("until", intent.until, f"a time after {intent.since}")
    longest = LIFETIME_S_MAX if intent.family.order is not None else SEND_LIFETIME_S_MAX
    if intent.until - intent.since > longest:
        raise BadValue("until", intent.until, f"at most {longest} s after {intent.since}")
    reference = intent.reference
    if not 0 < len(reference) <= REFERENCE_LENGTH_MAX or not reference.isprintable():
        raise BadValue("reference", reference, f"1 to {REFERENCE_LENGTH_MAX} printable characters")
