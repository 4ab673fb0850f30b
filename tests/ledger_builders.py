"""Builders and fakes for the books: a chain of money events, and books in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.approvals import AssetTotals
from contracts.evm import (
    Address,
    BlockNumber,
    BlockRef,
    ChainId,
    Epoch,
    Hash32,
    LogIndex,
    LogRef,
    Timestamp,
    keccak,
)
from contracts.leaves import Leaf, SplitLine, escrow_id, suspense_id
from contracts.money_events import (
    EpochCommitted,
    EpochFunded,
    EpochVetoed,
    EscrowExpired,
    EscrowReleased,
    LeafWithdrawn,
    MoneyEvent,
    PayeeHeld,
    PayeePaid,
    PayeeUnclaimed,
    UnallocatedTransferred,
    UnclaimedWithdrawn,
)
from contracts.units import BaseUnits
from settlement.errors import EntryConflict
from settlement.ledger.accounts import AssetAccount, Book
from settlement.ledger.activation import leaf_operation_id
from settlement.ledger.balances import JournalKey
from settlement.ledger.books import Books
from settlement.ledger.commitments import Commitment, CommitmentOutcome, Distribution
from settlement.ledger.documents import AcceptedDocument
from settlement.ledger.journal import EntryStatus, JournalEntry, SourceKind
from settlement.ledger.lines import OwedLine
from settlement.ledger.manual import Decided, Decision, ManualEntry, manual_entry
from settlement.ledger.post import Posted, post_step
from settlement.ledger.reserve import Reservation, ReservationOutcome
from settlement.ledger.rewind import BookRewind

CHAIN_ID = ChainId(31337)
BOOK = Book(chain_id=CHAIN_ID, contract=Address(b"\xee" * 20))
ASSET = Address(b"\xaa" * 20)
ALICE, BOB, CAROL = (Address(bytes([number]) * 20) for number in (1, 2, 3))
ESCROW_ID = escrow_id(keccak(b"content"))
SUSPENSE_ID = suspense_id(Hash32.from_int(7))
SUBSCRIBER = Address(b"\x55" * 20)
VETO_WINDOW = 100
BLOCK_TIME = 10


def work(number: int) -> Hash32:
    """A work id."""
    return Hash32.from_int(number)


def leaf(
    lines: Mapping[Address, int],
    *,
    epoch: int = 0,
    work_id: Hash32 | None = None,
    part: int = 0,
    asset: Address = ASSET,
) -> Leaf:
    """A leaf with its lines in ascending order."""
    return Leaf(
        epoch=Epoch(epoch),
        work_id=work_id or work(7),
        part=part,
        asset=asset,
        lines=tuple(
            SplitLine(payee=payee, amount=BaseUnits(lines[payee])) for payee in sorted(lines)
        ),
    )


def op_id_of(each: Leaf) -> Hash32:
    """The op-id of a leaf of the test book."""
    return leaf_operation_id(each, BOOK)


def distribution(leaves: Sequence[Leaf], *, salt: int = 0) -> Distribution:
    """A distribution with made-up digest and root."""
    content = repr((list(leaves), salt)).encode()
    return Distribution(
        manifest_digest=keccak(b"manifest" + content),
        root=keccak(b"root" + content) if leaves else Hash32(bytes(32)),
        leaves=tuple(leaves),
    )


def escrow_leaf(
    amount: int, leaf_id: Hash32 = ESCROW_ID, *, epoch: int = 0, asset: Address = ASSET
) -> Leaf:
    """An escrow or suspense leaf of the test book."""
    return leaf({BOOK.contract: amount}, epoch=epoch, work_id=leaf_id, asset=asset)


def totals(
    paid_in: int, allocated: int, *, fees: int = 0, escrow: int = 0, asset: Address = ASSET
) -> AssetTotals:
    """Totals of one asset without carried money; what is left is unallocated."""
    return AssetTotals(
        asset=asset,
        paid_in=BaseUnits(paid_in),
        carried_in=BaseUnits(0),
        allocated=BaseUnits(allocated),
        escrow=BaseUnits(escrow),
        unallocated=BaseUnits(paid_in - allocated - fees - escrow),
        fees=BaseUnits(fees),
    )


@dataclass
class MoneyChain:
    """A chain whose blocks are all finalized; serves `post.MoneyFacts`."""

    blocks: list[BlockRef] = field(default_factory=list)
    events: list[MoneyEvent] = field(default_factory=list)
    is_finalized: bool = True

    def __post_init__(self) -> None:
        if not self.blocks:
            self.mine()

    def mine(self, *, seconds: int = BLOCK_TIME) -> BlockRef:
        """Add a block."""
        number = len(self.blocks)
        parent = self.blocks[-1] if self.blocks else None
        block = BlockRef(
            number=BlockNumber(number),
            hash=keccak(b"block" + number.to_bytes(8, "big")),
            parent_hash=parent.hash if parent else Hash32(bytes(32)),
            timestamp=Timestamp(parent.timestamp + seconds if parent else 1_000_000),
        )
        self.blocks.append(block)
        return block

    def funded(self, amount: int, *, epoch: int = 0, asset: Address = ASSET) -> EpochFunded:
        """Fund an epoch in a new block."""
        event = EpochFunded(
            **self._head(),
            epoch=Epoch(epoch),
            asset=asset,
            source=SUBSCRIBER,
            amount=BaseUnits(amount),
        )
        self.events.append(event)
        return event

    def committed(
        self,
        computed: Distribution,
        all_totals: Sequence[AssetTotals],
        *,
        epoch: int = 0,
        attempt: int = 1,
    ) -> EpochCommitted:
        """Commit an epoch in a new block."""
        head = self._head()
        event = EpochCommitted(
            **head,
            epoch=Epoch(epoch),
            attempt=attempt,
            manifest_digest=computed.manifest_digest,
            root=computed.root,
            active_at=Timestamp(self.blocks[-1].timestamp + VETO_WINDOW),
            guardian_set=1,
            signers=(ALICE, BOB),
            totals=tuple(all_totals),
        )
        self.events.append(event)
        return event

    def vetoed(self, *, epoch: int = 0, attempt: int = 1) -> EpochVetoed:
        """Veto an epoch in a new block."""
        event = EpochVetoed(
            **self._head(),
            epoch=Epoch(epoch),
            attempt=attempt,
            by=BOB,
            reason_digest=keccak(b"reason"),
        )
        self.events.append(event)
        return event

    def withdrawn(
        self,
        paid: Leaf,
        *,
        refused: Collection[Address] = (),
        held: Collection[Address] = (),
        settled: Collection[Address] = (),
    ) -> LeafWithdrawn:
        """Settle a leaf in a new block; `refused` payees get a pull balance.

        Lines of `held` payees stay open, those of `settled` payees were settled before.
        """
        op_id = op_id_of(paid)
        left_out = {*held, *settled}
        amount = sum(line.amount for line in paid.lines if line.payee not in left_out)
        event = LeafWithdrawn(
            **self._head(),
            op_id=op_id,
            epoch=paid.epoch,
            work_id=paid.work_id,
            part=paid.part,
            asset=paid.asset,
            amount=BaseUnits(amount),
        )
        self.events.append(event)
        for number, line in enumerate(paid.lines):
            if line.payee in settled:
                continue
            kind: type[PayeePaid | PayeeUnclaimed | PayeeHeld] = PayeePaid
            if line.payee in refused:
                kind = PayeeUnclaimed
            if line.payee in held:
                kind = PayeeHeld
            self.events.append(
                kind(
                    **self._head(log_index=number + 1, is_same_block=True),
                    op_id=op_id,
                    payee=line.payee,
                    asset=paid.asset,
                    amount=line.amount,
                    line=number,
                )
            )
        return event

    def unclaimed_withdrawn(
        self, payee: Address, amount: int, *, asset: Address = ASSET
    ) -> UnclaimedWithdrawn:
        """Withdraw a pull balance in a new block."""
        event = UnclaimedWithdrawn(
            **self._head(), payee=payee, asset=asset, to=payee, amount=BaseUnits(amount)
        )
        self.events.append(event)
        return event

    def escrow_released(self, each: Leaf, beneficiary: Address) -> EscrowReleased:
        """Release an escrow leaf in a new block."""
        event = EscrowReleased(
            **self._head(), **self._escrow(each), beneficiary=beneficiary, amount=each.amount
        )
        self.events.append(event)
        return event

    def escrow_expired(self, each: Leaf) -> EscrowExpired:
        """Expire an escrow leaf in a new block."""
        event = EscrowExpired(**self._head(), **self._escrow(each), amount=each.amount)
        self.events.append(event)
        return event

    def unallocated_transferred(
        self, amount: int, *, epoch: int = 0, asset: Address = ASSET
    ) -> UnallocatedTransferred:
        """Transfer unallocated money out in a new block."""
        event = UnallocatedTransferred(
            **self._head(),
            transfer_id=keccak(b"transfer"),
            epoch=Epoch(epoch),
            asset=asset,
            to=SUBSCRIBER,
            amount=BaseUnits(amount),
        )
        self.events.append(event)
        return event

    def _escrow(self, each: Leaf) -> dict[str, Any]:
        return {
            "op_id": op_id_of(each),
            "epoch": each.epoch,
            "escrow_id": each.work_id,
            "asset": each.asset,
        }

    def finalized(self) -> BlockRef | None:
        return self.blocks[-1] if self.is_finalized else None

    def block(self, number: BlockNumber) -> BlockRef | None:
        return self.blocks[number] if number < len(self.blocks) else None

    def highest_block_before(self, timestamp: Timestamp, upto: BlockRef) -> BlockRef | None:
        found = [
            block
            for block in self.blocks
            if block.timestamp < timestamp and block.number <= upto.number
        ]
        return found[-1] if found else None

    def money_events(self, after: BlockNumber, upto: BlockRef) -> list[MoneyEvent]:
        return [event for event in self.events if after < event.ref.block_number <= upto.number]

    def _head(self, *, log_index: int = 0, is_same_block: bool = False) -> dict[str, Any]:
        block = self.blocks[-1] if is_same_block else self.mine()
        return {
            "ref": LogRef(CHAIN_ID, block.number, LogIndex(log_index)),
            "block_hash": block.hash,
            "timestamp": block.timestamp,
        }


@dataclass
class Computed:
    """Computed distributions by digest; serves `post.CommittedLeaves`."""

    known: dict[Hash32, Distribution] = field(default_factory=dict)
    is_behind: bool = False

    def add(self, leaves: Sequence[Leaf], *, salt: int = 0) -> Distribution:
        """Compute a distribution of these leaves."""
        made = distribution(leaves, salt=salt)
        self.known[made.manifest_digest] = made
        return made

    def distribution(self, epoch: Epoch, manifest_digest: Hash32) -> Distribution | None:
        return self.known.get(manifest_digest)

    def has_computed(self, epoch: Epoch, attempt: int) -> bool:
        return not self.is_behind


class MemoryBooks:
    """Books in memory; serves `post.Books`, `reserve.ReservationBooks` and `rewind.RewindBooks`."""

    def __init__(self, book: Book = BOOK) -> None:
        self.book = book
        self.entries: dict[Hash32, JournalEntry] = {}
        self.manuals: dict[Hash32, tuple[ManualEntry, Decided | None]] = {}
        self.rewinds: list[BookRewind] = []
        self._forget()

    def _forget(self) -> None:
        """Everything but the journal is of one version."""
        self._cursor: BlockRef | None = None
        self._commitments: dict[tuple[Epoch, int], Commitment] = {}
        self._outcomes: dict[tuple[Epoch, int], CommitmentOutcome] = {}
        self._leaves: dict[Hash32, Leaf] = {}
        self._reservations: dict[Hash32, Reservation] = {}
        self._documents: list[AcceptedDocument] = []
        self._lines: dict[Hash32, OwedLine] = {}

    def lock(self) -> None:
        pass

    def version(self) -> int:
        return len(self.rewinds)

    def standing(self, *, after: JournalKey | None, entries_max: int) -> list[JournalEntry]:
        place = (after.effective_at, after.entry_id) if after else (Timestamp(0), Hash32(bytes(32)))
        found = [
            entry
            for entry in self.entries.values()
            if entry.source.version == self.version()
            and entry.source.kind is not SourceKind.REWIND
            and (entry.effective_at, entry.id) > place
        ]
        return sorted(found, key=lambda entry: (entry.effective_at, entry.id))[:entries_max]

    def begin_version(self, rewind: BookRewind) -> None:
        self.rewinds.append(rewind)
        assert rewind.version == self.version()
        self._forget()

    def cursor(self) -> BlockRef | None:
        return self._cursor

    def advance(self, to: BlockRef) -> None:
        self._cursor = to

    def record(self, entries: Sequence[JournalEntry]) -> int:
        before = len(self.entries)
        for entry in entries:
            if self.entries.setdefault(entry.id, entry) != entry:
                raise EntryConflict("journal entry", entry.id)
        return len(self.entries) - before

    def posted_balances(self, accounts: Collection[AssetAccount]) -> dict[AssetAccount, int]:
        return {key: balance for key, balance in self.all_posted().items() if key in set(accounts)}

    def all_posted(self) -> dict[AssetAccount, int]:
        """Every posted balance on its account's normal side."""
        debits: dict[AssetAccount, int] = {}
        credits: dict[AssetAccount, int] = {}
        for entry in self.entries.values():
            if entry.status is EntryStatus.POSTED:
                for posting in entry.postings:
                    debit, credit = (posting.debit, posting.asset), (posting.credit, posting.asset)
                    debits[debit] = debits.get(debit, 0) + posting.amount
                    credits[credit] = credits.get(credit, 0) + posting.amount
        return {
            key: key[0].balance(debits=debits.get(key, 0), credits=credits.get(key, 0))
            for key in debits.keys() | credits.keys()
        }

    def add_commitment(self, commitment: Commitment) -> None:
        key = (commitment.epoch, commitment.attempt)
        if self._commitments.setdefault(key, commitment) != commitment:
            raise EntryConflict("commitment", key)

    def commitment(self, epoch: Epoch, attempt: int) -> Commitment | None:
        return self._commitments.get((epoch, attempt))

    def open_commitment(self) -> Commitment | None:
        for key, commitment in self._commitments.items():
            if key not in self._outcomes:
                return commitment
        return None

    def close_commitment(self, commitment: Commitment, outcome: CommitmentOutcome) -> None:
        key = (commitment.epoch, commitment.attempt)
        if self._outcomes.setdefault(key, outcome) is not outcome:
            raise EntryConflict("commitment outcome", key)

    def add_leaves(self, leaves: Mapping[Hash32, tuple[Leaf, JournalEntry]]) -> None:
        self._leaves |= {op_id: each for op_id, (each, _) in leaves.items()}

    def leaves(self, op_ids: Collection[Hash32]) -> dict[Hash32, Leaf]:
        return {op_id: self._leaves[op_id] for op_id in op_ids if op_id in self._leaves}

    def booked_lists(self) -> set[Hash32]:
        return {document.list_id for document in self._documents}

    def add_document(self, document: AcceptedDocument) -> None:
        self._documents.append(document)

    def add_lines(self, lines: Sequence[tuple[OwedLine, JournalEntry]]) -> None:
        for line, _ in lines:
            if self._lines.setdefault(line.op_id, line) != line:
                raise EntryConflict("line", line.op_id)

    def lines(self, op_ids: Sequence[Hash32]) -> dict[Hash32, OwedLine]:
        return {op_id: self._lines[op_id] for op_id in op_ids if op_id in self._lines}

    def unbooked_manuals(self, upto: BlockRef) -> list[ManualEntry]:
        return [
            manual
            for manual, decided in self.manuals.values()
            if decided is not None
            and decided.decision is Decision.APPROVED
            and manual.effective_block <= upto.number
            and manual_entry(manual, self.version()).id not in self.entries
        ]

    def add_manual(self, manual: ManualEntry) -> None:
        self.manuals.setdefault(manual.id, (manual, None))

    def manual(self, manual_id: Hash32) -> tuple[ManualEntry, Decided | None] | None:
        return self.manuals.get(manual_id)

    def decide_manual(self, manual: ManualEntry, decided: Decided) -> None:
        self.manuals[manual.id] = (manual, decided)

    def last_reservation(self, op_id: Hash32) -> Reservation | None:
        return self._reservations.get(op_id)

    def add_reservation(self, op_id: Hash32, attempt: int, entry: JournalEntry) -> None:
        self.record([entry])
        self._reservations[op_id] = Reservation(op_id=op_id, attempt=attempt, outcome=None)

    def void_reservation(self, op_id: Hash32, attempt: int) -> None:
        self._end(op_id, ReservationOutcome.VOIDED)

    def post_reservations(self, settled: Mapping[Hash32, LogRef]) -> None:
        for op_id in settled:
            last = self._reservations.get(op_id)
            if last is not None and last.outcome is None:
                self._end(op_id, ReservationOutcome.POSTED)

    def _end(self, op_id: Hash32, outcome: ReservationOutcome) -> None:
        attempt = self._reservations[op_id].attempt
        self._reservations[op_id] = Reservation(op_id=op_id, attempt=attempt, outcome=outcome)


def post_all(
    chain: MoneyChain, computed: Computed, books: Books, *, blocks_max: int = 1000
) -> list[Posted]:
    """Post until caught up; the steps."""
    steps: list[Posted] = []
    while len(steps) <= 2 * len(chain.blocks):
        step = post_step(chain, computed, books, start_block=BlockNumber(0), blocks_max=blocks_max)
        steps.append(step)
        if step.is_caught_up:
            return steps
    raise AssertionError("posting makes no progress")
