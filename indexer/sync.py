"""The indexer's use case: bring the stored facts one step closer to the chain.

`Indexer.step` looks at the chain once and does one thing, in one database transaction: facts, the
cursor and the finalized block move together or not at all. Backfill and tail are the same code.

Blocks that are final are asked for as a range. Blocks that can still change are asked for one by
one, by hash, so that an answer cannot be about another block than the header. Blocks whose bloom
rules out our logs are provably empty and not asked for at all.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from contracts.evm import BlockNumber, BlockRef
from indexer.chain import Header, LocalChain, LogBatch, check_links, verified
from indexer.completeness import check_logs, may_hold
from indexer.decode import Decoded, decode, filter_of
from indexer.errors import (
    AnswersDisagree,
    ReorgTooDeep,
    RequestRefused,
    RPCFailed,
    RPCUnreachable,
    StartBlockInFuture,
    Transient,
    WrongChain,
)
from indexer.finality import FinalityTag, finalized_block, finalized_number
from indexer.outcomes import Advanced, Finalized, Idle, Narrowed, Outcome, Rewound, Waiting
from indexer.plan import IndexedChain
from indexer.ports import ChainReader, Extension, FactStore, Replacement
from indexer.ranges import (
    Advice,
    BlockRange,
    CapBlocks,
    Halve,
    OtherProvider,
    Permanent,
    SplitAddresses,
    SuggestedRange,
    WaitAndRetry,
    Window,
    advice_from,
    next_range,
    pause_s,
)
from indexer.reorg import Extend, NeedParent, Rewind, TooDeep, reconcile

log = logging.getLogger(__name__)

_ONE_BLOCK = BlockRange(BlockNumber(0), BlockNumber(1))


@dataclass(frozen=True, slots=True)
class _View:
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


class Indexer:
    """Indexes one chain into one store. Its only own state is the size of the next range."""

    def __init__(self, plan: IndexedChain, chain: ChainReader, store: FactStore) -> None:
        self._plan, self._chain, self._store = plan, chain, store
        self._wanted = filter_of(plan.sources)
        limit = plan.limits.window_blocks_max
        self._window = Window(limit, limit)

    def step(self) -> Outcome:
        """Do the next thing, in one transaction.

        Raises:
            Transient: the chain or the database was unavailable, the node does not have the blocks,
                or a single block could not be fetched; nothing was stored.
            RequestRefused: the node will never answer our request for logs; nothing was stored.
            ReorgTooDeep: the chain replaced a finalized block; nothing was stored.
            Corrupt: a header, a log or the stored rows contradict themselves.
        """
        try:
            return self._next()
        except Transient as error:
            advice = _advice(error, _ONE_BLOCK)
            if not isinstance(advice, WaitAndRetry):
                raise
            return self._waiting(pause_s(advice), error)

    def _next(self) -> Outcome:
        local = self._store.local_chain()
        view = self._look()
        if self._is_behind(local, view.head):
            return Idle(view.head.number)
        fit = self._fit(local, view.head)
        match fit:
            case Extend():
                return self._extend(local, view)
            case Rewind():
                return self._rewind(fit, view.head)
            case TooDeep():
                raise ReorgTooDeep(self._plan.chain_id, fit.finalized, fit.remote)
            case _:
                assert_never(fit)

    def _look(self) -> _View:
        rule = self._plan.finality
        tagged: BlockRef | None = None
        if rule.tag is FinalityTag.FINALIZED:
            newest, finalized = self._chain.head_and_finalized()
            tagged = None if finalized is None else verified(finalized).ref
        else:
            newest = self._chain.head()
        head = verified(newest).ref
        tagged_number = None if tagged is None else tagged.number
        return _View(head, tagged, finalized_number(rule, head=head.number, tagged=tagged_number))

    def _is_behind(self, local: LocalChain, head: BlockRef) -> bool:
        """Whether the node merely lags: its head is a block of ours below the finalized one."""
        finalized = local.finalized
        if finalized is None or head.number >= finalized.number:
            return False
        held = self._store.block(head.number)
        if held is not None and held.hash != head.hash:
            raise ReorgTooDeep(self._plan.chain_id, finalized, head)
        return True

    def _fit(self, local: LocalChain, head: BlockRef) -> Extend | Rewind | TooDeep:
        """Walk down from the remote head until it meets our chain."""
        fit = reconcile(local, head)
        while isinstance(fit, NeedParent):
            remote = self._remote(fit)
            fit = reconcile(local, remote)
        return fit

    def _remote(self, wanted: NeedParent) -> BlockRef:
        if wanted.hash is None:
            header = self._chain.header(wanted.number)
        else:
            header = self._chain.header_by_hash(wanted.hash)
        if header is None or header.number != wanted.number:
            raise AnswersDisagree(f"block {wanted.number} vanished while the chain was compared")
        if wanted.hash not in {None, header.hash}:
            raise AnswersDisagree(f"asked for block {wanted.hash}, got {header.hash}")
        return verified(header).ref

    def _rewind(self, fit: Rewind, new_head: BlockRef) -> Rewound:
        below = self._plan.start_block - 1 if fit.ancestor is None else fit.ancestor.number
        depth_blocks = fit.head.number - below
        removed = self._store.replace(
            Replacement(
                expected_head=fit.head,
                ancestor=fit.ancestor,
                new_head=new_head,
                depth_blocks=depth_blocks,
            )
        )
        log.warning(
            "blocks were rewound",
            extra={
                "chain_id": self._plan.chain_id,
                "old_head": str(fit.head.hash),
                "new_head": str(new_head.hash),
                "depth_blocks": depth_blocks,
            },
        )
        return Rewound(
            ancestor=fit.ancestor,
            old_head=fit.head,
            new_head=new_head,
            depth_blocks=depth_blocks,
            removed=removed,
        )

    def _extend(self, local: LocalChain, view: _View) -> Outcome:
        start = self._plan.start_block if local.head is None else local.head.number + 1
        end = view.head.number + 1
        if self._plan.end_block is not None:
            end = min(end, self._plan.end_block)
        blocks = next_range(
            BlockNumber(start),
            final_end=view.final_end,
            end=BlockNumber(end),
            window=self._window.blocks,
        )
        if blocks is None:
            return self._finalize(local, view)
        try:
            headers = self._fetch_headers(blocks, local.head)
            logs = self._fetch_logs(blocks, headers, view.final_end)
            refs = [header.ref for header in headers]
            finalized = _finalized(local, refs, view)
        except Transient as error:
            return self._failed(blocks, error)
        decoded = decode(logs, self._plan.sources)
        self._store.extend(
            Extension(
                expected_head=local.head,
                sources_digest=self._plan.sources_digest,
                blocks=refs,
                logs=logs,
                decoded=decoded,
                finalized=finalized,
            )
        )
        self._window = self._window.succeeded()
        return self._advanced(blocks, decoded, view, finalized)

    def _fetch_headers(self, blocks: BlockRange, below: BlockRef | None) -> list[Header]:
        headers = [verified(header) for header in self._chain.headers(blocks)]
        if [header.number for header in headers] != list(range(blocks.start, blocks.end)):
            raise AnswersDisagree(f"asked for {blocks}, got other blocks")
        check_links(headers, below)
        return headers

    def _fetch_logs(
        self, blocks: BlockRange, headers: Sequence[Header], final_end: BlockNumber
    ) -> LogBatch:
        """The logs of these headers, asked for by range if all of them are final."""
        candidates = [one.hash for one in headers if may_hold(one.logs_bloom, self._wanted)]
        if blocks.end > final_end or not candidates:
            logs = self._chain.logs_of_blocks(candidates, self._wanted)
        else:
            logs = self._chain.logs_in_range(blocks, self._wanted)
            last = self._chain.header(headers[-1].number)
            if last is None or last.hash != headers[-1].hash:
                raise AnswersDisagree(f"block {headers[-1].number} changed while it was fetched")
        check_logs(logs, headers, self._wanted)
        return logs

    def _finalize(self, local: LocalChain, view: _View) -> Finalized | Idle:
        finalized = _finalized(local, (), view)
        if finalized is None or finalized == local.finalized:
            return Idle(view.head.number)
        self._store.finalize(finalized)
        return Finalized(finalized)

    def _failed(self, blocks: BlockRange, error: Transient) -> Narrowed:
        """Do what the provider's words advise; the cursor stays where it is."""
        advice = _advice(error, blocks)
        match advice:
            case OtherProvider() | WaitAndRetry():
                raise error
            case Permanent():
                raise RequestRefused(str(error)) from error
            case CapBlocks() | SuggestedRange():
                return self._narrow(blocks, advice, error)
            case Halve() | SplitAddresses():  # of addresses, the reader itself asks in parts
                return self._narrow(blocks, Halve(), error)
            case _:
                assert_never(advice)

    def _waiting(self, after_s: int, error: Transient) -> Waiting:
        log.warning(
            "the provider wants to be asked less often",
            extra={"chain_id": self._plan.chain_id, "after_s": after_s, "cause": str(error)},
        )
        return Waiting(after_s, str(error))

    def _narrow(
        self, failed: BlockRange, advice: CapBlocks | SuggestedRange | Halve, error: Transient
    ) -> Narrowed:
        if len(failed) == 1:
            raise error
        self._window = self._window.failed(failed, advice)
        log.warning(
            "a range failed and was narrowed",
            extra={
                "chain_id": self._plan.chain_id,
                "start_block": failed.start,
                "end_block": failed.end,
                "window_blocks": self._window.blocks,
                "cause": str(error),
            },
        )
        return Narrowed(self._window.blocks, str(error))

    def _advanced(
        self, blocks: BlockRange, decoded: Decoded, view: _View, finalized: BlockRef | None
    ) -> Advanced:
        outcome = Advanced(
            blocks=blocks,
            facts=decoded.rows,
            unknown=decoded.unknown,
            malformed=decoded.malformed,
            head=view.head.number,
            finalized=None if finalized is None else finalized.number,
        )
        log.info(
            "a range was indexed",
            extra={
                "chain_id": self._plan.chain_id,
                "start_block": blocks.start,
                "end_block": blocks.end,
                "head": outcome.head,
                "facts": outcome.facts,
                "malformed": outcome.malformed,
            },
        )
        return outcome


