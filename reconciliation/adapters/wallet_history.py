"""What left a payout wallet, from one endpoint: by nonce, by transfer, by balance.

JSON-RPC has no list of an address's transactions. But each has one nonce, and how many were used at
a block the account itself says: so what we did not store is found by bisection.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.evm import Address, BlockRef, Hash32, Timestamp
from reconciliation.adapters.client import Refused, RPCClient
from reconciliation.adapters.logs import LogReader
from reconciliation.adapters.state_proofs import ProvenReadings
from reconciliation.chain_events import TRANSFER_TOPIC, TokenTransfer, transfer_of
from reconciliation.wallets import WalletHistory, WalletRecords, WalletTransaction

LOCATED_MAX = 100
"""Transactions that are not ours, of one wallet, that one run looks for."""


class WalletReader:
    """Wallets as one endpoint shows them."""

    def __init__(self, client: RPCClient, logs: LogReader, readings: ProvenReadings) -> None:
        self._client, self._logs, self._readings = client, logs, readings

    def history(self, records: WalletRecords, start: int, at: BlockRef) -> WalletHistory:
        """What left the wallet, from the first nonce on that we know of, up to a block.

        Args:
            records: what we know of the wallet.
            start: a block before which nothing was ours.
            at: the block.

        Raises:
            ChainUnavailable: no answer.
        """
        wallet = records.wallet
        balance, nonce = self._readings.account(wallet, at)
        mined = self._mined(wallet, sorted(records.signed | records.recorded), at)
        missing = sorted(
            set(range(records.known_from, nonce.value)) - mined.keys(),
            key=lambda number: (number < (records.first_nonce or 0), number),
        )
        located = {
            number: found
            for number in missing[:LOCATED_MAX]
            if (found := self._located(wallet, number, start, at)) is not None
        }
        transactions = tuple(one for _, one in sorted((mined | located).items()))
        first_block = min((one.block_number for one in transactions), default=at.number)
        return WalletHistory(
            wallet=wallet,
            first_nonce=records.known_from,
            nonce=nonce,
            balance=balance,
            opening_wei=self._opening(wallet, first_block),
            transactions=transactions,
            unlocated=tuple(number for number in missing if number not in located),
            transfers=tuple(self._transfers(wallet, first_block, at)),
        )

    def _mined(
        self, wallet: Address, hashes: Sequence[Hash32], at: BlockRef
    ) -> dict[int, WalletTransaction]:
        """Those of the wallet's transactions that are in the chain, by nonce."""
        receipts = self._client.batch(
            [("eth_getTransactionReceipt", (str(one),)) for one in hashes]
        )
        found = [raw for raw in receipts if raw is not None and _number(raw) <= at.number]
        bodies = self._client.batch(
            [("eth_getTransactionByHash", (raw["transactionHash"],)) for raw in found]
        )
        times = self._times({_number(raw) for raw in found})
        return {
            int(body["nonce"], 16): _transaction(body, raw, times[_number(raw)])
            for raw, body in zip(found, bodies, strict=True)
            if Address.from_hex(body["from"]) == wallet
        }

    def _located(
        self, wallet: Address, nonce: int, start: int, at: BlockRef
    ) -> WalletTransaction | None:
        """The transaction that spent a nonce; None if the node does not show it."""
        low, high = start, int(at.number)
        while low < high:
            middle = (low + high) >> 1
            (count,) = self._client.tried([("eth_getTransactionCount", (str(wallet), hex(middle)))])
            if isinstance(count, Refused):
                return None
            if int(count, 16) > nonce:
                high = middle
            else:
                low = middle + 1
        block = self._client.call("eth_getBlockByNumber", hex(low), True)
        for body in block["transactions"] if block else ():
            is_its = Address.from_hex(body["from"]) == wallet and int(body["nonce"], 16) == nonce
            if is_its:
                receipt = self._client.call("eth_getTransactionReceipt", body["hash"])
                return _transaction(body, receipt, Timestamp(int(block["timestamp"], 16)))
        return None

    def _opening(self, wallet: Address, first_block: int) -> int | None:
        question = (str(wallet), hex(max(first_block - 1, 0)))
        (answer,) = self._client.tried([("eth_getBalance", question)])
        return None if isinstance(answer, Refused) else int(answer, 16)

    def _transfers(self, wallet: Address, start: int, at: BlockRef) -> Iterator[TokenTransfer]:
        topics = [str(TRANSFER_TOPIC), "0x" + wallet.rjust(32, b"\0").hex()]
        for logs in self._logs.ranges((), topics, start, at.number + 1):
            for log in logs:
                transfer = transfer_of(log)
                if transfer is not None:
                    yield transfer

    def _times(self, numbers: set[int]) -> Mapping[int, Timestamp]:
        ordered = sorted(numbers)
        blocks = self._client.batch(
            [("eth_getBlockByNumber", (hex(number), False)) for number in ordered]
        )
        return {
            number: Timestamp(int(raw["timestamp"], 16))
            for number, raw in zip(ordered, blocks, strict=True)
        }


def _transaction(body: Any, receipt: Any, timestamp: Timestamp) -> WalletTransaction:  # noqa: ANN401
    to = Address.from_hex(body["to"]) if body.get("to") else None
    leaves = receipt["status"] == "0x1" and to != Address.from_hex(body["from"])
    return WalletTransaction(
        nonce=int(body["nonce"], 16),
        transaction_hash=Hash32.from_hex(body["hash"]),
        block_number=_number(receipt),
        block_hash=Hash32.from_hex(receipt["blockHash"]),
        timestamp=timestamp,
        to=to,
        value_wei=int(body["value"], 16) if leaves else 0,
        cost_wei=_cost_wei(receipt),
        has_failed=receipt["status"] != "0x1",
    )


def _cost_wei(receipt: Mapping[str, Any]) -> int:
    """Execution, and what a rollup charges for the data (OP stack: `l1Fee`)."""
    execution = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    return execution + int(receipt.get("l1Fee") or "0x0", 16)


def _number(receipt: Mapping[str, Any]) -> int:
    return int(receipt["blockNumber"], 16)
