"""One node as payments see it: receipts, heights, and terms that the index has not reached yet.

Transport failures are tried three times; whatever then remains is `ChainUnavailable`. A receipt is
compared with the node's block of the same height, so a receipt of a replaced block is seen as such.
Raw JSON ends here; an answer that is not what it must be is no answer. Of an error only the code is
told: providers repeat our URL in their words, key included, and a failure is told to clients.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import requests
from requests import RequestException
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential
from web3 import HTTPProvider
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from contracts.event_spec import EventSpec
from contracts.evm import (
    Address,
    BlockNumber,
    BlockRef,
    ChainId,
    Hash32,
    Timestamp,
    bytes_from_hex,
)
from contracts.units import BaseUnits
from settlement.errors import ChainUnavailable
from settlement.node_answers import quantity, reading
from settlement.payments.decoding import NotTheEvent, Value, decoded
from settlement.payments.evidence import Heights, LogSeen, Source, TransactionSeen
from settlement.payments.fees import FeeTerms
from settlement.payments.intent import PaymentIntent
from settlement.payments.rulebook import FeeTermsInForce, LogPlace, Rulebook, TierPriceInForce

LOG_RANGE_BLOCKS = 2_000
"""Blocks of one question for logs."""

LOG_RANGES_MAX = 500
"""Questions for logs at one look: an index that is further behind must catch up first."""

_TRIES_MAX = 3
_WAIT_MAX_S = 2

Json = Any  # what json.loads returns


class NodePayments:
    """`PaymentNode` over one JSON-RPC endpoint.

    Finality is the older of the `finalized` block, if `has_finality_tag`, and `depth_blocks` below
    the head. `start_block` is the settlement's: nothing was set before it.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: int,
        has_finality_tag: bool,
        depth_blocks: int,
        start_block: BlockNumber,
    ) -> None:
        self._has_finality_tag, self._depth_blocks = has_finality_tag, depth_blocks
        self._start_block = start_block
        self._provider = HTTPProvider(
            url,
            request_kwargs={"timeout": timeout_s},
            session=requests.Session(),
            exception_retry_configuration=None,
        )

    def heights(self) -> Heights:
        """How far the node is."""
        head = self._block("latest")
        if head is None:
            raise ChainUnavailable("eth_getBlockByNumber", "no latest block")
        deep = BlockNumber(head.number - self._depth_blocks)
        finalized = self._block(hex(deep)) if deep >= 0 else None
        if self._has_finality_tag:
            tagged = self._block("finalized")
            if tagged is None or (finalized is not None and tagged.number < finalized.number):
                finalized = tagged
        return Heights(head=head, safe=self._block("safe"), finalized=finalized)

    def transaction(self, tx_hash: Hash32) -> TransactionSeen | None:
        """The receipt of a transaction; None while no block has it."""
        receipt = self._read("eth_getTransactionReceipt", [str(tx_hash)])
        if receipt is None:
            return None
        chain_id = self._read("eth_chainId", [])
        with reading("eth_getTransactionReceipt"):
            block = self._read("eth_getBlockByHash", [receipt["blockHash"], False])
            held = self._block(receipt["blockNumber"])
            if block is None or Hash32.from_hex(receipt["transactionHash"]) != tx_hash:
                raise ChainUnavailable("eth_getTransactionReceipt", "a receipt without its block")
            block_hash = Hash32.from_hex(receipt["blockHash"])
            return TransactionSeen(
                source=Source.NODE,
                chain_id=ChainId(quantity(chain_id)),
                transaction_hash=tx_hash,
                is_success=quantity(receipt["status"]) == 1,
                block=_block_ref(block),
                is_canonical=held is not None and held.hash == block_hash,
                logs=tuple(_log(one) for one in receipt["logs"]),
            )

    def rulebook_after(
        self, intent: PaymentIntent, after: BlockNumber, upto: BlockNumber
    ) -> Rulebook:
        """Terms and prices that were set in blocks (after, upto]; no contracts."""
        family, contract = intent.family, intent.contract
        start = max(after + 1, self._start_block)
        terms: list[FeeTermsInForce] = []
        prices: list[TierPriceInForce] = []
        if family.fee_terms is not None:
            for place, values in self._events(family.fee_terms, contract, start, upto):
                terms.append(_fee_terms(place, contract, values))
        if family.price_list is not None:
            for place, values in self._events(family.price_list, contract, start, upto):
                prices.append(_price(place, contract, values))
        return Rulebook(contracts=(), fee_terms=tuple(terms), prices=tuple(prices))

    def _events(
        self, spec: EventSpec, contract: Address, start: int, upto: int
    ) -> Iterator[tuple[LogPlace, dict[str, Value]]]:
        """Well-formed events of a contract in blocks [start, upto]."""
        if upto - start >= LOG_RANGE_BLOCKS * LOG_RANGES_MAX:
            raise ChainUnavailable("eth_getLogs", f"the index is {upto - start} blocks behind")
        for first in range(start, upto + 1, LOG_RANGE_BLOCKS):
            wanted = {
                "address": str(contract),
                "topics": [str(spec.topic0)],
                "fromBlock": hex(first),
                "toBlock": hex(min(first + LOG_RANGE_BLOCKS - 1, upto)),
            }
            logs = self._read("eth_getLogs", [wanted])
            with reading("eth_getLogs"):
                placed = [(quantity(log["blockNumber"]), _log(log)) for log in logs]
            for block_number, seen in placed:
                try:
                    values = dict(decoded(spec, seen.topics, seen.data))
                except NotTheEvent:
                    continue
                yield (block_number, seen.log_index), values

    def _block(self, tag: str) -> BlockRef | None:
        """A block by height or tag; None if there is none, or the node does not know the tag."""
        method = "eth_getBlockByNumber"
        response = self._response(method, [tag, False])
        is_tag = tag in {"safe", "finalized"}
        if is_tag and response.get("error") is not None:
            return None
        block = _result(method, response)
        with reading(method):
            return None if block is None else _block_ref(block)

    def _read(self, method: str, params: list[Json]) -> Json:
        return _result(method, self._response(method, params))

    def _response(self, method: str, params: list[Json]) -> Json:
        endpoint = RPCEndpoint(method)
        response = _tried(method, partial(self._provider.make_request, endpoint, params))
        if not isinstance(response, dict):
            raise ChainUnavailable(method, "the answer is no JSON-RPC")
        return response