def open_indexer(plan: IndexedChain, chain: ChainReader, store: FactStore) -> Indexer:
    """An indexer whose endpoint and database are what the plan says.

    Raises:
        WrongChain: the endpoint serves another chain.
        StartBlockInFuture: the chain has not reached the start block.
        SourcesChanged: the index was built from other sources.
        Transient: the chain or the database was unavailable.
    """
    actual = chain.chain_id()
    if actual != plan.chain_id:
        raise WrongChain(expected=plan.chain_id, actual=actual)
    store.check_sources(plan.sources_digest)
    head = chain.head()
    if store.local_chain().head is None and head.number < plan.start_block:
        raise StartBlockInFuture(start_block=plan.start_block, head=head.number)
    return Indexer(plan, chain, store)


def run_until(
    indexer: Indexer, is_done: Callable[[Outcome], bool], *, wait: Callable[[], None]
) -> Outcome:
    """Step until `is_done` says so, and return the last outcome; `wait` after idle and waiting.

    Raises:
        IndexerError: whatever a step raises; what was done before it is stored.
    """
    while True:
        outcome = indexer.step()
        if is_done(outcome):
            return outcome
        if isinstance(outcome, Idle | Waiting):
            wait()


def is_synced(outcome: Outcome) -> bool:
    """Whether the step found nothing more to do."""
    return isinstance(outcome, Idle)


def _advice(error: Transient, asked: BlockRange) -> Advice:
    """What to do after this failure; those without a provider's words halve the range."""
    match error:
        case RPCFailed():
            return advice_from(error.message, code=error.code, data=error.data, asked=asked)
        case RPCUnreachable(retry_after_s=int(after_s)):
            return WaitAndRetry(after_s)
        case RPCUnreachable():
            return advice_from("", code=error.status, asked=asked)
        case _:
            return Halve()


def _finalized(local: LocalChain, added: Sequence[BlockRef], view: _View) -> BlockRef | None:
    grown = LocalChain(local.finalized, (*local.unfinalized, *added))
    return finalized_block(grown, number=view.final, tagged=view.tagged)
