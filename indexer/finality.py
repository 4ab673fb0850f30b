"""Which blocks can no longer change.

finalized = the older of the chain's own `finalized` block and a depth below the head, so that
neither a tag that means nothing (some nodes answer the head itself) nor a depth that is too small
decides alone. A chain without a usable tag says so, and depth alone decides.
"""

from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import BlockNumber, BlockRef
from indexer.chain import LocalChain
from indexer.errors import AnswersDisagree


class FinalityTag(StrEnum):
    """Whether the chain's nodes know a finalized block."""

    FINALIZED = "finalized"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalityRule:
    """When a block of one chain is final."""

    tag: FinalityTag
    depth_blocks: int


def finalized_number(
    rule: FinalityRule, *, head: BlockNumber, tagged: BlockNumber | None
) -> BlockNumber | None:
    """The highest block that is final under the rule; None while no block is.

    `tagged` is the chain's own finalized block, if it has named one.
    """
    by_depth = head - rule.depth_blocks
    if by_depth < 0:
        return None
    if rule.tag is FinalityTag.NONE:
        return BlockNumber(by_depth)
    return None if tagged is None else BlockNumber(min(by_depth, tagged))


def finalized_block(
    local: LocalChain, *, number: BlockNumber | None, tagged: BlockRef | None
) -> BlockRef | None:
    """Our finalized block, once blocks up to `number` are final; it never moves back.

    Raises:
        AnswersDisagree: the chain calls another block finalized than the one that we hold there.
    """
    if tagged is not None:
        held = local.at(tagged.number)
        if held is not None and held.hash != tagged.hash:
            raise AnswersDisagree(
                f"finalized block {tagged.number} is {tagged.hash}, the chain has {held.hash}"
            )
    top = local.head
    if number is None or top is None:
        return local.finalized
    return local.at(min(number, top.number)) or local.finalized
