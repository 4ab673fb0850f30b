"""Every kind of payment, as data: which event of which contract says it, and what its fields mean.

One `Family` per kind. The verifier, the reads of facts and the quotes are derived from it, so that
a later kind of payment is one entry in `FAMILIES`.

| family | what is paid | asset |
|---|---|---|
| `ppv` | one content | the event's |
| `tip` | a tip through the splitter | the event's |
| `tip_native` | a tip through the relay, which pays it on later | the native coin |
| `ticket` | one ticket of a tier | the event's |
| `offramp_send` | a transfer to the address that an off-ramp named | the token that emits it |
"""

from dataclasses import dataclass
from enum import Enum

from contracts.event_spec import EventSpec
from contracts.events import ERC20_TRANSFER
from contracts.payment_event_specs import (
    CONTENT_FEE_TERMS_SET,
    CONTENT_PAID,
    CONTENT_REFUNDED,
    RELAY_FEE_TERMS_SET,
    TICKET_FEE_TERMS_SET,
    TICKET_PAID,
    TICKET_REFUNDED,
    TICKET_TIER_SET,
    TIP_FEE_TERMS_SET,
    TIP_PAID,
    TIP_RECEIVED,
)
from settlement.errors import UnknownName


class AssetSource(Enum):
    """Where the asset stands when it is no field of the event."""

    NATIVE = "native"
    EMITTER = "emitter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One kind of payment.

    `payer` to `fee` name fields of `event`; None means that the event says no such thing. Without
    `order` a payment is told by transaction and ordinal alone, so its payer must be known.
    `fee_terms` are announced by that event, prices by `price_list`, a whole refund by `refund`.
    `ticket` names the field of the ticket that a refund takes back.
    """

    name: str
    event: EventSpec
    payer: str
    payee: str
    amount: str
    asset: str | AssetSource
    order: str | None = None
    subject: str | None = None
    tier: str | None = None
    fee: str | None = None
    fee_terms: EventSpec | None = None
    price_list: EventSpec | None = None
    refund: EventSpec | None = None
    ticket: str | None = None

    def __post_init__(self) -> None:
        """Refuse an entry that names a field which its event does not have."""
        known = {field.name for field in self.event.fields}
        named = (self.payer, self.payee, self.amount, self.asset, self.order, self.subject)
        for name in (*named, self.tier, self.fee, self.ticket):
            if isinstance(name, str) and name not in known:
                raise ValueError(f"family {self.name}: {self.event.name} has no field {name!r}")
        if not self.event.is_static:
            raise ValueError(f"family {self.name}: {self.event.name} is not of fixed width")

    @property
    def identity(self) -> tuple[str, ...]:
        """Fields of the event that tell one payment of a transaction from another.

        A contract takes an order of a payer once. Payments that name no order are alike where
        payer, payee and amount are, and then it is all one which of them is whose.
        """
        if self.order is not None:
            return (self.payer, self.order)
        return (self.payer, self.payee, self.amount)


FAMILIES: tuple[Family, ...] = (
    Family(
        name="ppv",
        event=CONTENT_PAID,
        payer="payer",
        payee="creator",
        amount="price",
        asset="asset",
        order="order_id",
        subject="content_id",
        fee="fee",
        fee_terms=CONTENT_FEE_TERMS_SET,
        refund=CONTENT_REFUNDED,
    ),
    Family(
        name="tip",
        event=TIP_PAID,
        payer="payer",
        payee="creator",
        amount="amount",
        asset="asset",
        order="order_id",
        fee="fee",
        fee_terms=TIP_FEE_TERMS_SET,
    ),
    Family(
        name="tip_native",
        event=TIP_RECEIVED,
        payer="payer",
        payee="creator",
        amount="amount",
        asset=AssetSource.NATIVE,
        order="order_id",
        fee="fee",
        fee_terms=RELAY_FEE_TERMS_SET,
    ),
    Family(
        name="ticket",
        event=TICKET_PAID,
        payer="payer",
        payee="creator",
        amount="price",
        asset="asset",
        order="order_id",
        subject="event_id",
        tier="tier_id",
        fee="fee",
        fee_terms=TICKET_FEE_TERMS_SET,
        price_list=TICKET_TIER_SET,
        refund=TICKET_REFUNDED,
        ticket="ticket_id",
    ),
    Family(
        name="offramp_send",
        event=ERC20_TRANSFER,
        payer="source",
        payee="target",
        amount="amount",
        asset=AssetSource.EMITTER,
    ),
)


def family_named(name: str) -> Family:
    """The family of that name.

    Raises:
        UnknownName: there is none.
    """
    for family in FAMILIES:
        if family.name == name:
            return family
    raise UnknownName("payment family", name, [family.name for family in FAMILIES])
