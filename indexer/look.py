"""One look at the chain, and the walk down from its head until it meets ours.

The head and the finalized block are taken together, so that a step decides from one moment of the
chain. `reorg.reconcile` decides what the walk means; this module fetches what it asks for.
"""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.evm import BlockNumber, BlockRef
from contracts.units import mul_div_down
from indexer.chain import LocalChain
from indexer.errors import AnswersDisagree
from indexer.finality import FinalityTag, finalized_number
from indexer.levels import believed
from indexer.plan import IndexedChain
from indexer.ports import ChainReader
from indexer.reorg import Extend, NeedParent, Rewind, TooDeep, reconcile


@dataclass(frozen=True, slots=True)
class View:
    """One look at the chain.

    Its head; the block that it calls finalized; the number up to which blocks are final for us.
    """

    head: BlockRef
    tagged: BlockRef | None
    final: BlockNumber | None

    @property
    def final_end(self) -> BlockNumber:
        """The first block that can still change."""
        return BlockNumber(0 if self.final is None else self.final + 1)


def look(chain: ChainReader, plan: IndexedChain) -> View:
    """Where the chain stands now.

    Raises:
        HeaderRefused: a header does not have the hash that it claims.
        Transient: the node did not answer.
    """
    rule = plan.finality
    tagged: BlockRef | None = None
    if rule.tag is FinalityTag.FINALIZED:
        newest, finalized = chain.head_and_finalized()
        tagged = None if finalized is None else believed(finalized, plan.level).ref
    else:
        newest = chain.head()
    head = believed(newest, plan.level).ref
    tagged_number = None if tagged is None else tagged.number
    return View(head, tagged, finalized_number(rule, head=head.number, tagged=tagged_number))


def fit(
    chain: ChainReader, plan: IndexedChain, local: LocalChain, head: BlockRef
) -> Extend | Rewind | TooDeep:
    """Walk down from the chain's head until it meets our chain.

    Blocks that we hold are replaced only by a chain of which `head` is the newest block.

    Raises:
        AnswersDisagree: a block of the walk is gone, or the head is.
        HeaderRefused: a header does not have the hash that it claims.
        Transient: the node did not answer.
    """
    found = reconcile(local, head)
    is_linked = True
    while isinstance(found, NeedParent):
        is_linked = is_linked and found.hash is not None
        found = reconcile(local, _block(chain, plan, found))
    if isinstance(found, Rewind) and not is_linked:
        _require_head(chain, head)
    return found


def last_common(
    chain: ChainReader,
    plan: IndexedChain,
    held: Callable[[BlockNumber], BlockRef | None],
    *,
    below: BlockNumber,
) -> BlockRef | None:
    """The highest block of ours below a number that the chain still has; None if it has none.

    Blocks name their parents, so a chain that has one of ours has all below it too: the place is
    found by halving.

    Args:
        chain: the node that is asked.
        plan: says where our chain starts.
        held: the block of a number that we hold.
        below: of this block it is known that the chain has another.

    Raises:
        HeaderRefused: a header does not have the hash that it claims.
        Transient: the node did not answer.
    """
    found: BlockRef | None = None
    start, end = plan.start_block, below
    while start < end:
        middle = BlockNumber(mul_div_down(start + end, 1, 2))
        header, ours = chain.header(middle), held(middle)
        if header is not None and ours is not None and believed(header, plan.level).ref == ours:
            found, start = ours, BlockNumber(middle + 1)
        else:
            end = middle
    return found


def _require_head(chain: ChainReader, head: BlockRef) -> None:
    """The head is still on the chain: part of the walk was by number, so nothing links the two."""
    header = chain.header(head.number)
    if header is None or header.hash != head.hash:
        raise AnswersDisagree(f"head {head.number} {head.hash} moved while the chain was compared")


def _block(chain: ChainReader, plan: IndexedChain, wanted: NeedParent) -> BlockRef:
    if wanted.hash is None:
        header = chain.header(wanted.number)
    else:
        header = chain.header_by_hash(wanted.hash)
    if header is None or header.number != wanted.number:
        raise AnswersDisagree(f"block {wanted.number} vanished while the chain was compared")
    if wanted.hash not in {None, header.hash}:
        raise AnswersDisagree(f"asked for block {wanted.hash}, got {header.hash}")
    return believed(header, plan.level).ref
