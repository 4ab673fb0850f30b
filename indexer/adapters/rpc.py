"""The chain as one JSON-RPC endpoint shows it; satisfies `ports.ChainReader`.

Each question is one HTTP request, however many blocks it is about (in parts of
`RPCLimits.calls_max` calls). Raw answers end here.

Source: EIP-1474; EIP-234 (eth_getLogs by block hash).
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from contracts.evm import BlockNumber, ChainId, Hash32
from indexer.adapters.answer_fields import NotTheSchema
from indexer.adapters.cut_logs import NOTHING_CUT, CutLogs
from indexer.adapters.json_rpc import JSONRPC, Call
from indexer.adapters.log_answers import logs_from_answers
from indexer.adapters.log_bytes import cut_logs
from indexer.adapters.receipt_answers import receipts_from_answers
from indexer.adapters.rpc_answers import (
    blocks_from_answers,
    chain_id_from_answer,
    header_from_answer,
)
from indexer.blocks import Block
from indexer.chain import Header
from indexer.completeness import LogFilter
from indexer.errors import (
    AnswerMalformed,
    AnswersDisagree,
    IndexerError,
    RPCFailed,
    RPCForbidden,
)
from indexer.logs import LogBatch
from indexer.ranges import Advice, BlockRange, OtherProvider, SplitAddresses, advice_from
from indexer.receipt_batch import ReceiptBatch
from indexer.trie import EMPTY_ROOT

_ONE_BLOCK = BlockRange(BlockNumber(0), BlockNumber(1))
_METHOD_NOT_FOUND = -32601
_METHOD_UNSUPPORTED = re.compile(
    r"\bmethods?\b.*\b(?:not (?:found|supported|available|exist|implemented|enabled|allowed"
    r"|whitelisted)|unsupported|unavailable|unknown|disabled)\b"
    r"|\b(?:unsupported|unknown|no such) (?:rpc )?method\b"
    r"|\bdoes not exist/is not available\b",
    re.IGNORECASE,
)

_Answer = TypeVar("_Answer")
_Parsed = TypeVar("_Parsed")


class RPCReader:
    """One endpoint. Every method raises what `JSONRPC.call` raises.

    Its own state is what it has learned of the endpoint: how many addresses it takes in one request
    for logs (if it refuses them as too many, they are asked for in parts, and the answers put
    together), whether it gives the receipts of a block at once, or only one by one, and how many
    calls it takes in one HTTP request.
    """

    def __init__(self, rpc: JSONRPC) -> None:
        self._rpc = rpc
        self._addresses_max: int | None = None
        self._has_block_receipts = True

    @property
    def host(self) -> str:
        """How messages and evidence name the endpoint."""
        return self._rpc.host

    def close(self) -> None:
        """Close the connection."""
        self._rpc.close()

    def chain_id(self) -> ChainId:
        """The chain that the node serves."""
        return self._parse(chain_id_from_answer, self._rpc.call("eth_chainId"))

    def head(self) -> Header:
        """The newest block."""
        return self._parse(
            header_from_answer, self._rpc.call("eth_getBlockByNumber", "latest", False)
        )

    def head_and_finalized(self) -> tuple[Header, Header | None]:
        """The newest block and the newest finalized one; None while the node knows none."""
        calls = [
            Call("eth_getBlockByNumber", ("latest", False)),
            Call("eth_getBlockByNumber", ("finalized", False)),
        ]

        def ask() -> tuple[object, object]:
            newest, finalized = self._rpc.answers(calls)
            if isinstance(newest, RPCFailed):
                raise newest
            return newest, finalized

        newest, finalized = self._in_batches(ask, len(calls))
        head = self._parse(header_from_answer, newest)
        if isinstance(finalized, RPCFailed):
            if not isinstance(_advice(finalized, _ONE_BLOCK), OtherProvider):
                raise finalized
            return head, None
        return head, self._header_or_none(finalized)

    def header(self, number: BlockNumber) -> Header | None:
        """The block of this number, if there is one."""
        return self._header_or_none(self._rpc.call("eth_getBlockByNumber", hex(number), False))

    def header_by_hash(self, block_hash: Hash32) -> Header | None:
        """The block of this hash, if the node knows it."""
        return self._header_or_none(self._rpc.call("eth_getBlockByHash", str(block_hash), False))

    def blocks(self, blocks: BlockRange) -> list[Block]:
        """The blocks of these numbers, ascending, with the hashes of their transactions.

        Raises:
            AnswersDisagree: one of them does not exist, though a higher block does.
        """
        numbers = range(blocks.start, blocks.end)
        calls = [Call("eth_getBlockByNumber", (hex(number), False)) for number in numbers]
        answers = self._in_batches(lambda: self._rpc.results(calls), len(calls))
        if None in answers:
            raise AnswersDisagree(f"block {numbers[answers.index(None)]} does not exist")
        return self._parse(blocks_from_answers, answers)

    def logs_in_range(self, blocks: BlockRange, wanted: LogFilter) -> LogBatch:
        """The wanted logs of these numbers, in chain order."""
        bounds = {"fromBlock": hex(blocks.start), "toBlock": hex(blocks.end - 1)}
        return self._logs([bounds], wanted, blocks)

    def logs_of_blocks(self, hashes: Sequence[Hash32], wanted: LogFilter) -> LogBatch:
        """The wanted logs of exactly these blocks, in chain order."""
        return self._logs([{"blockHash": str(one)} for one in hashes], wanted, _ONE_BLOCK)

    def receipts(self, blocks: Sequence[Block]) -> ReceiptBatch:
        """All receipts of these blocks, in their order; whether they are is for the proof to say.

        A block that has none by its header is not asked for.

        Raises:
            AnswersDisagree: the node has no receipts of a block that has some.
        """
        asked = [block for block in blocks if _has_receipts(block)]
        if self._has_block_receipts:
            try:
                return self._block_receipts(blocks, asked)
            except RPCFailed as error:
                if not _is_unsupported(error):
                    raise
            except RPCForbidden:
                pass  # perhaps this method alone, which gateways also say with HTTP status 403
        receipts = self._transaction_receipts(blocks, asked)
        self._has_block_receipts = False
        return receipts

    def _block_receipts(self, blocks: Sequence[Block], asked: Sequence[Block]) -> ReceiptBatch:
        """The receipts as the endpoint gives them for a block at once."""
        calls = [Call("eth_getBlockReceipts", (hex(one.header.number),)) for one in asked]

        def read(results: Sequence[object], cut: CutLogs) -> ReceiptBatch:
            given = iter(self._known(calls, results))
            answers = [next(given) if _has_receipts(block) else [] for block in blocks]
            return receipts_from_answers(answers, cut)

        return self._read(calls, read)

    def _transaction_receipts(
        self, blocks: Sequence[Block], asked: Sequence[Block]
    ) -> ReceiptBatch:
        """The receipts one by one, of the transactions that the blocks list."""
        names = [self._listed_transactions(block) for block in asked]
        calls = [Call("eth_getTransactionReceipt", (name,)) for listed in names for name in listed]

        def read(results: Sequence[object], cut: CutLogs) -> ReceiptBatch:
            receipts = iter(self._known(calls, results))
            given = iter([[next(receipts) for _ in listed] for listed in names])
            answers = [next(given) if _has_receipts(block) else [] for block in blocks]
            return receipts_from_answers(answers, cut)

        return self._read(calls, read)

    def _known(self, calls: Sequence[Call], results: Sequence[object]) -> Sequence[object]:
        """The results of calls that must have one: null is no answer, and never "none"."""
        if None in results:
            call = calls[results.index(None)]
            raise AnswersDisagree(
                f"{self._rpc.host} knows nothing of {call.method} {call.params[0]}"
            )
        return results

    def _listed_transactions(self, block: Block) -> list[str]:
        if block.transactions is None:
            number = block.header.number
            raise AnswerMalformed(self._rpc.host, f"block {number} does not list its transactions")
        return ["0x" + row.tobytes().hex() for row in block.transactions]

    def _logs(
        self, places: Sequence[dict[str, str]], wanted: LogFilter, asked: BlockRange
    ) -> LogBatch:
        while True:
            parts = _in_parts(wanted, self._addresses_max)
            calls = [Call("eth_getLogs", (part | place,)) for place in places for part in parts]
            try:
                return self._read(calls, logs_from_answers)
            except RPCFailed as error:
                self._split(error, len(wanted.addresses), asked)

    def _split(self, error: RPCFailed, addresses: int, asked: BlockRange) -> None:
        """Take fewer addresses from now on if that is what the error is about; else raise it."""
        advice = _advice(error, asked)
        asked_addresses = min(self._addresses_max or addresses, addresses)
        if not isinstance(advice, SplitAddresses) or asked_addresses <= 1:
            raise error
        said = advice.addresses_max
        is_less = said is not None and said < asked_addresses
        self._addresses_max = said if is_less else asked_addresses >> 1

    def _read(
        self, calls: Sequence[Call], read: Callable[[Sequence[object], CutLogs], _Parsed]
    ) -> _Parsed:
        """What the results of calls say, most of their logs cut out before the rest is parsed.

        If anything is wrong, the answers are parsed whole, and say what.
        """
        return self._in_batches(lambda: self._read_once(calls, read), len(calls))

    def _read_once(
        self, calls: Sequence[Call], read: Callable[[Sequence[object], CutLogs], _Parsed]
    ) -> _Parsed:
        contents = self._rpc.contents(calls)
        cut = cut_logs(contents)
        if cut is not None:
            with suppress(IndexerError, NotTheSchema):
                return read(self._rpc.results_in(calls, cut.rests), cut)
        results = self._rpc.results_in(calls, contents)
        del contents
        return self._parse(lambda answers: read(answers, NOTHING_CUT), results)

    def _in_batches(self, ask: Callable[[], _Answer], count: int) -> _Answer:
        """The answer to so many calls, in batches as large as the endpoint takes."""
        while True:
            try:
                return ask()
            except RPCFailed as error:
                if not self._rpc.takes_fewer_calls(error, count):
                    raise

    def _header_or_none(self, answer: object) -> Header | None:
        return None if answer is None else self._parse(header_from_answer, answer)

    def _parse(self, parse: Callable[[_Answer], _Parsed], answer: _Answer) -> _Parsed:
        try:
            return parse(answer)
        except NotTheSchema as error:
            raise self._rpc.malformed(str(error)) from error


def _has_receipts(block: Block) -> bool:
    """Whether the header commits to any, or the block lists transactions that should have some."""
    has_transactions = block.transactions is not None and len(block.transactions) > 0
    return has_transactions or block.header.receipts_root != EMPTY_ROOT


def _advice(error: RPCFailed, asked: BlockRange) -> Advice:
    return advice_from(error.message, code=error.code, data=error.data, asked=asked)


def _is_unsupported(error: RPCFailed) -> bool:
    """Whether the endpoint does not have the method that was called."""
    return error.code == _METHOD_NOT_FOUND or bool(_METHOD_UNSUPPORTED.search(error.message))


def _in_parts(wanted: LogFilter, addresses_max: int | None) -> list[dict[str, object]]:
    """The filter as the interface writes it, each with at most so many of the addresses."""
    addresses = ["0x" + address.hex() for address in wanted.addresses]
    size = addresses_max or max(len(addresses), 1)
    topics = [[str(topic) for topic in wanted.topics0]]
    return [
        {"address": addresses[start : start + size], "topics": topics}
        for start in range(0, max(len(addresses), 1), size)
    ]