def _fee_terms(since: LogPlace, contract: Address, values: dict[str, Value]) -> FeeTermsInForce:
    treasury = values["treasury"]
    if not isinstance(treasury, Address):
        raise TypeError(f"not fee terms: {values}")
    minimum = BaseUnits(_integer(values["minimum"]))
    terms = FeeTerms(treasury=treasury, minimum=minimum, bps=_integer(values["bps"]))
    return FeeTermsInForce(since=since, contract=contract, terms=terms)


def _price(since: LogPlace, contract: Address, values: dict[str, Value]) -> TierPriceInForce:
    subject = values["event_id"]
    if not isinstance(subject, Hash32):
        raise TypeError(f"not a tier: {values}")
    return TierPriceInForce(
        since=since,
        contract=contract,
        subject=subject,
        tier_id=_integer(values["tier_id"]),
        price=BaseUnits(_integer(values["price"])),
    )


def _integer(value: Value) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is not an integer")
    return value


def _block_ref(block: Json) -> BlockRef:
    return BlockRef(
        number=BlockNumber(quantity(block["number"])),
        hash=Hash32.from_hex(block["hash"]),
        parent_hash=Hash32.from_hex(block["parentHash"]),
        timestamp=Timestamp(quantity(block["timestamp"])),
    )


def _log(log: Json) -> LogSeen:
    return LogSeen(
        address=Address.from_hex(log["address"]),
        topics=tuple(bytes_from_hex(topic) for topic in log["topics"]),
        data=bytes_from_hex(log["data"]),
        log_index=quantity(log["logIndex"]),
        is_removed=bool(log.get("removed", False)),
    )


def _result(method: str, response: Json) -> Json:
    error = response.get("error")
    if error is not None:
        code = error.get("code") if isinstance(error, dict) else None
        raise ChainUnavailable(method, f"error {code if type(code) is int else 'without a code'}")
    if "result" not in response:
        raise ChainUnavailable(method, "the answer has neither result nor error")
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
        with reading(method):
            return attempt()
    except (RequestException, Web3Exception) as error:
        raise ChainUnavailable(method, type(error).__name__) from error
