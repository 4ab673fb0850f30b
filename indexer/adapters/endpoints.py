"""One chain as several endpoints show it together; satisfies `ports.ChainReader`.

Every question goes to the best endpoint, and on failure to the next (`endpoint_pool.py`). The head
and the finalized block are asked of all of them, at most ten times a second: what they agree upon
is the answer (`agreement.py`). What `ports.ChainReader` does not have, and who is to use it:

* `blame(error)`: whoever fetches a range, when its answers were refused (`AnswersDisagree`,
  `ReceiptsRefused`, `HeaderRefused`, `LogRefused`). The next question goes to another endpoint;
  False says that all have been blamed lately, and the error is to be raised.
* `corroborated_by(ask, ...)`: `fetch_range` at level headers, with the logs of blocks whose bloom
  matches. `ask` puts the same question to the other endpoint, with all its checks. From two on, the
  blocks are `Proof.CORROBORATED`.
* `confirmed_by(block)`: the indexer, before it calls a block of a backfill final.
* `BlockDisputed` carries the statements that the indexer stores; `agreement.fork` those of a fork
  that can still end either way. While a dispute is open, `ask_again` brings statements to store;
  the dispute ends when they are all `Verdict.AGREED`.
* `health()`, `agreement`: figures for metrics and status.

A missing or empty answer is never proof: a block that one endpoint does not have is asked of the
next, and logs count only if the endpoint that gave them has the last block that they are about.

With a single endpoint all of this costs nothing: it is asked once, and agrees with itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic_ns

from contracts.evm import BlockNumber, BlockRef, ChainId, Hash32
from indexer.adapters.endpoint_pool import Endpoint, EndpointPool
from indexer.adapters.json_rpc import JSONRPC, RPCLimits
from indexer.adapters.rpc import RPCReader
from indexer.agreement import (
    Agreement,
    Asked,
    Dispute,
    Look,
    Opinions,
    Statement,
    Verdict,
    agree,
)
from indexer.blocks import Block
from indexer.chain import Header
from indexer.completeness import LogFilter
from indexer.corroboration import first_difference, first_different_log, said_of
from indexer.endpoint_failures import class_of
from indexer.endpoint_health import EndpointHealth, ErrorClass
from indexer.errors import (
    AnswersDisagree,
    BlockDisputed,
    Corrupt,
    IndexerError,
    RPCForbidden,
    Transient,
)
from indexer.logs import LogBatch
from indexer.ports import ChainReader
from indexer.ranges import BlockRange
from indexer.receipt_batch import ReceiptBatch

LOOK_HELD_NS = 100_000_000
_TIMED_EVERY_NS = 10_000_000_000


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the last look at the chain brought."""

    at_ns: int
    with_finalized: bool
    agreement: Agreement
    head: Header
    finalized: Header | None


