"""One node as the submitter sees it: JSON-RPC through web3's HTTP provider.

Reads are pinned by block hash (EIP-1898, `requireCanonical`), so a node that lacks the block fails
instead of answering for another one. Transport failures of reads are tried three times; whatever
then remains is `ChainUnavailable`. A broadcast is tried once: the next tick sends it again.
Raw JSON ends here.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import requests
from requests import RequestException
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential
from web3 import HTTPProvider
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from contracts.calls import (
    PAUSED,
    EpochState,
    Function,
    Refusal,
    epoch_of_call,
    paid_lines_call,
    refusal_from_revert,
    uint_from_answer,
)
from contracts.events import EPOCH_COMMITTED, LEAF_WITHDRAWN, WITHDRAW_REFUSED
from contracts.evm import (
    Address,
    BlockNumber,
    BlockRef,
    ChainId,
    Epoch,
    Hash32,
    Timestamp,
    bytes_from_hex,
)
from contracts.operations import commit_operation_id
from settlement.errors import ChainUnavailable
from settlement.payouts.broadcast import Answer, SendResult, read_error
from settlement.payouts.gas import FeeQuote
from settlement.payouts.operation import LeafSubject, Operation
from settlement.payouts.view import (
    Backing,
    Objection,
    Receipt,
    Usage,
    commit_usage,
    leaf_usage,
)

BATCH_MAX = 100
"""Calls of one JSON-RPC batch."""

OP_STACK_ORACLE = Address.from_hex("0x420000000000000000000000000000000000000F")
"""GasPriceOracle, at the same place on every OP-stack chain."""

BALANCE_OF = Function("balanceOf", ("address",))
ACCOUNTED = Function("accounted", ("address",))
GET_L1_FEE = Function("getL1Fee", ("bytes",))

_ENVELOPE = b"\xff" * 200
"""More than what a transaction has besides its calldata, of the dearest kind of byte."""

_TRIES_MAX = 3
_WAIT_MAX_S = 2
_REVERT_CODE = 3

Json = Any  # what json.loads returns
_Call = tuple[str, list[Json]]


class NodePayoutChain:
    """`PayoutChain` over one JSON-RPC endpoint.

    `data_fee_oracle` is the GasPriceOracle of an OP-stack chain; without it nothing but gas costs.
    """

    def __init__(
        self,
        url: str,
        chain_id: ChainId,
        contract: Address,
        *,
        timeout_s: int,
        data_fee_oracle: Address | None = None,
    ) -> None:
        self._chain_id, self._contract = chain_id, contract
        self._data_fee_oracle = data_fee_oracle
        self._provider = HTTPProvider(
            url,
            request_kwargs={"timeout": timeout_s},
            session=requests.Session(),
            exception_retry_configuration=None,
        )

    def head(self) -> BlockRef:
        """The newest block of the node."""
        block = self._read("eth_getBlockByNumber", ["latest", False])
        return BlockRef(
            number=BlockNumber(int(block["number"], 16)),
            hash=Hash32.from_hex(block["hash"]),
            parent_hash=Hash32.from_hex(block["parentHash"]),
            timestamp=Timestamp(int(block["timestamp"], 16)),
        )

    def is_paused(self, at: BlockRef) -> bool:
        """Whether the contract is paused."""
        return uint_from_answer(self._views([PAUSED.encode()], at)[0]) != 0

    def nonce_count(self, sender: Address, at: BlockRef) -> int:
        """Transactions of `sender` up to the block."""
        return int(self._read("eth_getTransactionCount", [str(sender), _pinned(at)]), 16)

    def pending_count(self, sender: Address) -> int:
        """Transactions of `sender` up to the head, and on with what waits in the node's pool."""
        return int(self._read("eth_getTransactionCount", [str(sender), "pending"]), 16)

    def usages(self, operations: Sequence[Operation], at: BlockRef) -> list[Usage]:
        """What the contract says of each op-id, in order.

        Raises:
            UnknownLines: more lines of a leaf are settled than it has.
        """
        answers = self._views([_usage_call(operation) for operation in operations], at)
        return [_usage(one, answer) for one, answer in zip(operations, answers, strict=True)]

    def receipts(self, hashes: Sequence[Hash32]) -> Mapping[Hash32, Receipt]:
        """The receipts that the node shows now."""
        found = self._read_many([("eth_getTransactionReceipt", [str(one)]) for one in hashes])
        return {
            tx_hash: self._receipt(tx_hash, receipt)
            for tx_hash, receipt in zip(hashes, found, strict=True)
            if receipt is not None
        }

    def known(self, hashes: Sequence[Hash32]) -> frozenset[Hash32]:
        """Those of `hashes` that the node has now, mined or waiting."""
        found = self._read_many([("eth_getTransactionByHash", [str(one)]) for one in hashes])
        pairs = zip(hashes, found, strict=True)
        return frozenset(tx_hash for tx_hash, transaction in pairs if transaction is not None)

    def objections(
        self, calls: Sequence[bytes], *, sender: Address, at: BlockRef
    ) -> list[Objection | None]:
        """Why each call would revert after block `at`, in order; None where it would not."""
        responses = self._responses(
            [("eth_call", [self._call(call, sender), _pinned(at)]) for call in calls]
        )
        return [_objection("eth_call", response) for response in responses]

    def estimate_gas(self, call: bytes, *, sender: Address, at: BlockRef) -> int | Objection:
        """Gas that the call needs after block `at`."""
        method = "eth_estimateGas"
        response = self._response(method, [self._call(call, sender), _pinned(at)])
        return _objection(method, response) or int(response["result"], 16)

    def fees(self, at: BlockRef) -> FeeQuote:
        """Base fee of the block, and the tip that the node suggests."""
        block = self._read("eth_getBlockByHash", [str(at.hash), False])
        if block is None or "baseFeePerGas" not in block:
            raise ChainUnavailable("eth_getBlockByHash", f"no base fee of block {at.hash}")
        return FeeQuote(
            base_fee_wei=int(block["baseFeePerGas"], 16),
            tip_wei=int(self._read("eth_maxPriorityFeePerGas", []), 16),
        )

    def balance(self, sender: Address, at: BlockRef) -> int:
        """Money of `sender` for gas, in wei."""
        return int(self._read("eth_getBalance", [str(sender), _pinned(at)]), 16)

    def backing(self, assets: Sequence[Address], at: BlockRef) -> list[Backing]:
        """What the contract holds of each asset, and how much of it is accounted for."""
        contract = self._contract
        calls = [(asset, BALANCE_OF.encode(bytes(contract))) for asset in assets]
        calls += [(contract, ACCOUNTED.encode(bytes(asset))) for asset in assets]
        amounts = [uint_from_answer(answer) for answer in self._calls(calls, at)]
        return [
            Backing(held=held, accounted=accounted)
            for held, accounted in zip(amounts[: len(assets)], amounts[len(assets) :], strict=True)
        ]

    def data_fee(self, data: bytes, at: BlockRef) -> int:
        """Wei that an OP-stack chain takes for the data of a transaction; 0 elsewhere.

        Source: Optimism's GasPriceOracle, `getL1Fee`, which expects an unsigned transaction.
        """
        if self._data_fee_oracle is None:
            return 0
        call = GET_L1_FEE.encode(data + _ENVELOPE)
        return uint_from_answer(self._calls([(self._data_fee_oracle, call)], at)[0])

    def send_raw(self, raw: bytes) -> SendResult:
        """Broadcast; no answer and every error are results."""
        method = RPCEndpoint("eth_sendRawTransaction")
        try:
            response: Json = self._provider.make_request(method, ["0x" + raw.hex()])
        except (RequestException, Web3Exception) as error:
            # Only the kind: the message of a transport error may hold the URL with its key.
            return SendResult(Answer.UNCLEAR, type(error).__name__)
        if "error" not in response:
            return SendResult(Answer.ACCEPTED, "")
        return read_error(int(response["error"]["code"]), str(response["error"]["message"]))

    def _call(self, call: bytes, sender: Address) -> Json:
        return {"from": str(sender), "to": str(self._contract), "data": "0x" + call.hex()}

    def _views(self, calls: Sequence[bytes], at: BlockRef) -> list[bytes]:
        return self._calls([(self._contract, call) for call in calls], at)

    def _calls(self, calls: Sequence[tuple[Address, bytes]], at: BlockRef) -> list[bytes]:
        requested: list[_Call] = [
            ("eth_call", [{"to": str(to), "data": "0x" + call.hex()}, _pinned(at)])
            for to, call in calls
        ]
        return [bytes_from_hex(answer) for answer in self._read_many(requested)]

    def _read(self, method: str, params: list[Json]) -> Json:
        return _result(method, self._response(method, params))

    def _read_many(self, calls: Sequence[_Call]) -> list[Json]:
        responses = self._responses(calls)
        return [
            _result(method, response)
            for (method, _), response in zip(calls, responses, strict=True)
        ]

    def _response(self, method: str, params: list[Json]) -> Json:
        endpoint = RPCEndpoint(method)
        return _tried(method, partial(self._provider.make_request, endpoint, params))

    def _responses(self, calls: Sequence[_Call]) -> list[Json]:
        responses: list[Json] = []
        for start in range(0, len(calls), BATCH_MAX):
            part = [(RPCEndpoint(method), params) for method, params in calls[start:][:BATCH_MAX]]
            method = part[0][0]
            answer = _tried(method, partial(self._provider.make_batch_request, part))
            if not isinstance(answer, list) or len(answer) != len(part):
                raise ChainUnavailable(method, "the node refused a batch of calls")
            responses.extend(answer)
        return responses

    def _receipt(self, tx_hash: Hash32, receipt: Json) -> Receipt:
        settled: set[Hash32] = set()
        refused: dict[Hash32, Refusal] = {}
        for log in receipt["logs"]:
            if Address.from_hex(log["address"]) != self._contract:
                continue
            topics = [Hash32.from_hex(topic) for topic in log["topics"]]
            if topics[0] == LEAF_WITHDRAWN.topic0:
                settled.add(topics[1])
            elif topics[0] == WITHDRAW_REFUSED.topic0:
                refused[topics[1]] = Refusal(bytes_from_hex(log["data"])[-1])
            elif topics[0] == EPOCH_COMMITTED.topic0:
                settled.add(self._commit_id(topics))
        return Receipt(
            tx_hash=tx_hash,
            block_number=BlockNumber(int(receipt["blockNumber"], 16)),
            block_hash=Hash32.from_hex(receipt["blockHash"]),
            is_success=int(receipt["status"], 16) == 1,
            settled=frozenset(settled),
            refused=refused,
        )

    def _commit_id(self, topics: Sequence[Hash32]) -> Hash32:
        return commit_operation_id(
            Epoch(int.from_bytes(topics[1], "big")),
            int.from_bytes(topics[2], "big"),
            chain_id=self._chain_id,
            contract=self._contract,
        )


