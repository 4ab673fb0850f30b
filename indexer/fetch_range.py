"""Fetch a range of blocks, prove what the level asks for, and decode it: one function for all.

The indexer calls it at the tip, and its workers when it is far behind. Nothing is stored here.

    blocks ─► hashes, links ─► blooms ─┬─ rule our logs out: nothing to ask
                                       └─ may hold some ─► none, headers: eth_getLogs, checked
                                                           receipts: all receipts, root rebuilt

Logs of blocks that are final are asked for by range of numbers, logs of blocks that can still
change by block hash; where there are several endpoints, two must give the same. Receipts are asked
for by number, and the proof decides. Whatever was asked by number counts only if the endpoints name
the last block of the range again afterwards, so that no answer about another chain passes.

An endpoint whose answer is refused is blamed, and the range is asked for again of another.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from contracts.bloom import BLOOM_BYTES
from contracts.evm import BlockNumber
from indexer.blame import blaming
from indexer.blocks import Block, Proof, block_batch
from indexer.blooms import Flags
from indexer.chain import check_links
from indexer.completeness import check_logs, may_hold, wanted_rows
from indexer.decode import decode
from indexer.errors import AnswersDisagree
from indexer.fetched import FetchedRange, ProvedLogs
from indexer.levels import Level, believed
from indexer.logs import LogBatch, joined
from indexer.plan import Question
from indexer.ports import ChainReader, WitnessedChain
from indexer.ranges import BlockRange
from indexer.receipt_batch import prove_receipts
from indexer.rows_digest import rows_digests

_RECEIPT_BLOCKS_MAX = 50
"""Blocks whose receipts are in memory at once; most of their logs may be of no interest to us."""

_ANY_LOG = b"\xff" * BLOOM_BYTES


def fetch_range(
    chain: WitnessedChain, question: Question, blocks: BlockRange, *, is_final: bool
) -> FetchedRange:
    """Everything that these blocks hold of ours.

    Args:
        chain: whom to ask.
        question: what is wanted, and how far it is to be proved.
        blocks: which blocks.
        is_final: whether none of them can change any more.

    Raises:
        AnswersDisagree: the chain moved while it was asked.
        BlockDisputed: endpoints contradict each other about a block or its logs.
        ReceiptsRefused: receipts are not those that the header commits to.
        HeaderRefused: a header does not have the hash that it claims, or breaks a chain's rules.
        LogRefused: a log that its block's header, or the question, rules out.
        Transient: the node did not answer.
    """
    found = fetch_logs(chain, question, blocks, is_final=is_final)
    return FetchedRange(
        range=found.range,
        blocks=found.blocks,
        decoded=decode(found.logs, question.sources),
        logs_read=found.logs_read,
    )


def fetch_logs(
    chain: WitnessedChain, question: Question, blocks: BlockRange, *, is_final: bool
) -> ProvedLogs:
    """The same, not yet decoded; arguments and errors are those of `fetch_range`."""
    return blaming(chain, lambda: _fetched(chain, question, blocks, is_final=is_final))


class RangesHere:
    """Ranges fetched in this process when they are due; satisfies `ports.RangeSource`."""

    def __init__(self, chain: WitnessedChain, question: Question) -> None:
        self._chain, self._question = chain, question

    def take(self, blocks: BlockRange, *, is_final: bool, ahead_end: int) -> FetchedRange:
        """Exactly this range; raises what `fetch_range` raises."""
        del ahead_end
        return fetch_range(self._chain, self._question, blocks, is_final=is_final)

    def close(self) -> None:
        """Nothing runs in the background."""


def _fetched(
    chain: WitnessedChain, question: Question, blocks: BlockRange, *, is_final: bool
) -> ProvedLogs:
    fetched = _checked_blocks(chain, question, blocks)
    may_have = _may_have(fetched, question)
    candidates = [one for one, may in zip(fetched, may_have.tolist(), strict=True) if may]
    if question.level is Level.RECEIPTS:
        logs, logs_read = _proved_logs(chain, question, candidates)
        proof = Proof.RECEIPTS
    else:
        logs, proof = _stated_logs(chain, question, candidates, blocks if is_final else None)
        logs_read = len(logs)
    last = fetched[-1].header.ref
    if is_final and not chain.confirmed_by(last):
        raise AnswersDisagree(f"block {last.number} vanished while it was fetched")
    return ProvedLogs(
        range=blocks,
        blocks=block_batch(
            [one.header for one in fetched],
            proof=np.where(may_have, proof, Proof.EMPTY).astype(np.uint8),
            rows_digest=rows_digests(logs, blocks),
        ),
        logs=logs,
        logs_read=logs_read,
    )


def _checked_blocks(chain: ChainReader, question: Question, blocks: BlockRange) -> list[Block]:
    """The blocks of these numbers, linked to each other."""
    fetched = chain.blocks(blocks)
    headers = [believed(one.header, question.level) for one in fetched]
    if [header.number for header in headers] != list(range(blocks.start, blocks.end)):
        raise AnswersDisagree(f"asked for {blocks}, got other blocks")
    check_links(headers, None)
    return fetched


def _may_have(fetched: Sequence[Block], question: Question) -> Flags:
    """Whether each block may have logs of ours; below `headers` a bloom rules nothing out."""
    if question.level is Level.NONE:
        return np.ones(len(fetched), dtype=np.bool_)
    return may_hold([one.header.logs_bloom for one in fetched], question.wanted)


def _stated_logs(
    chain: WitnessedChain,
    question: Question,
    candidates: Sequence[Block],
    in_range: BlockRange | None,
) -> tuple[LogBatch, Proof]:
    """The logs that nodes say these blocks have, and whether two of them said so.

    They are asked for `in_range`, or of each block by its hash.
    """
    hashes = [one.header.hash for one in candidates]
    checked = [_as_evidence(one, question.level) for one in candidates]

    def ask(one: ChainReader) -> LogBatch:
        if in_range is None:
            logs = one.logs_of_blocks(hashes, question.wanted)
        else:
            logs = one.logs_in_range(in_range, question.wanted)
        check_logs(logs, checked, question.wanted)
        return logs

    if not candidates:
        return joined(()), Proof.STATED
    logs = ask(chain)
    first, last = candidates[0].header.number, candidates[-1].header.number
    count = chain.corroborated_by(ask, logs, in_range or BlockRange(first, BlockNumber(last + 1)))
    return logs, Proof.CORROBORATED if count > 1 else Proof.STATED


def _as_evidence(block: Block, level: Level) -> Block:
    """The block as far as logs are held against it: below `headers` its bloom fits any log."""
    if level is not Level.NONE:
        return block
    return replace(block, header=replace(block.header, logs_bloom=_ANY_LOG))


def _proved_logs(
    chain: ChainReader, question: Question, candidates: Sequence[Block]
) -> tuple[LogBatch, int]:
    """Our logs of these blocks, proved to be all; and how many logs of anybody's were read."""
    parts: list[LogBatch] = []
    logs_read = 0
    for start in range(0, len(candidates), _RECEIPT_BLOCKS_MAX):
        part = candidates[start : start + _RECEIPT_BLOCKS_MAX]
        proved = prove_receipts(part, chain.receipts(part), question.profile)
        logs_read += len(proved)
        parts.append(proved.take(wanted_rows(proved, question.wanted)))
    return joined(parts), logs_read
