"""Logs of `EpochPayouts`, added up: the entries that the books must have, and what remains.

The contract's events alone say every balance. What they do not say is how an epoch's money is
divided: that is in the accepted document of its manifest, which its root binds.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Epoch, Hash32, Timestamp
from contracts.leaves import Leaf
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
_NAMES_LEAF = "LeafWithdrawn"
"""Says of which leaf the lines of its transaction are, and nothing else."""

_TRANSACTION = attrgetter("log.transaction_hash")


class Replay:
    """Reads events once, in chain order; pure, but it remembers.

    A settled line is settled for ever, so flags of leaves are told only where they changed above
    the block `flags_since`.
    """

    def __init__(
        self, chain_id: ChainId, contract: Address, *, flags_since: BlockNumber = GENESIS
    ) -> None:
        self._chain_id, self._contract = chain_id, contract
        self._sums: defaultdict[tuple[str, bytes], int] = defaultdict(int)
        self._paid_in: Counter[EpochAsset] = Counter()
        self._unclaimed_since: dict[tuple[str, bytes], Timestamp] = {}
        self._flags_since = flags_since
        self._settled_lines: defaultdict[bytes, int] = defaultdict(int)
        self._lately: dict[LeafPlace, bytes] = {}
        self._settled_escrow: dict[LeafPlace, int] = {}
        self._holds: dict[Address, int] = {}
        self._transfers: dict[Hash32, tuple[Epoch, Address, int]] = {}
        self._attempts: dict[tuple[int, int], tuple[Movement, ...]] = {}
        self.commitments: dict[Epoch, Commitment] = {}

    def entries(
        self, events: Iterable[ChainEvent], times: Mapping[int, Timestamp]
    ) -> Iterator[Expected]:
        """The entries that the events cause, in chain order; `times` are of their blocks.

        Raises:
            BadLog: a line was settled, and its transaction does not say of which leaf.
        """
        for _, group in groupby(events, key=_TRANSACTION):
            of_transaction = list(group)
            leaves = _leaves_of(of_transaction) if len(of_transaction) > 1 else {}
            for event in of_transaction:
                log, _, name, _ = event
                if name == _NAMES_LEAF:
                    continue
                at = times[log.block_number]
                if name in _LINE_EVENTS:
                    moved = self._line(event, leaves)
                else:
                    moved = self._moved(event)
                    self._note(event)
                if moved:
                    self._add(moved, at)
                    yield Expected(log_source_id(self._chain_id, log), name, log, at, moved)

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
                self._add(moved, commitment.active_at)
                source = commitment.manifest_digest + self._op_id(leaf)
                found.append(Expected(source, "leaf", None, commitment.active_at, moved))
        return sorted(found)

    def rebuilt(self, at: BlockRef) -> Rebuilt:
        """What everything adds up to; call it last."""
        sums: defaultdict[str, Counter[EpochAsset]] = defaultdict(Counter)
        cash: Counter[Address] = Counter()
        unclaimed: Counter[PayeeAsset] = Counter()
        since: dict[PayeeAsset, Timestamp] = {}
        for (path, asset_bytes), units in self._sums.items():
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
            paid_lines=self._paid_lines(),
            settled_escrow=frozenset(self._settled_escrow),
            holds={
                payee: until if until > at.timestamp else 0 for payee, until in self._holds.items()
            },
            commitments=self.commitments,
        )

    def _line(self, event: ChainEvent, leaves: Mapping[Hash32, LeafPlace]) -> tuple[Movement, ...]:
        """What a settled line moves, whose flag is set."""
        log, values = event.log, event.values
        op_id = values["op_id"]
        place = leaves.get(op_id)
        if place is None:
            raise BadLog(event.name, log.block_number, log.log_index, "its leaf is not named")
        self._settled_lines[op_id] |= 1 << values["line"]
        if log.block_number > self._flags_since:
            self._lately[place] = op_id
        return (line_settled(event, place),)

    def _moved(self, event: ChainEvent) -> tuple[Movement, ...]:
        """What any other event moves."""
        values = event.values
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
                self._settled_escrow[place] = log.block_number
            case "PayeeHoldPlaced":
                self._holds[values["account"]] = values["expires_at"]
            case "PayeeHoldLifted":
                self._holds[values["account"]] = 0
            case "UnallocatedTransferAnnounced":
                announced = (values["epoch"], values["asset"], values["amount"])
                self._transfers[values["transfer_id"]] = announced
            case "UnallocatedTransferCancelled" | "UnallocatedTransferred":
                self._transfers.pop(values["transfer_id"], None)

    def _paid_lines(self) -> dict[LeafPlace, int]:
        """Flags of leaves that changed lately; a leaf in escrow has one line."""
        flags = {place: self._settled_lines[op_id] for place, op_id in self._lately.items()}
        escrow = self._settled_escrow.items()
        return flags | {place: 1 for place, number in escrow if number > self._flags_since}

    def _add(self, moved: Sequence[Movement], at: Timestamp) -> None:
        sums = self._sums
        for asset, amount, debit, credit in moved:
            into, out = (_sum_of(debit), asset), (_sum_of(credit), asset)
            if not sums[out] and credit.startswith("unclaimed:"):
                self._unclaimed_since[out] = at
            sums[into] += amount
            sums[out] -= amount

    def _op_id(self, leaf: Leaf) -> Hash32:
        return withdraw_operation_id(
            leaf.epoch,
            leaf.work_id,
            leaf.part,
            leaf.asset,
            chain_id=self._chain_id,
            contract=self._contract,
        )


def _sum_of(path: str) -> str:
    """What an account is added up under: its kind and its first attribute, an epoch or a payee."""
    end = path.find(":", path.find(":") + 1)
    return path if end < 0 else path[:end]


def cash_by_transaction(entries: Iterable[Expected]) -> Counter[tuple[bytes, bytes]]:
    """What came in by transaction and asset, less what went out; of entries that events cause."""
    cash: Counter[tuple[bytes, bytes]] = Counter()
    for entry in entries:
        for asset, amount, debit, credit in entry.movements:
            if entry.log is not None and CASH in (debit, credit):
                sign = 1 if debit == CASH else -1
                cash[entry.log.transaction_hash, asset] += sign * amount
    return cash


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
        if event.name == _NAMES_LEAF
    }


def _added(sums: Mapping[str, Counter[EpochAsset]], kinds: Sequence[str]) -> dict[EpochAsset, int]:
    total: Counter[EpochAsset] = Counter()
    for kind in kinds:
        for key, units in sums.get(kind, Counter()).items():
            total[key] += units
    return dict(total)