def _pinned(at: BlockRef) -> Json:
    return {"blockHash": str(at.hash), "requireCanonical": True}


def _usage_call(operation: Operation) -> bytes:
    subject = operation.subject
    if isinstance(subject, LeafSubject):
        return paid_lines_call(subject.epoch, subject.work_id, subject.part, subject.asset)
    return epoch_of_call(subject.epoch)


def _usage(operation: Operation, answer: bytes) -> Usage:
    subject = operation.subject
    if isinstance(subject, LeafSubject):
        return leaf_usage(operation.op_id, subject, uint_from_answer(answer))
    return commit_usage(subject, EpochState.from_answer(answer))


def _objection(method: str, response: Json) -> Objection | None:
    """A revert is an answer; every other error means that the node did not answer."""
    if "error" not in response:
        return None
    error = response["error"]
    data = error.get("data")
    is_revert = error["code"] == _REVERT_CODE or "revert" in str(error["message"]).lower()
    if not is_revert:
        raise ChainUnavailable(method, str(error["message"]))
    raw = bytes_from_hex(data) if isinstance(data, str) and data.startswith("0x") else b""
    refusal = refusal_from_revert(raw)
    reason = refusal.name.lower() if refusal is not None else f"reverts with 0x{raw.hex()}"
    return Objection(refusal, reason)


def _result(method: str, response: Json) -> Json:
    if "error" in response:
        raise ChainUnavailable(method, str(response["error"]["message"]))
    return response["result"]


def _tried(method: str, request: Callable[[], Json]) -> Json:
    """Ask up to three times as long as the transport fails."""
    attempt = retry(
        retry=retry_if_exception_type(RequestException),
        stop=stop_after_attempt(_TRIES_MAX),
        wait=wait_exponential(multiplier=0.2, max=_WAIT_MAX_S),
        reraise=True,
    )(request)
    try:
        return attempt()
    except (RequestException, Web3Exception) as error:
        raise ChainUnavailable(method, type(error).__name__) from error
