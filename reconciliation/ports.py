"""What a reconciliation needs: an endpoint, our side of a settlement, documents, and a record."""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, BlockRef, Epoch, Hash32, Timestamp
from contracts.leaves import Leaf
from contracts.money_events import HoldEvent, TransferEvent
from reconciliation.chain_events import RawLog, TokenTransfer
from reconciliation.checks import Flow
from reconciliation.discrepancy import Discrepancy
from reconciliation.matching import Booked
from reconciliation.overdue import OpenReservation
from reconciliation.reading import Reading
from reconciliation.register import Standing
from reconciliation.snapshot import ChainState, Committed, Questions
from reconciliation.wallets import WalletHistory, WalletRecords
from settlement.ledger.documents import AcceptedDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class LogChunk:
    """Logs of whole blocks in chain order, and the timestamps of these blocks.

    `transfers` are token transfers that were asked for beside the logs of a contract.
    """

    logs: Sequence[RawLog]
    times: Mapping[int, Timestamp]
    transfers: Sequence[TokenTransfer] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An accepted distribution: its leaves, the root they hash to, and the one stored with them."""

    root: Hash32
    stored_root: Hash32
    leaves: Sequence[Leaf]


class Chain(Protocol):
    """One endpoint, read by the reconciliation itself."""

    @property
    def host(self) -> str:
        """Its name, without path and key."""
        ...

    def finalized(self) -> BlockRef:
        """The finalized block."""
        ...

    def block(self, number: int) -> BlockRef | None:
        """The block of this height; None if there is none."""
        ...

    def hashes(self, numbers: Collection[int]) -> Mapping[int, Hash32]:
        """Hashes of blocks, as far as there are such blocks."""
        ...

    def money_logs(self, at: BlockRef) -> Iterator[LogChunk]:
        """All logs of the settlement's `EpochPayouts` up to a block."""
        ...

    def payment_logs(
        self, name: ContractName, contract: Address, received: Sequence[Address], at: BlockRef
    ) -> Iterator[LogChunk]:
        """All logs of a payment contract up to a block, and transfers of these tokens to it."""
        ...

    def reading(self, at: BlockRef, asset: Address, holder: Address) -> Reading:
        """Units of an asset (zero: coins) that somebody holds."""
        ...

    def state(self, at: BlockRef, questions: Questions) -> ChainState:
        """The contract's answers, and its balances, at this block hash."""
        ...

    def flows(
        self,
        contract: Address,
        at: BlockRef,
        assets: Collection[Address],
        explained: Mapping[tuple[bytes, bytes], int],
    ) -> Sequence[Flow]:
        """Transactions whose token transfers to or from a contract differ from `explained`."""
        ...

    def balances(
        self, at: BlockRef, pairs: Collection[tuple[Address, Address]]
    ) -> Mapping[tuple[Address, Address], int]:
        """Balances by asset (zero: coins) and holder, as stated."""
        ...

    def wallet(self, records: WalletRecords, at: BlockRef, *, proven_upto: int) -> WalletHistory:
        """What left a wallet; receipts of later blocks are proven, where the node proves them."""
        ...

    def log_at(self, block_number: int, log_index: int) -> RawLog | None:
        """Whatever contract's log stands there."""
        ...


class PaymentBook(Protocol):
    """The books of one payment contract, or of one payout wallet."""

    def cursor(self) -> BlockRef | None:
        """The block that everything final is posted up to."""
        ...

    def entries(self, source_kind: str) -> Generator[Booked]:
        """Posted entries of one kind of cause, ascending by source; close them when done."""
        ...

    def kinds(self) -> Collection[str]:
        """The kinds of cause that its posted entries have."""
        ...

    def twin(self, booked: Booked) -> Hash32 | None:
        """Another standing entry with the same movements out of the same account, or block."""
        ...

    def accepted(self) -> Sequence[AcceptedDocument]:
        """Documents whose lines the contract pays."""
        ...

    def reservations(self) -> Sequence[OpenReservation]:
        """Payouts that are planned, and neither posted nor voided."""
        ...

    def misstated(self) -> Sequence[Discrepancy]:
        """Sums that accounts answer, and that are not the sums of the book's entries."""
        ...


class Books(Protocol):
    """One consistent view of our side of a settlement."""

    def cursor(self) -> BlockRef | None:
        """The block that everything final is posted up to."""
        ...

    def entries(self, source_kind: str) -> Generator[Booked]:
        """Posted entries of one kind of cause, ascending by source; close them when done."""
        ...

    def kinds(self) -> Collection[str]:
        """The kinds of cause that its posted entries have."""
        ...

    def twin(self, booked: Booked) -> Hash32 | None:
        """Another standing entry with the same movements out of the same account, or block."""
        ...

    def commitments(self) -> Mapping[Epoch, Committed]:
        """Commitments that stand."""
        ...

    def manuals(self) -> Sequence[Booked]:
        """Posted manual entries."""
        ...

    def misstated(self) -> Sequence[Discrepancy]:
        """Sums that accounts answer, and that are not the sums of the book's entries."""
        ...

    def reservations(self) -> Sequence[OpenReservation]:
        """Payouts that are planned, and neither posted nor voided."""
        ...

    def wallets(self) -> Sequence[WalletRecords]:
        """Wallets that we pay from, with what we know of each."""
        ...

    def resolution(self, standing: Standing) -> Hash32 | None:
        """The entry that answers a discrepancy that is found no more; None if none does."""
        ...

    def payments(self, contract: Address) -> PaymentBook:
        """The books of a payment contract, or of a payout wallet."""
        ...


class Documents(Protocol):
    """Accepted distributions."""

    def of(self, manifest_digests: Collection[Hash32]) -> Mapping[Hash32, Document]:
        """Documents by manifest digest, as far as they are known."""
        ...


class StandingFacts(Protocol):
    """Indexed events that stand without moving money; a block that is not indexed is refused."""

    def hold_events(self, upto: BlockRef) -> Sequence[HoldEvent]:
        """Holds placed and lifted, in chain order."""
        ...

    def transfer_events(self, upto: BlockRef) -> Sequence[TransferEvent]:
        """What became of transfers of unallocated money, in chain order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Everything that a run reads.

    `witnesses` are other endpoints, which must say the same as `chain`. `facts` are what payouts
    are planned with; None leaves them out.
    """

    chain: Chain
    witnesses: Sequence[Chain]
    books: Books
    documents: Documents
    facts: StandingFacts | None


class Runs(Protocol):
    """Recorded runs of one settlement."""

    def last_clean_block(self) -> BlockNumber | None:
        """The highest block of a run that found nothing, of runs since the last rewind."""
        ...

    def record(self, run: "Run", resolution: Callable[[Standing], Hash32 | None]) -> int:
        """Store a run with its discrepancies, and what follows for their status; its number."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One reconciliation: what was compared at which block, and what was found.

    `lines` are entries that agree. `proven` and `stated` count balances by how they are known,
    `receipts` those of wallets' transactions (`wallets.ReceiptBasis`).
    It `is_complete` unless endpoints contradict each other: then nothing else was compared.
    """

    block: BlockRef
    checks: int
    discrepancies: tuple[Discrepancy, ...]
    lines: int = 0
    endpoints: int = 1
    proven: int = 0
    stated: int = 0
    receipts: Mapping[str, int] = field(default_factory=dict)
    is_complete: bool = True
