"""A guardian's own view of the chain, over JSON-RPC.

Reads of state are pinned to a block hash (EIP-1898). Logs are asked for by range; each carries the
hash of its block, so that the rolling hash over them is pinned as well.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from eth_typing import HexStr
from web3 import Web3
from web3.contract import Contract

from contracts.abi import artifact
from contracts.addresses import Settlement
from contracts.batches import LogColumns
from contracts.event_spec import EventSpec
from contracts.events import (
    CONSUMPTION_SUBMITTED,
    EPOCH_CLOCK_STARTED,
    EPOCH_FUNDED,
    PARAMETERS_SET,
    SPLIT_TERMS_SET,
    SUBSCRIBED,
    VERDICT_LIFTED,
    VERDICT_PLACED,
    WORK_TERMS_SET,
)
from contracts.evm import (
    Address,
    BlockNumber,
    BlockRef,
    Epoch,
    Hash32,
    LogIndex,
    Timestamp,
    bytes_from_hex,
)
from contracts.units import BaseUnits
from settlement.errors import ChainUnavailable
from settlement.node_answers import quantity, reading
from settlement.royalties.adapters.node_calls import NodeCalls
from settlement.royalties.approve import EpochStanding

_ANY_EPOCH = (
    EPOCH_CLOCK_STARTED,
    PARAMETERS_SET,
    WORK_TERMS_SET,
    SPLIT_TERMS_SET,
    VERDICT_PLACED,
    VERDICT_LIFTED,
)
_ONE_EPOCH = (SUBSCRIBED, EPOCH_FUNDED, CONSUMPTION_SUBMITTED)


class RPCChainCheck:
    """One settlement, read from one endpoint.

    `finality_tag` is `finalized`, `safe` or `none`; the finalized block is the older of the tag's
    and the one `finality_depth_blocks` below the head. `log_range_blocks` bounds one log request;
    `told` is how the node's words are repeated.
    """

    def __init__(
        self,
        web3: Web3,
        settlement: Settlement,
        *,
        finality_tag: str,
        finality_depth_blocks: int,
        log_range_blocks: int,
        told: Callable[[str], str],
    ) -> None:
        self._node = NodeCalls(web3, told)
        self._settlement = settlement
        self._finality_tag = finality_tag
        self._finality_depth_blocks = finality_depth_blocks
        self._log_range_blocks = log_range_blocks
        self._payouts: Contract = web3.eth.contract(
            address=Web3.to_checksum_address(str(settlement.payouts)),
            abi=artifact("EpochPayouts").abi,
        )

    def finalized(self) -> BlockRef:
        """The finalized block."""
        head = self._present(self._block("latest"), "latest")
        deep = max(head.number - self._finality_depth_blocks, 0)
        if self._finality_tag != "none":
            tagged = self._present(self._block(self._finality_tag), self._finality_tag)
            deep = min(deep, tagged.number)
        return self._present(self._block(hex(deep)), hex(deep))

    def block_hash(self, number: BlockNumber, /) -> Hash32 | None:
        """The hash of the block of this number."""
        block = self._block(hex(number))
        return None if block is None else block.hash

    def paid_in(self, epoch: Epoch, at: BlockRef, /) -> Mapping[Address, BaseUnits]:
        """Money received for the epoch, by asset."""
        assets = self._view("assetsOf", [epoch], at)
        return {
            Address.from_hex(asset): BaseUnits(self._view("paidIn", [epoch, asset], at))
            for asset in assets
        }

    def standing(self, epoch: Epoch, at: BlockRef, /) -> EpochStanding:
        """Where the epoch stands."""
        previous = self._view("epochOf", [epoch - 1], at) if epoch > 0 else None
        guardians = self._view("guardians", [], at)
        return EpochStanding(
            next_epoch=Epoch(self._view("nextEpoch", [], at)),
            attempt=self._view("attemptOf", [epoch], at),
            guardian_set=self._view("guardianSet", [], at),
            threshold=self._view("threshold", [], at),
            guardians=tuple(Address.from_hex(guardian) for guardian in guardians),
            previous_manifest_digest=Hash32(bytes(32) if previous is None else previous[1]),
        )

    def input_log_batches(self, epoch: Epoch, upto: BlockRef, /) -> Iterator[LogColumns]:
        """The raw logs that the epoch depends on, in chain order; those of one range are held."""
        first, step = self._settlement.start_block, self._log_range_blocks
        for start in range(first, upto.number + 1, step):
            logs = self._logs(epoch, start, min(start + step, upto.number + 1))
            with reading("eth_getLogs"):
                columns = _columns(sorted(logs, key=_chain_order))
            yield columns

    def _logs(self, epoch: Epoch, start: int, end: int) -> Iterator[dict[str, Any]]:
        """Logs of blocks [start, end) that count for the epoch, in no order."""
        for addresses, topics in _filters(self._settlement, epoch):
            criteria = {
                "address": addresses,
                "topics": topics,
                "fromBlock": hex(start),
                "toBlock": hex(end - 1),
            }
            logs = self._node.request("eth_getLogs", criteria)
            with reading("eth_getLogs"):
                yield from [log for log in logs if _effective_epoch(log) <= epoch]

    def _block(self, name: str) -> BlockRef | None:
        block = self._node.request("eth_getBlockByNumber", name, False)
        if block is None:
            return None
        with reading("eth_getBlockByNumber"):
            return BlockRef(
                number=BlockNumber(quantity(block["number"])),
                hash=Hash32.from_hex(block["hash"]),
                parent_hash=Hash32.from_hex(block["parentHash"]),
                timestamp=Timestamp(quantity(block["timestamp"])),
            )

    def _present(self, block: BlockRef | None, name: str) -> BlockRef:
        if block is None:
            raise ChainUnavailable(f"eth_getBlockByNumber {name}", "no such block")
        return block

    def _view(self, function: str, arguments: Sequence[object], at: BlockRef) -> Any:  # noqa: ANN401
        bound = self._payouts.functions[function](*arguments)
        return self._node.answered(
            function, lambda: bound.call(block_identifier=HexStr(str(at.hash)))
        )


def _filters(
    settlement: Settlement, epoch: Epoch
) -> Iterator[tuple[list[str], list[str | list[str] | None]]]:
    """Addresses and topics of the log requests that together find every input of an epoch."""
    emitters = sorted({spec.contract for spec in _ANY_EPOCH})
    yield (
        [str(settlement.contracts[name]) for name in emitters],
        [[str(spec.topic0) for spec in _ANY_EPOCH]],
    )
    for spec in _ONE_EPOCH:
        topics: list[str | list[str] | None] = [str(spec.topic0)]
        topics += [None] * _indexed_before_epoch(spec)
        yield [str(settlement.contracts[spec.contract])], [*topics, str(Hash32.from_int(epoch))]


def _indexed_before_epoch(spec: EventSpec) -> int:
    return [field.name for field in spec.fields if field.indexed].index("epoch")


def _effective_epoch(log: Mapping[str, Any]) -> int:
    """The epoch from which a change is in force; 0 for events that know none."""
    topic0 = Hash32.from_hex(log["topics"][0])
    if topic0 == PARAMETERS_SET.topic0:
        return quantity(log["topics"][1])
    if topic0 in (WORK_TERMS_SET.topic0, SPLIT_TERMS_SET.topic0):
        return int.from_bytes(bytes_from_hex(log["data"])[:32], "big")
    return 0


def _chain_order(log: Mapping[str, Any]) -> tuple[int, int]:
    return quantity(log["blockNumber"]), quantity(log["logIndex"])


def _columns(logs: Sequence[Mapping[str, Any]]) -> LogColumns:
    return LogColumns(
        block_number=[BlockNumber(quantity(log["blockNumber"])) for log in logs],
        block_hash=[Hash32.from_hex(log["blockHash"]) for log in logs],
        log_index=[LogIndex(quantity(log["logIndex"])) for log in logs],
        address=[Address.from_hex(log["address"]) for log in logs],
        topics=[[bytes_from_hex(topic) for topic in log["topics"]] for log in logs],
        data=[bytes_from_hex(log["data"]) for log in logs],
    )
