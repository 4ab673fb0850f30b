"""What the events of payment contracts move, by the reconciliation's own reading of them.

| event | from (debit) | to (credit) |
|---|---|---|
| ContentPaid, TicketPaid, TipPaid | cash, and back | earned:sold:creator, platform_fees, and back |
| ContentRefunded, TicketRefunded | cash, and back | refunded:sold:creator, and back |
| TipReceived | cash | owed:op-id:creator, platform_fees |
| LinePaid | owed:op-id:payee, or unexplained | cash |
| LineUnclaimed | owed:op-id:payee, or unexplained | unclaimed:payee |
| UnclaimedWithdrawn | unclaimed:payee | cash |
| FeesWithdrawn | platform_fees | cash |
| FloatReceived, a token transfer to the batch | cash | float |
| line of an accepted document | documents:list | owed:op-id:payee |
| the same, of a line that had ended by then | and owed:op-id:payee | unexplained |

A line is owed if a tip, or an accepted document, said so before, to the unit. A document that is
accepted afterwards explains what had been paid; what none explains is a finding.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from contracts.evm import ZERO_ADDRESS, ZERO_HASH, Address, ChainId, Hash32, Timestamp
from contracts.operations import TIP_LIST, payout_operation_id
from reconciliation.chain_events import ChainEvent, RawLog, TokenTransfer
from reconciliation.movements import CASH, Expected, Movement, log_source_id, unclaimed
from reconciliation.snapshot import PayeeAsset
from settlement.ledger.documents import AcceptedDocument, DocumentLine

FEES, FLOAT, UNEXPLAINED = "platform_fees", "float", "unexplained"
NATIVE = bytes(ZERO_ADDRESS)
_SOLD = {"ContentPaid": "content_id", "TicketPaid": "event_id", "TipPaid": None}
_REFUNDED = {"ContentRefunded": "content_id", "TicketRefunded": "event_id"}


class OwedLine(NamedTuple):
    """A line as it was owed, since when."""

    list_id: bytes
    line: int
    payee: bytes
    asset: bytes
    amount: int
    since: Timestamp


class Unexplained(NamedTuple):
    """A line that was paid, or set aside, and that nobody had said is owed."""

    op_id: Hash32
    list_id: Hash32
    line: int
    payee: Address
    asset: Address
    amount: int
    log: RawLog


class PaymentReplay:
    """Reads the events of one payment contract once, in chain order; pure, but it remembers."""

    def __init__(
        self, chain_id: ChainId, contract: Address, documents: Iterable[AcceptedDocument] = ()
    ) -> None:
        self._chain_id, self._contract = chain_id, contract
        self._documents = tuple(documents)
        self._owed: dict[Hash32, OwedLine] = {}
        self.cash: Counter[Address] = Counter()
        self.unclaimed: Counter[PayeeAsset] = Counter()
        self._unclaimed_since: dict[PayeeAsset, Timestamp] = {}
        self._unexplained: dict[Hash32, Unexplained] = {}
        self._explained: set[Hash32] = set()
        for document in self._documents:
            for line in document.lines:
                self._owed[self._op_id(document, line.index)] = OwedLine(
                    document.list_id,
                    line.index,
                    line.payee,
                    line.asset,
                    line.amount,
                    document.accepted_at,
                )

    def entries(
        self, events: Iterable[ChainEvent | TokenTransfer], times: Mapping[int, Timestamp]
    ) -> Iterator[Expected]:
        """The entries that events, and transfers to the batch, cause; both in chain order."""
        for event in events:
            log = event.log
            at = times[log.block_number]
            if isinstance(event, TokenTransfer):
                name = "TokensReceived"
                moved: tuple[Movement, ...] = (
                    Movement(bytes(log.address), event.amount, CASH, FLOAT),
                )
            else:
                name, moved = event.name, self._moved(event, at)
                self._note_line(event, moved)
            moved = tuple(sorted(one for one in moved if one.amount))
            for one in moved:
                self.cash[Address(one.asset)] += one.amount * (
                    (one.debit == CASH) - (one.credit == CASH)
                )
            if not isinstance(event, TokenTransfer):
                self._note(event, at)
            if moved:
                yield Expected(log_source_id(self._chain_id, log), name, log, at, moved)

    @property
    def unclaimed_since(self) -> dict[PayeeAsset, Timestamp]:
        """When pull balances last began, of those that are not empty."""
        return {key: at for key, at in self._unclaimed_since.items() if self.unclaimed[key]}

    @property
    def unexplained(self) -> list[Unexplained]:
        """Lines that nobody had said are owed, and that no document has explained since."""
        return [one for key, one in self._unexplained.items() if key not in self._explained]

    def owed_by_documents(self, upto: Timestamp) -> list[Expected]:
        """The entries that documents cause that were accepted by a time, by name.

        Ask when all events up to then were read: what had ended by then is explained.
        """
        return sorted(
            Expected(
                bytes(document.digest) + line.index.to_bytes(32, "big"),
                "document line",
                None,
                document.accepted_at,
                self._of_document(document.list_id, self._op_id(document, line.index), line),
            )
            for document in self._documents
            if document.accepted_at <= upto
            for line in document.lines
        )

    def _of_document(
        self, list_id: Hash32, op_id: Hash32, line: DocumentLine
    ) -> tuple[Movement, ...]:
        """What makes a line owed, and not any more where it had ended before."""
        asset, account = bytes(line.asset), _owed(op_id, line.payee)
        owed = Movement(asset, line.amount, f"documents:0x{list_id.hex()}", account)
        if op_id not in self._explained:
            return (owed,)
        return (owed, Movement(asset, line.amount, account, UNEXPLAINED))

    def _moved(self, event: ChainEvent, at: Timestamp) -> tuple[Movement, ...]:
        values = event.values
        if event.name in _SOLD:
            return _sold(event.name, values)
        if event.name in _REFUNDED:
            path = f"refunded:0x{values[_REFUNDED[event.name]].hex()}:0x{values['creator'].hex()}"
            return _through(values["asset"], ((path, values["price"]), (path, values["fee"])))
        if event.name == "TipReceived":
            return self._tipped(values, at)
        sides = self._sides(event.name, values, at)
        asset = bytes(values.get("asset", NATIVE))
        return () if sides is None else (Movement(asset, values["amount"], *sides),)

    def _tipped(self, values: Mapping[str, Any], at: Timestamp) -> tuple[Movement, ...]:
        line = (TIP_LIST, values["number"], values["creator"], NATIVE, values["amount"])
        self._owed[values["op_id"]] = OwedLine(*line, at)
        account = _owed(values["op_id"], values["creator"])
        return (
            Movement(NATIVE, values["amount"], CASH, account),
            Movement(NATIVE, values["fee"], CASH, FEES),
        )

    def _sides(self, name: str, values: Mapping[str, Any], at: Timestamp) -> tuple[str, str] | None:
        """Debited and credited account of an event of one movement; None if it moves nothing."""
        sides: tuple[str, str] | None = None
        match name:
            case "LinePaid":
                sides = (self._source(values, at), CASH)
            case "LineUnclaimed":
                sides = (self._source(values, at), unclaimed(values["payee"]))
            case "UnclaimedWithdrawn":
                sides = (unclaimed(values["payee"]), CASH)
            case "FeesWithdrawn":
                sides = (FEES, CASH)
            case "FloatReceived":
                sides = (CASH, FLOAT)
        return sides

    def _note(self, event: ChainEvent, at: Timestamp) -> None:
        """What an event does to a pull balance."""
        if event.name not in {"LineUnclaimed", "UnclaimedWithdrawn"}:
            return
        values = event.values
        key = (values["payee"], Address(values.get("asset", NATIVE)))
        if event.name == "UnclaimedWithdrawn":
            self.unclaimed[key] -= values["amount"]
            return
        if not self.unclaimed[key]:
            self._unclaimed_since[key] = at
        self.unclaimed[key] += values["amount"]

    def _source(self, values: Mapping[str, Any], at: Timestamp) -> str:
        owed = self._owed.get(values["op_id"])
        names = ("list_id", "index", "payee", "asset", "amount")
        said = tuple(values[name] for name in names)
        if owed is None or owed[:5] != said:
            return UNEXPLAINED
        if owed.since > at or (owed.since == at and owed.list_id != TIP_LIST):
            self._explained.add(values["op_id"])
            return UNEXPLAINED
        return _owed(values["op_id"], values["payee"])

    def _note_line(self, event: ChainEvent, moved: tuple[Movement, ...]) -> None:
        """Remember what was paid for a line that was not owed by then."""
        if not any(one.debit == UNEXPLAINED for one in moved):
            return
        values = event.values
        self._unexplained[values["op_id"]] = Unexplained(
            op_id=values["op_id"],
            list_id=values["list_id"],
            line=values["index"],
            payee=values["payee"],
            asset=Address(values["asset"]),
            amount=values["amount"],
            log=event.log,
        )

    def _op_id(self, document: AcceptedDocument, index: int) -> Hash32:
        return payout_operation_id(
            document.list_id, index, chain_id=self._chain_id, contract=self._contract
        )


def _owed(op_id: bytes, payee: bytes) -> str:
    return f"owed:0x{op_id.hex()}:0x{payee.hex()}"


def _sold(name: str, values: Mapping[str, Any]) -> tuple[Movement, ...]:
    field = _SOLD[name]
    sold = ZERO_HASH if field is None else values[field]
    price = values["amount" if field is None else "price"]
    path = f"earned:0x{sold.hex()}:0x{values['creator'].hex()}"
    return _through(values["asset"], ((path, price), (FEES, values["fee"])))


def _through(asset: bytes, parts: tuple[tuple[str, int], ...]) -> tuple[Movement, ...]:
    """In and out again, by part."""
    came = [Movement(bytes(asset), amount, CASH, path) for path, amount in parts]
    return (*came, *(one.reversed() for one in came))
