"""The chain as one JSON-RPC endpoint shows it; satisfies `ports.ChainReader`.

Each question is one HTTP request, however many blocks it is about (in parts of
`RPCLimits.calls_max` calls). Raw answers end here.

Source: EIP-1474; EIP-234 (eth_getLogs by block hash).
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from contracts.evm import BlockNumber, ChainId, Hash32
from indexer.adapters.json_rpc import JSONRPC, Call
from indexer.adapters.rpc_answers import (
    NotTheSchema,
    chain_id_from_answer,
    header_from_answer,
    logs_from_answers,
)
from indexer.chain import Header, LogBatch
from indexer.completeness import LogFilter
from indexer.errors import AnswerMalformed, AnswersDisagree, RPCFailed
from indexer.ranges import BlockRange, SplitAddresses, advice_from

_ONE_BLOCK = BlockRange(BlockNumber(0), BlockNumber(1))

_Answer = TypeVar("_Answer")
_Parsed = TypeVar("_Parsed")


class RPCReader:
    """One endpoint. Every method raises what `JSONRPC.call` raises.

    Its only own state is how many addresses the endpoint takes in one request for logs; if it
    refuses them as too many, they are asked for in parts, and the answers put together.
    """

    def __init__(self, rpc: JSONRPC) -> None:
        self._rpc = rpc
        self._addresses_max: int | None = None

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
        newest, finalized = self._rpc.answers(
            [
                Call("eth_getBlockByNumber", ("latest", False)),
                Call("eth_getBlockByNumber", ("finalized", False)),
            ]
        )
        if isinstance(newest, RPCFailed):
            raise newest
        head = self._parse(header_from_answer, newest)
        if isinstance(finalized, RPCFailed):
            if "not found" not in finalized.message.lower():
                raise finalized
            return head, None
        return head, self._header_or_none(finalized)

    def header(self, number: BlockNumber) -> Header | None:
        """The block of this number, if there is one."""
        return self._header_or_none(self._rpc.call("eth_getBlockByNumber", hex(number), False))

    def header_by_hash(self, block_hash: Hash32) -> Header | None:
        """The block of this hash, if the node knows it."""
        return self._header_or_none(self._rpc.call("eth_getBlockByHash", str(block_hash), False))

    def headers(self, blocks: BlockRange) -> list[Header]:
        """The blocks of these numbers, ascending.

        Raises:
            AnswersDisagree: one of them does not exist, though a higher block does.
        """
        numbers = range(blocks.start, blocks.end)
        calls = [Call("eth_getBlockByNumber", (hex(number), False)) for number in numbers]
        answers = self._rpc.results(calls)
        if None in answers:
            raise AnswersDisagree(f"block {numbers[answers.index(None)]} does not exist")
        return [self._parse(header_from_answer, answer) for answer in answers]

    def logs_in_range(self, blocks: BlockRange, wanted: LogFilter) -> LogBatch:
        """The wanted logs of these numbers, in chain order."""
        bounds = {"fromBlock": hex(blocks.start), "toBlock": hex(blocks.end - 1)}
        return self._logs([bounds], wanted, blocks)

    def logs_of_blocks(self, hashes: Sequence[Hash32], wanted: LogFilter) -> LogBatch:
        """The wanted logs of exactly these blocks, in chain order."""
        return self._logs([{"blockHash": str(one)} for one in hashes], wanted, _ONE_BLOCK)

    def _logs(
        self, places: Sequence[dict[str, str]], wanted: LogFilter, asked: BlockRange
    ) -> LogBatch:
        while True:
            parts = _in_parts(wanted, self._addresses_max)
            calls = [Call("eth_getLogs", (part | place,)) for place in places for part in parts]
            try:
                return self._parse(logs_from_answers, self._rpc.results(calls))
            except RPCFailed as error:
                self._split(error, len(wanted.addresses), asked)

    def _split(self, error: RPCFailed, addresses: int, asked: BlockRange) -> None:
        """Take fewer addresses from now on if that is what the error is about; else raise it."""
        advice = advice_from(error.message, code=error.code, data=error.data, asked=asked)
        asked_addresses = min(self._addresses_max or addresses, addresses)
        if not isinstance(advice, SplitAddresses) or asked_addresses <= 1:
            raise error
        said = advice.addresses_max
        is_less = said is not None and said < asked_addresses
        self._addresses_max = said if is_less else asked_addresses >> 1

    def _header_or_none(self, answer: object) -> Header | None:
        return None if answer is None else self._parse(header_from_answer, answer)

    def _parse(self, parse: Callable[[_Answer], _Parsed], answer: _Answer) -> _Parsed:
        try:
            return parse(answer)
        except NotTheSchema as error:
            raise AnswerMalformed(self._rpc.host, str(error)) from error


def _in_parts(wanted: LogFilter, addresses_max: int | None) -> list[dict[str, object]]:
    """The filter as the interface writes it, each with at most so many of the addresses."""
    addresses = ["0x" + address.hex() for address in wanted.addresses]
    size = addresses_max or max(len(addresses), 1)
    topics = [[str(topic) for topic in wanted.topics0]]
    return [
        {"address": addresses[start : start + size], "topics": topics}
        for start in range(0, max(len(addresses), 1), size)
    ]