class Endpoints:
    """All endpoints of one chain; for one thread. Arguments as for `EndpointPool`."""

    def __init__(
        self, endpoints: Sequence[Endpoint], chain_id: ChainId, clock_ns: Callable[[], int]
    ) -> None:
        self._pool = EndpointPool(endpoints, chain_id, clock_ns)
        self._chain_id, self._clock_ns = chain_id, clock_ns
        self._seen: _Seen | None = None
        self._logs_from = self._pool.current

    def chain_id(self) -> ChainId:
        """The chain that all endpoints serve that answer.

        Raises:
            WrongChain: one serves another.
        """
        self._pool.ask_each(lambda one: one.chain_id())  # the pool has compared it before
        return self._chain_id

    def head(self) -> Header:
        """The newest block, or if endpoints differ there, the newest on which they agree."""
        return self._look(with_finalized=False).head

    def head_and_finalized(self) -> tuple[Header, Header | None]:
        """The newest block on which the endpoints agree, and the newest that all call finalized.

        Raises:
            BlockDisputed: they differ about a block that one of them calls finalized.
        """
        seen = self._look(with_finalized=True)
        return seen.head, seen.finalized

    def header(self, number: BlockNumber) -> Header | None:
        """The block of this number, if an endpoint has it."""
        return self._first_header(lambda one: one.header(number))

    def header_by_hash(self, block_hash: Hash32) -> Header | None:
        """The block of this hash, if an endpoint knows it."""
        return self._first_header(lambda one: one.header_by_hash(block_hash))

    def blocks(self, blocks: BlockRange) -> list[Block]:
        """The blocks of these numbers, ascending, with the transactions that they list."""
        self._take_latencies()
        return self._pool.ask(lambda one: one.blocks(blocks), about=blocks)

    def logs_in_range(self, blocks: BlockRange, wanted: LogFilter) -> LogBatch:
        """The wanted logs of these numbers, in chain order, of an endpoint that has them all."""

        def question(one: Endpoint) -> LogBatch:
            logs = one.logs_in_range(blocks, wanted)
            if len(self._pool) > 1 and one.header(BlockNumber(blocks.end - 1)) is None:
                raise AnswersDisagree(f"{one.host} has logs, but not block {blocks.end - 1}")
            return logs

        return self._logs(question, blocks)

    def logs_of_blocks(self, hashes: Sequence[Hash32], wanted: LogFilter) -> LogBatch:
        """The wanted logs of exactly these blocks, of an endpoint that has the last of them."""

        def question(one: Endpoint) -> LogBatch:
            logs = one.logs_of_blocks(hashes, wanted)
            if len(self._pool) > 1 and hashes and one.header_by_hash(hashes[-1]) is None:
                raise AnswersDisagree(f"{one.host} has logs, but not block {hashes[-1]}")
            return logs

        return self._logs(question, _some_blocks(len(hashes)))

    def receipts(self, blocks: Sequence[Block]) -> ReceiptBatch:
        """All receipts of these blocks, in their order."""
        return self._pool.ask(lambda one: one.receipts(blocks), about=_some_blocks(len(blocks)))

    def close(self) -> None:
        """Close all connections; they are opened again if something is asked."""
        self._pool.close()

    @property
    def agreement(self) -> Agreement | None:
        """What the last look at the chain brought; None before the first, and after a dispute."""
        return None if self._seen is None else self._seen.agreement

    def health(self) -> tuple[EndpointHealth, ...]:
        """How each endpoint has served, in the configured order."""
        return self._pool.health()

    def blame(self, error: IndexerError) -> bool:
        """Put down that the last answers were refused; the next come from another endpoint.

        Returns whether there is one that has not been blamed lately.
        """
        self._seen = None
        return self._pool.blame(error)

    def confirmed_by(self, block: BlockRef) -> int:
        """How many endpoints name this block at its number.

        Raises:
            BlockDisputed: they name different ones.
            AnswersDisagree: all that answer name another one.
            Transient: none answers.
        """
        opinions = self._named(block.number)
        if not opinions.is_unanimous:
            raise BlockDisputed(opinions.statements(Verdict.DISPUTED))
        if set(opinions.said.values()) - {None, str(block.hash)}:
            raise AnswersDisagree(f"block {block.number} is not {block.hash} any more")
        return opinions.corroborated_by

    def corroborated_by(
        self, ask: Callable[[ChainReader], LogBatch], logs: LogBatch, blocks: BlockRange
    ) -> int:
        """How many endpoints gave these logs: two, or one if no other has an answer.

        An endpoint that does not have the last of the blocks, or has another one, has none.

        Args:
            ask: puts the question that was answered by `logs` to an endpoint, and checks the
                answer as that one was checked.
            logs: what `logs_in_range` or `logs_of_blocks` answered last.
            blocks: what the question was about.

        Raises:
            BlockDisputed: another endpoint gave other logs.
            RPCFailed: another endpoint wants to be asked for less.
        """
        for host in self._pool.others_than(self._logs_from):
            theirs = self._second(host, ask, blocks)
            if theirs is None:
                continue
            ours = (self._logs_from, logs)
            opinions = first_difference(blocks, ours=ours, theirs=(host, theirs))
            if opinions is None:
                return 2
            log_index = first_different_log(opinions.number, logs, theirs)
            raise BlockDisputed(
                opinions.statements(Verdict.DISPUTED), f", first about log {log_index}"
            )
        return 1

    def ask_again(
        self, number: BlockNumber, asked: Asked, wanted: LogFilter
    ) -> tuple[Statement, ...]:
        """What all endpoints now say of a disputed block.

        They agree if every configured endpoint answers, and all say the same.

        Raises:
            Transient: none answers.
        """
        opinions = self._named(number)
        if asked is Asked.LOGS and opinions.is_unanimous:
            opinions = self._logs_named(number, wanted)
        is_settled = opinions.is_unanimous and opinions.corroborated_by == len(self._pool)
        return opinions.statements(Verdict.AGREED if is_settled else Verdict.DISPUTED)

    def _logs(self, question: Callable[[Endpoint], LogBatch], about: BlockRange) -> LogBatch:
        logs = self._pool.ask(question, about=about)
        self._logs_from = self._pool.current
        return logs

    def _look(self, *, with_finalized: bool) -> _Seen:
        seen, now_ns = self._seen, self._clock_ns()
        if (
            len(self._pool) > 1
            and seen is not None
            and seen.with_finalized is with_finalized
            and now_ns - seen.at_ns < LOOK_HELD_NS
        ):
            return seen
        self._seen = None
        self._seen = self._looked(with_finalized=with_finalized)
        return self._seen

    def _looked(self, *, with_finalized: bool) -> _Seen:
        """Ask all endpoints, and find what they agree upon."""
        question = _head_and_finalized if with_finalized else _head_alone
        headers: dict[BlockRef, Header] = {}
        looks: list[Look] = []
        for host, (head, finalized) in self._pool.ask_each(question, is_timed=True).items():
            tagged = None if finalized is None else finalized.ref
            self._pool.saw(host, head.number, None if tagged is None else tagged.number)
            looks.append(Look(host=host, head=head.ref, finalized=tagged))
            for header in (head, finalized):
                if header is not None:
                    headers.setdefault(header.ref, header)

        def ask(host: str, number: BlockNumber) -> BlockRef | None:
            header = self._header_of(host, number)
            if header is None:
                return None
            return headers.setdefault(header.ref, header).ref

        found = agree(looks, ask)
        if isinstance(found, Dispute):
            raise BlockDisputed(found.statements)
        return _Seen(
            self._clock_ns(),
            with_finalized,
            found,
            headers[found.head],
            None if found.finalized is None else headers[found.finalized],
        )

    def _named(self, number: BlockNumber) -> Opinions:
        """Which block every endpoint names at this number."""
        answers = self._pool.ask_each(lambda one: one.header(number), is_timed=True)
        said = {
            host: None if header is None else str(header.hash) for host, header in answers.items()
        }
        return self._opinions(number, Asked.BLOCK, said)

    def _logs_named(self, number: BlockNumber, wanted: LogFilter) -> Opinions:
        """Which logs every endpoint has of the block of this number."""
        blocks = BlockRange(number, BlockNumber(number + 1))
        answers = self._pool.ask_each(lambda one: one.logs_in_range(blocks, wanted))
        said = {host: said_of(logs, blocks) for host, logs in answers.items()}
        return self._opinions(number, Asked.LOGS, said)

    def _opinions(self, number: BlockNumber, asked: Asked, said: dict[str, str | None]) -> Opinions:
        """What was said, and nothing by those that did not answer."""
        everyone = {one.host: said.get(one.host) for one in self._pool.health()}
        return Opinions(number=number, asked=asked, said=everyone)

    def _second(
        self, host: str, ask: Callable[[ChainReader], LogBatch], blocks: BlockRange
    ) -> LogBatch | None:
        """The answer of another endpoint; None if it has none that can be believed."""
        last = BlockNumber(blocks.end - 1)

        def question(one: Endpoint) -> tuple[LogBatch, Header | None]:
            return ask(one), one.header(last)

        try:
            logs, theirs = self._pool.ask_one(host, question, about=blocks)
        except Corrupt as error:
            self._pool.disproved(host, error)
            return None
        except (Transient, RPCForbidden) as error:
            if class_of(error, blocks) is ErrorClass.TOO_LARGE:
                raise
            return None  # its health has it
        ours = self._header_of(self._logs_from, last)
        if theirs is None or ours is None or theirs.hash != ours.hash:
            return None
        return logs

    def _header_of(self, host: str, number: BlockNumber) -> Header | None:
        try:
            return self._pool.ask_one(host, lambda one: one.header(number))
        except (Transient, RPCForbidden):
            return None  # its health has it

    def _first_header(self, question: Callable[[Endpoint], Header | None]) -> Header | None:
        """The answer of the first endpoint that has one; None if all say that there is none."""
        header = self._pool.ask(question, is_timed=True)
        if header is not None:
            return header
        for host in self._pool.others_than(self._pool.current):
            try:
                header = self._pool.ask_one(host, question)
            except (Transient, RPCForbidden):
                continue  # its health has it
            if header is not None:
                return header
        return None

    def _take_latencies(self) -> None:
        """Ask those that have not been timed for a while, so that they can be compared."""
        if len(self._pool) > 1:
            for host in self._pool.untimed(older_than_ns=_TIMED_EVERY_NS):
                self._pool.time(host)


def open_endpoints(urls: Sequence[str], chain_id: ChainId, limits: RPCLimits) -> Endpoints:
    """The endpoints at these addresses; nothing is asked yet.

    Raises:
        BadEndpoint: an address is not an http or https URL.
    """
    readers = [RPCReader(JSONRPC(url, limits)) for url in urls]
    return Endpoints(readers, chain_id, monotonic_ns)


def _head_and_finalized(one: Endpoint) -> tuple[Header, Header | None]:
    return one.head_and_finalized()


def _head_alone(one: Endpoint) -> tuple[Header, Header | None]:
    return one.head(), None


def _some_blocks(count: int) -> BlockRange:
    """As many blocks as a question is about; which ones does not matter."""
    return BlockRange(BlockNumber(0), BlockNumber(max(count, 1)))
