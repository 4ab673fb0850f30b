"""Where the evidence comes from: the index, or a node where the index does not have it yet.

The index is asked first, and believed: its blocks are proved, and its finality is what all
configured endpoints agree on. A node's word is taken for blocks that the index has not reached, and
for logs that the index does not keep because they are not of our contracts. Where a node
contradicts a block that is final in the index, the node's block is not on the chain; where it shows
logs of our contracts in a block that the index holds, and the index has none there, there are none.

A transfer that names no order is found by the node alone while it is awaited. Before the wait ends,
the index looks through all transfers of that time for it: a node can delay, and not end, a history.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from contracts.evm import BlockNumber, BlockRef, Hash32
from settlement.errors import ChainUnavailable
from settlement.payments.evidence import Heights, TransactionSeen
from settlement.payments.intent import PaymentIntent
from settlement.payments.ports import PaymentFacts, PaymentNode
from settlement.payments.rulebook import Rulebook
from settlement.payments.states import is_over

_BEFORE_ALL = BlockNumber(-1)
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A mined transaction, how far the chain of its source is, and what was in force."""

    seen: TransactionSeen
    heights: Heights
    rulebook: Rulebook


class NodeForOneRun:
    """A node during one run over many submissions: its heights are asked for once.

    Heights that were true a moment ago are too low at worst. A node that did not answer is not
    asked again in this run, so that a run without it is not one long wait.
    """

    def __init__(self, node: PaymentNode) -> None:
        self._node = node
        self._heights: Heights | None = None
        self._failure: ChainUnavailable | None = None

    def heights(self) -> Heights:
        """How far the node was, when it was asked first."""
        if self._heights is None:
            self._heights = self._asked(self._node.heights)
        return self._heights

    def transaction(self, tx_hash: Hash32) -> TransactionSeen | None:
        """The receipt of a transaction."""
        return self._asked(lambda: self._node.transaction(tx_hash))

    def rulebook_after(
        self, intent: PaymentIntent, after: BlockNumber, upto: BlockNumber
    ) -> Rulebook:
        """Terms and prices that were set in blocks (after, upto]."""
        return self._asked(lambda: self._node.rulebook_after(intent, after, upto))

    def _asked(self, question: Callable[[], Answer]) -> Answer:
        if self._failure is not None:
            raise self._failure
        try:
            return question()
        except ChainUnavailable as error:
            self._failure = error
            raise


def gather(
    intent: PaymentIntent,
    tx_hash: Hash32,
    facts: PaymentFacts,
    node: PaymentNode | None,
    *,
    hint: BlockNumber | None,
) -> Evidence | None:
    """What is known of a transaction; None if no block has it, as far as we can see.

    Args:
        intent: what it may pay.
        tx_hash: the transaction.
        facts: the index.
        node: whom to ask where the index does not have it; None to ask nobody.
        hint: a block in which it was seen before.

    Raises:
        ChainUnavailable: only the node could tell, and it does not answer.
    """
    indexed = facts.heights()
    for number in _blocks(intent, tx_hash, facts, hint, indexed):
        seen = facts.transaction(tx_hash, number)
        if seen is not None and indexed is not None:
            return _of_index(intent, seen, facts, node, indexed)
    shown = None if node is None else node.transaction(tx_hash)
    if node is None or shown is None:
        return None
    held = facts.block(shown.block.number)
    if held is not None and held.hash == shown.block.hash and indexed is not None:
        seen = facts.transaction(tx_hash, held.number)
        if seen is not None:
            return _of_index(intent, seen, facts, node, indexed)
        shown = _without_ours(shown, facts.rulebook(intent))
    finalized = None if indexed is None else indexed.finalized
    if held is not None and finalized is not None and held.number <= finalized.number:
        shown = replace(shown, is_canonical=shown.is_canonical and held.hash == shown.block.hash)
    rulebook = _with_later(intent, shown, node, facts.rulebook(intent), indexed)
    return Evidence(seen=shown, heights=node.heights(), rulebook=rulebook)


def _without_ours(shown: TransactionSeen, rulebook: Rulebook) -> TransactionSeen:
    """What is left of a node's transaction where the index holds no log of ours in it."""
    ours = {one.address for one in rulebook.contracts}
    return replace(shown, logs=tuple(log for log in shown.logs if log.address not in ours))


def _with_later(
    intent: PaymentIntent,
    shown: TransactionSeen,
    node: PaymentNode,
    known: Rulebook,
    indexed: Heights | None,
) -> Rulebook:
    """The rulebook up to a node's transaction.

    What was set since is many questions to the node where the index is far behind. Anybody may
    name any transaction, so they are asked for one alone that our contract says something in.
    """
    topic0 = intent.family.event.topic0
    if not any(log.address == intent.contract and topic0 in log.topics[:1] for log in shown.logs):
        return known
    after = _BEFORE_ALL if indexed is None else indexed.head.number
    later = node.rulebook_after(intent, after, shown.block.number)
    return replace(
        known,
        fee_terms=(*known.fee_terms, *later.fee_terms),
        prices=(*known.prices, *later.prices),
    )


def _blocks(
    intent: PaymentIntent,
    tx_hash: Hash32,
    facts: PaymentFacts,
    hint: BlockNumber | None,
    indexed: Heights | None,
) -> Iterator[BlockNumber]:
    """Where the index may have the transaction."""
    if hint is not None:
        yield hint
    yield from facts.blocks_of(intent, tx_hash)
    if intent.family.order is None and indexed is not None and is_over(intent.until, indexed):
        yield from facts.blocks_moved_in(intent, tx_hash)


def _of_index(
    intent: PaymentIntent,
    seen: TransactionSeen,
    facts: PaymentFacts,
    node: PaymentNode | None,
    indexed: Heights,
) -> Evidence:
    is_final = indexed.finalized is not None and seen.block.number <= indexed.finalized.number
    safe = None if node is None or is_final else safe_block(facts, node)
    return Evidence(seen=seen, heights=replace(indexed, safe=safe), rulebook=facts.rulebook(intent))


def safe_block(facts: PaymentFacts, node: PaymentNode) -> BlockRef | None:
    """The node's safe block, if the index has the same one; a silent node knows none."""
    try:
        safe = node.heights().safe
    except ChainUnavailable:
        return None
    held = None if safe is None else facts.block(safe.number)
    return safe if held is not None and safe is not None and held.hash == safe.hash else None
