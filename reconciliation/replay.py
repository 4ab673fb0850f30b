"""Logs of `EpochPayouts`, added up: the entries that the books must have, and what remains.

The contract's events alone say every balance. What they do not say is how an epoch's money is
divided: that is in the accepted document of its manifest, which its root binds.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Epoch, Hash32, Timestamp
from contracts.leaves import Leaf, leaf_kind
from contracts.operations import withdraw_operation_id
from reconciliation import movements
from reconciliation.chain_events import ChainEvent
from reconciliation.errors import BadLog
from reconciliation.movements import (
    CASH,
    Expected,
    LeafPlace,
    Movement,
    line_settled,
    log_source_id,
    single,
)
from reconciliation.snapshot import Commitment, EpochAsset, PayeeAsset, Rebuilt

GENESIS = BlockNumber(0)
_OF_LEAVES = ("committed", "fees", "payable")
_OF_ESCROW = ("escrowed", "escrow", "suspense")
_LINE_EVENTS = ("PayeePaid", "PayeeUnclaimed")


class Replay:
    """Reads events once, in chain order; pure, but it remembers.

    A settled line is settled for ever, so flags of leaves are told only where they changed above
    the block `flags_since`.
    """

    def __init__(
        self, chain_id: ChainId, contract: Address, *, flags_since: BlockNumber = GENESIS
    ) -> None:
        self._chain_id, self._contract = chain_id, contract
        self._accounts: Counter[tuple[str, bytes]] = Counter()
        self._paid_in: Counter[EpochAsset] = Counter()
        self._unclaimed_since: dict[tuple[str, bytes], Timestamp] = {}
        self._flags_since = flags_since
        self._paid_lines: defaultdict[LeafPlace, int] = defaultdict(int)
        self._lately_paid: set[LeafPlace] = set()
        self._holds: dict[Address, int] = {}
        self._transfers: dict[Hash32, tuple[Epoch, Address, int]] = {}
        self._attempts: dict[tuple[int, int], tuple[Movement, ...]] = {}
        self.commitments: dict[Epoch, Commitment] = {}
        self.cash_by_transaction: Counter[tuple[bytes, bytes]] = Counter()

    def entries(
        self, events: Iterable[ChainEvent], times: Mapping[int, Timestamp]
    ) -> Iterator[Expected]:
        """The entries that the events cause, in chain order; `times` are of their blocks.

        Raises:
            BadLog: a line was settled, and its transaction does not say of which leaf.
        """
        for _, group in groupby(events, key=lambda event: event.log.transaction_hash):
            of_transaction = list(group)
            leaves = _leaves_of(of_transaction)
            for event in of_transaction:
                at = times[event.log.block_number]
                moved = self._moved(event, leaves)
                self._note(event)
                if moved:
                    self._add(moved, at, event.log.transaction_hash)
                    source = log_source_id(self._chain_id, event.log)
                    yield Expected(source, event.name, event.log, at, moved)

    def activations(
        self, documents: Mapping[Hash32, Sequence[Leaf]], at: BlockRef
    ) -> list[Expected]:
        """The entries that accepted documents cause once they are active; call it after the events.

        Documents are by manifest digest. In the order of their names in the books.
        """
        found = []
        for commitment in self.commitments.values():
            if commitment.active_at > at.timestamp:
                continue
            for leaf in documents.get(commitment.manifest_digest, ()):
                moved = movements.activated(leaf)
                self._add(moved, commitment.active_at, b"")
                source = commitment.manifest_digest + self._op_id(leaf)
                found.append(Expected(source, "leaf", None, commitment.active_at, moved))
        return sorted(found)

    def rebuilt(self, at: BlockRef) -> Rebuilt:
        """What everything adds up to; call it last."""
        sums: defaultdict[str, Counter[EpochAsset]] = defaultdict(Counter)
        cash: Counter[Address] = Counter()
        unclaimed: Counter[PayeeAsset] = Counter()
        since: dict[PayeeAsset, Timestamp] = {}
        for (path, asset_bytes), units in self._accounts.items():
            kind, *attributes = path.split(":")
            asset = Address(asset_bytes)
            if kind == CASH:
                cash[asset] += units
            elif kind == "unclaimed":
                key = (Address.from_hex(attributes[0]), asset)
                unclaimed[key] -= units
                if units:
                    since[key] = self._unclaimed_since[path, asset_bytes]
            else:
                sums[kind][Epoch(int(attributes[0])), asset] -= units
        announced: Counter[EpochAsset] = Counter()
        for epoch, asset, amount in self._transfers.values():
            announced[epoch, asset] += amount
        return Rebuilt(
            block=at,
            cash=cash,
            paid_in=self._paid_in,
            remaining=_added(sums, _OF_LEAVES),
            escrowed=_added(sums, _OF_ESCROW),
            unallocated=sums["unallocated"],
            announced=announced,
            unclaimed=unclaimed,
            unclaimed_since=since,
            paid_lines={place: self._paid_lines[place] for place in self._lately_paid},
            settled_escrow=frozenset(
                place for place in self._paid_lines if leaf_kind(place.work_id).is_escrow
            ),
            holds={
                payee: until if until > at.timestamp else 0 for payee, until in self._holds.items()
            },
            commitments=self.commitments,
            accounts=self._accounts,
        )

    def _moved(self, event: ChainEvent, leaves: Mapping[Hash32, LeafPlace]) -> tuple[Movement, ...]:
        values = event.values
        if event.name in _LINE_EVENTS:
            place = leaves.get(values["op_id"])
            if place is None:
                log = event.log
                raise BadLog(event.name, log.block_number, log.log_index, "its leaf is not named")
            self._settle(place, values["line"], event.log.block_number)
            return (line_settled(event, place),)
        if event.name == "EpochCommitted":
            moved = movements.committed(values)
            self._attempts[values["epoch"], values["attempt"]] = moved
            return tuple(sorted(moved))
        if event.name == "EpochVetoed":
            undone = self._attempts.get((values["epoch"], values["attempt"]), ())
            return tuple(sorted(one.reversed() for one in undone))
        moved_once = single(event)
        return (moved_once,) if moved_once else ()

    def _note(self, event: ChainEvent) -> None:
        """What an event says besides movements."""
        values, log = event.values, event.log
        match event.name:
            case "EpochFunded":
                self._paid_in[values["epoch"], values["asset"]] += values["amount"]
            case "EpochCommitted":
                self.commitments[values["epoch"]] = Commitment(
                    manifest_digest=values["manifest_digest"],
                    root=Hash32(values["root"]),
                    active_at=values["active_at"],
                    transaction_hash=Hash32(log.transaction_hash),
                    block_number=log.block_number,
                    block_hash=Hash32(log.block_hash),
                    log_index=log.log_index,
                )
            case "EpochVetoed":
                self.commitments.pop(values["epoch"], None)
            case "EscrowReleased" | "EscrowExpired":
                place = LeafPlace(values["epoch"], values["escrow_id"], 0, values["asset"])
                self._settle(place, 0, log.block_number)
            case "PayeeHoldPlaced":
                self._holds[values["account"]] = values["expires_at"]
            case "PayeeHoldLifted":
                self._holds[values["account"]] = 0
            case "UnallocatedTransferAnnounced":
                announced = (values["epoch"], values["asset"], values["amount"])
                self._transfers[values["transfer_id"]] = announced
            case "UnallocatedTransferCancelled" | "UnallocatedTransferred":
                self._transfers.pop(values["transfer_id"], None)

    def _settle(self, place: LeafPlace, line: int, block_number: int) -> None:
        self._paid_lines[place] |= 1 << line
        if block_number > self._flags_since:
            self._lately_paid.add(place)

    def _add(self, moved: Sequence[Movement], at: Timestamp, transaction_hash: bytes) -> None:
        for asset, amount, debit, credit in moved:
            if credit.startswith("unclaimed:") and not self._accounts[credit, asset]:
                self._unclaimed_since[credit, asset] = at
            self._accounts[debit, asset] += amount
            self._accounts[credit, asset] -= amount
            if CASH in (debit, credit):
                sign = 1 if debit == CASH else -1
                self.cash_by_transaction[transaction_hash, asset] += sign * amount

    def _op_id(self, leaf: Leaf) -> Hash32:
        return withdraw_operation_id(
            leaf.epoch,
            leaf.work_id,
            leaf.part,
            leaf.asset,
            chain_id=self._chain_id,
            contract=self._contract,
        )


def _leaves_of(events: Sequence[ChainEvent]) -> dict[Hash32, LeafPlace]:
    """Leaves that a transaction withdraws from, by op-id: line events name no more than that."""
    return {
        event.values["op_id"]: LeafPlace(
            event.values["epoch"],
            event.values["work_id"],
            event.values["part"],
            event.values["asset"],
        )
        for event in events
        if event.name == "LeafWithdrawn"
    }


def _added(sums: Mapping[str, Counter[EpochAsset]], kinds: Sequence[str]) -> dict[EpochAsset, int]:
    total: Counter[EpochAsset] = Counter()
    for kind in kinds:
        for key, units in sums.get(kind, Counter()).items():
            total[key] += units
    return dict(total)
