"""What activation makes of a committed distribution, and where the money of each line then is.

| leaf | from | to |
|---|---|---|
| of a work | committed(e) | payable, one per line |
| of the fees | fees(e) | payable, one per line |
| of an unclaimed content | escrowed(e) | escrow(e, id) |
| of a work's suspense | escrowed(e) | suspense(e, id) |

Nothing is activated unless the leaves sum, kind by kind, to what the chain committed.
"""

from collections import Counter

from contracts.evm import Address, BlockNumber, Hash32
from contracts.leaves import FEES_ID, Leaf, LeafKind, SplitLine
from contracts.operations import withdraw_operation_id
from settlement.errors import DistributionDiffers
from settlement.ledger.accounts import (
    Account,
    AccountKind,
    Book,
    committed,
    escrow,
    escrowed,
    fees,
    payable,
    suspense,
)
from settlement.ledger.commitments import Commitment, Distribution
from settlement.ledger.journal import EntryStatus, JournalEntry, Posting, Source, leaf_source

_SOURCES = {
    LeafKind.WORK: committed,
    LeafKind.FEES: fees,
    LeafKind.ESCROW: escrowed,
    LeafKind.SUSPENSE: escrowed,
}
"""Where the money of a leaf of each kind is until the commitment is active."""


def activated(
    opened: Commitment, distribution: Distribution, book: Book, *, version: int, block: BlockNumber
) -> list[JournalEntry]:
    """One entry per leaf: what was committed becomes payable line by line, or an escrow.

    Args:
        opened: the commitment.
        distribution: what we computed.
        book: of the settlement.
        version: of the books.
        block: the first one at which the commitment is active.

    Raises:
        DistributionDiffers: root, epoch, uniqueness, a sum or the form of the leaves is not what
            was committed.
    """
    _require_same_distribution(opened, distribution)
    for leaf in distribution.leaves:
        _require_form(opened, leaf, book)
    sources = (
        leaf_source(opened.manifest_digest, leaf_operation_id(leaf, book), version)
        for leaf in distribution.leaves
    )
    entries = [
        _leaf_activated(opened, leaf, source, block=block)
        for leaf, source in zip(distribution.leaves, sources, strict=True)
    ]
    names = len({entry.id for entry in entries})
    if names != len(entries):
        raise _differs(opened, "number of distinct leaves", expected=len(entries), actual=names)
    return entries


def line_account(leaf: Leaf, line: SplitLine) -> Account:
    """Where the money of a leaf's line is while it is open."""
    match leaf.kind:
        case LeafKind.ESCROW:
            return escrow(leaf.epoch, leaf.work_id)
        case LeafKind.SUSPENSE:
            return suspense(leaf.epoch, leaf.work_id)
        case LeafKind.WORK | LeafKind.FEES:
            return payable(epoch=leaf.epoch, work_id=leaf.work_id, part=leaf.part, payee=line.payee)


def leaf_operation_id(leaf: Leaf, book: Book) -> Hash32:
    """The op-id of paying a leaf of this book."""
    return withdraw_operation_id(
        leaf.epoch,
        leaf.work_id,
        leaf.part,
        leaf.asset,
        chain_id=book.chain_id,
        contract=book.contract,
    )


def _leaf_activated(
    opened: Commitment, leaf: Leaf, cause: Source, *, block: BlockNumber
) -> JournalEntry:
    source = _SOURCES[leaf.kind](leaf.epoch)
    return JournalEntry(
        source=cause,
        leg=0,
        status=EntryStatus.POSTED,
        effective_at=opened.active_at,
        effective_block=block,
        evidence=None,
        postings=tuple(
            Posting(
                asset=leaf.asset,
                amount=line.amount,
                debit=source,
                credit=line_account(leaf, line),
            )
            for line in leaf.lines
        ),
    )


def _require_same_distribution(opened: Commitment, distribution: Distribution) -> None:
    if distribution.root != opened.root:
        raise _differs(opened, "root", expected=opened.root, actual=distribution.root)
    sums: Counter[tuple[AccountKind, Address]] = Counter()
    for leaf in distribution.leaves:
        if leaf.epoch != opened.epoch:
            raise _differs(opened, "epoch of a leaf", expected=opened.epoch, actual=leaf.epoch)
        if leaf.work_id[0] > max(LeafKind):
            raise _differs(opened, "id of a leaf", expected="of a kind", actual=leaf.work_id)
        sums[_SOURCES[leaf.kind](leaf.epoch).kind, leaf.asset] += leaf.amount
    divided = opened.divided()
    for kind, asset in sorted(divided.keys() | sums.keys()):
        wanted, actual = divided.get((kind, asset), 0), sums[kind, asset]
        if actual != wanted:
            raise _differs(opened, f"sum of {kind} in {asset}", expected=wanted, actual=actual)


def _require_form(opened: Commitment, leaf: Leaf, book: Book) -> None:
    """An escrow leaf has one line, for the contract itself, and no second part.

    There is one id of fee leaves.
    """
    if leaf.kind is LeafKind.FEES and leaf.work_id != FEES_ID:
        raise _differs(opened, "id of a fee leaf", expected=FEES_ID, actual=leaf.work_id)
    payees = [line.payee for line in leaf.lines]
    if leaf.kind.is_escrow and (payees != [book.contract] or leaf.part):
        raise _differs(
            opened,
            f"form of escrow leaf {leaf.work_id}",
            expected=f"part 0 for {book.contract} alone",
            actual=f"part {leaf.part} for {', '.join(map(str, payees))}",
        )


def _differs(
    opened: Commitment, what: str, *, expected: object, actual: object
) -> DistributionDiffers:
    return DistributionDiffers(
        opened.epoch, opened.manifest_digest, what, expected=expected, actual=actual
    )
