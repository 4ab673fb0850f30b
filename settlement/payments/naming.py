"""How a payment is named: by its transaction and by what its log says, never by where the log is.

A reorg may mine a transaction again, elsewhere and with another course: its log index moves, and a
purchase before it in the same transaction may fail this time, so that counting logs names another
one. What stays is what the log says. So a payment is

    (chain, transaction, contract, event, key, ordinal)

where the *key* spells the fields that tell payments apart (`Family.identity`): who paid which
order, or where there is no order, who paid whom how much. The *ordinal* counts logs that say the
same: always 0 where there is an order, which a payer pays once; of equal transfers it tells how
many there are, and those are interchangeable.

The index holds only the logs of our contracts, a receipt all of them: both give a log this name.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.evm import Address, ChainId, Hash32
from settlement.payments.decoding import NotTheEvent, Value, decoded
from settlement.payments.evidence import LogSeen, TransactionSeen
from settlement.payments.families import Family


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Place:
    """Which log of which transaction, wherever the transaction is mined."""

    chain_id: ChainId
    transaction_hash: Hash32
    contract: Address
    topic0: Hash32
    key: str
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A log as its event is declared, and its name."""

    place: Place
    log: LogSeen
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Misread:
    """A log that begins like the event, and is not as it is declared."""

    log: LogSeen
    reason: str


def candidates(family: Family, seen: TransactionSeen) -> list[Payment | Misread]:
    """Every log of a transaction that begins with the event's topic, in order."""
    topic0 = family.event.topic0
    counts: dict[tuple[Address, str], int] = {}
    found: list[Payment | Misread] = []
    for log in seen.logs:
        if not log.topics or log.topics[0] != topic0:
            continue
        try:
            values = decoded(family.event, log.topics, log.data)
        except NotTheEvent as error:
            found.append(Misread(log=log, reason=str(error)))
            continue
        key = key_of(family, values)
        ordinal = counts.get((log.address, key), 0)
        counts[log.address, key] = ordinal + 1
        place = Place(
            chain_id=seen.chain_id,
            transaction_hash=seen.transaction_hash,
            contract=log.address,
            topic0=topic0,
            key=key,
            ordinal=ordinal,
        )
        found.append(Payment(place=place, log=log, values=values))
    return found


def key_of(family: Family, values: Mapping[str, Value]) -> str:
    """The fields of its identity, in hexadecimal or decimal digits, with a slash between."""
    return "/".join(_spelled(values[name]) for name in family.identity)


def _spelled(value: Value) -> str:
    return str(value) if isinstance(value, int) else bytes(value).hex()
