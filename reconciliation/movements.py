"""What the events of `EpochPayouts` move, by the reconciliation's own reading of them.

The books have rules of their own (`settlement.ledger.posting_rules`); these were written beside
them, from the contracts, and share no code. So a wrong rule is a discrepancy too, and not a mistake
that both sides make.

| event | from (debit) | to (credit) |
|---|---|---|
| EpochFunded | cash | paid_in:e |
| EpochCommitted | paid_in:e | committed:e, fees:e, escrowed:e, unallocated:e |
| EpochVetoed | the same | the other way |
| PayeePaid | payable:e:work:part:payee | cash |
| PayeeUnclaimed | payable:e:work:part:payee | unclaimed:payee |
| EscrowReleased | escrow:e:id or suspense:e:id | unclaimed:beneficiary |
| EscrowExpired | escrow:e:id or suspense:e:id | unallocated:e |
| UnclaimedWithdrawn | unclaimed:payee | cash |
| UnallocatedTransferred | unallocated:e | cash |
| activation | committed:e, fees:e or escrowed:e | payable, escrow or suspense, by line |
"""

from collections.abc import Mapping
from struct import Struct
from typing import Any, NamedTuple

from contracts.evm import Address, Epoch, Hash32
from contracts.leaves import Leaf, LeafKind, leaf_kind
from reconciliation.chain_events import ChainEvent, RawLog

CASH = "cash"
_TOTALS_PLACES = {"committed": 3, "escrowed": 4, "unallocated": 5, "fees": 6}
"""Where the terms of `AssetTotals` stand: asset, paidIn, carriedIn, allocated, escrow, …"""

_ASSET_PLACE = 0
_PLACE = Struct(">QQQ")
_HELD_UNTIL_ACTIVE = {
    LeafKind.WORK: "committed",
    LeafKind.FEES: "fees",
    LeafKind.ESCROW: "escrowed",
    LeafKind.SUSPENSE: "escrowed",
}


class Movement(NamedTuple):
    """So many units of an asset; accounts by their paths in the chart."""

    asset: bytes
    amount: int
    debit: str
    credit: str

    def reversed(self) -> "Movement":
        """The same units, back."""
        return Movement(self.asset, self.amount, self.credit, self.debit)


class Expected(NamedTuple):
    """An entry that the books must have, by what the chain and the accepted documents say.

    `source_id` is how the books name its cause; `log` is None where a document is the cause.
    """

    source_id: bytes
    name: str
    log: RawLog | None
    effective_at: int
    movements: tuple[Movement, ...]


class LeafPlace(NamedTuple):
    """A leaf by its place in the contract's paid flags."""

    epoch: Epoch
    work_id: Hash32
    part: int
    asset: Address


def log_source_id(chain_id: int, log: RawLog) -> bytes:
    """Chain, block and log index, eight bytes each."""
    return _PLACE.pack(chain_id, log.block_number, log.log_index)


def payable(place: LeafPlace, payee: bytes) -> str:
    """The account of one payee's line of a leaf."""
    return f"payable:{place.epoch}:0x{place.work_id.hex()}:{place.part}:0x{payee.hex()}"


def unclaimed(payee: bytes) -> str:
    """The account of a pull balance."""
    return f"unclaimed:0x{payee.hex()}"


def escrow(epoch: int, leaf_id: bytes) -> str:
    """The account of an escrow or suspense leaf."""
    kind = "suspense" if leaf_kind(Hash32(leaf_id)) is LeafKind.SUSPENSE else "escrow"
    return f"{kind}:{epoch}:0x{leaf_id.hex()}"


def committed(values: Mapping[str, Any]) -> tuple[Movement, ...]:
    """What a commitment divides, zero terms left out."""
    epoch = values["epoch"]
    return tuple(
        Movement(
            bytes(Address.from_hex(totals[_ASSET_PLACE])),
            totals[place],
            f"paid_in:{epoch}",
            f"{kind}:{epoch}",
        )
        for totals in values["totals"]
        for kind, place in _TOTALS_PLACES.items()
        if totals[place]
    )


def line_settled(event: ChainEvent, place: LeafPlace) -> Movement:
    """One line of a leaf, paid or set aside; its asset is the leaf's."""
    values = event.values
    is_paid = event.name == "PayeePaid"
    target = CASH if is_paid else unclaimed(values["payee"])
    return Movement(values["asset"], values["amount"], payable(place, values["payee"]), target)


def single(event: ChainEvent) -> Movement | None:
    """What every other event moves; None if it moves nothing."""
    values = event.values
    match event.name:
        case "EpochFunded":
            sides = (CASH, f"paid_in:{values['epoch']}")
        case "EscrowReleased":
            source = escrow(values["epoch"], values["escrow_id"])
            sides = (source, unclaimed(values["beneficiary"]))
        case "EscrowExpired":
            source = escrow(values["epoch"], values["escrow_id"])
            sides = (source, f"unallocated:{values['epoch']}")
        case "UnclaimedWithdrawn":
            sides = (unclaimed(values["payee"]), CASH)
        case "UnallocatedTransferred":
            sides = (f"unallocated:{values['epoch']}", CASH)
        case _:
            return None
    return Movement(values["asset"], values["amount"], *sides)


def activated(leaf: Leaf) -> tuple[Movement, ...]:
    """What an accepted leaf makes payable, line by line, or puts in escrow."""
    place = LeafPlace(leaf.epoch, leaf.work_id, leaf.part, leaf.asset)
    source = f"{_HELD_UNTIL_ACTIVE[leaf.kind]}:{leaf.epoch}"
    return tuple(
        Movement(
            bytes(leaf.asset),
            line.amount,
            source,
            escrow(leaf.epoch, leaf.work_id) if leaf.kind.is_escrow else payable(place, line.payee),
        )
        for line in leaf.lines
    )
