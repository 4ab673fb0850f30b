"""Legs: transfers of tokens that a payment through our contracts makes, or the refund of one.

    ContentPaid(payer, creator, price, fee)      the splitter's event, then what it moves
      Transfer(payer → creator, price)           a leg
      Transfer(payer → treasury, fee)            a leg
    Transfer(payer → creator, price)             no leg: whoever was to get this got it beside it

A leg is evidence of that payment, whether or not anybody asks for the payment, and of nothing else:
so a transfer that was announced by itself is never paid by one, also where its payee is a creator.
That follows from the transaction alone, so neither who came first nor a reorg changes it.

Our contracts speak before they move, and let nobody in between: the first transfers after an event
that are like its legs are its legs. Others may emit the same events, and are not listened to.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from contracts.event_spec import EventSpec
from contracts.events import ERC20_TRANSFER
from contracts.evm import Address
from contracts.units import BaseUnits
from settlement.payments.decoding import NotTheEvent, Value, decoded
from settlement.payments.evidence import LogSeen, TransactionSeen
from settlement.payments.families import FAMILIES, AssetSource
from settlement.payments.paid import Paid, paid_of
from settlement.payments.rulebook import Rulebook


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leg:
    """A transfer to come; a source or a target that is None may be anybody."""

    asset: Address
    source: Address | None
    target: Address | None
    amount: BaseUnits

    def is_made_by(self, token: Address, moved: dict[str, Value]) -> bool:
        """Whether this transfer of a token is that leg."""
        return (
            (self.asset, self.amount) == (token, moved["amount"])
            and self.source in {None, moved["source"]}
            and self.target in {None, moved["target"]}
        )


def legs(seen: TransactionSeen, rulebook: Rulebook) -> frozenset[int]:
    """The log indexes of all legs in a transaction.

    Args:
        seen: the transaction, with the logs of our contracts at least, in order.
        rulebook: which contracts are ours.
    """
    to_come: list[_Leg] = []
    found: set[int] = set()
    for log in seen.logs:
        moved = _values(ERC20_TRANSFER, log)
        if moved is None:
            to_come += _announced(log, seen, rulebook)
            continue
        made = next((leg for leg in to_come if leg.is_made_by(log.address, moved)), None)
        if made is not None:
            to_come.remove(made)
            found.add(log.log_index)
    return frozenset(found)


def _announced(log: LogSeen, seen: TransactionSeen, rulebook: Rulebook) -> Iterator[_Leg]:
    """The legs of the payment or refund that a log of ours tells of."""
    for family in FAMILIES:
        if isinstance(family.asset, AssetSource):
            continue
        for spec, legs_of in ((family.event, _of_payment), (family.refund, _of_refund)):
            values = None if spec is None else _values(spec, log)
            if spec is None or values is None:
                continue
            if rulebook.is_allowed(spec.contract, log.address, seen.block.number):
                yield from legs_of(paid_of(family, values, log.address))


def _of_payment(paid: Paid) -> Iterator[_Leg]:
    """The price to the creator; then the fee, if there is one, to the treasury of that moment."""
    yield _Leg(asset=paid.asset, source=paid.payer, target=paid.payee, amount=paid.amount)
    if paid.fee:
        yield _Leg(asset=paid.asset, source=paid.payer, target=None, amount=paid.fee)


def _of_refund(paid: Paid) -> Iterator[_Leg]:
    """Price and fee at once, from whoever refunds."""
    total = BaseUnits(paid.amount + paid.fee)
    yield _Leg(asset=paid.asset, source=None, target=paid.payer, amount=total)


def _values(spec: EventSpec, log: LogSeen) -> dict[str, Value] | None:
    try:
        return dict(decoded(spec, log.topics, log.data))
    except NotTheEvent:
        return None
