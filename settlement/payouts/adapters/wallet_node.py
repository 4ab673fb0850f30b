"""Transactions of one payout wallet, from one endpoint.

JSON-RPC has no list of an account's transactions. But each has one nonce, and how many were used at
a block the account itself says: so what we did not sign is found by bisection.
"""

import logging
from collections.abc import Mapping, Sequence

from contracts.evm import Address, BlockNumber, BlockRef, Hash32, bytes_from_hex
from contracts.transaction_fees import (
    BLOB_TYPE,
    OperatorFee,
    UnknownFeeRule,
    operator_fee_wei,
)
from settlement.errors import ChainUnavailable
from settlement.payouts.adapters.endpoint import Call, Endpoint, Json, pinned
from settlement.payouts.record_gas import AccountAt, MinedTransaction

log = logging.getLogger(__name__)

_OPERATOR = "operatorFeeScalar"
_STATE_IS_GONE = (
    "missing trie node",
    "not available",
    "pruned",
    "archive",
    "historical",
    "old data",
    "distance to target block",
)
"""How nodes say that they keep no state of a block; in lower case."""


class NodeWallet:
    """`record_gas.WalletChain` over one JSON-RPC endpoint."""

    def __init__(self, url: str, wallet: Address, *, timeout_s: int) -> None:
        self._endpoint = Endpoint(url, timeout_s=timeout_s)
        self._wallet = wallet

    def account(self, at: BlockRef) -> AccountAt | None:
        """The account at a block, by its hash; None where the node has no such state any more."""
        calls: list[Call] = [
            (method, [str(self._wallet), pinned(at)])
            for method in ("eth_getBalance", "eth_getTransactionCount")
        ]
        answers = self._endpoint.responses(calls)
        for (method, _), answer in zip(calls, answers, strict=True):
            if "error" in answer:
                message = str(answer["error"]["message"])
                if any(sign in message.lower() for sign in _STATE_IS_GONE):
                    return None
                raise ChainUnavailable(method, message)
        balance, nonce = (int(answer["result"], 16) for answer in answers)
        return AccountAt(balance, nonce)

    def mined(self, hashes: Sequence[Hash32]) -> Mapping[int, MinedTransaction]:
        """Those of the transactions that are in the chain, by nonce."""
        calls: list[Call] = [("eth_getTransactionReceipt", [str(one)]) for one in hashes]
        receipts = [one for one in self._endpoint.read_many(calls) if one is not None]
        bodies = self._endpoint.read_many(
            [("eth_getTransactionByHash", [one["transactionHash"]]) for one in receipts]
        )
        ours = [
            (body, receipt)
            for body, receipt in zip(bodies, receipts, strict=True)
            if body is not None and self._is_its(body)
        ]
        return {one.nonce: one for one in self._mined(ours)}

    def located(
        self, nonce: int, *, after: BlockNumber, upto: BlockNumber
    ) -> MinedTransaction | None:
        """The transaction in blocks (after, upto] that spent a nonce; None if none is shown."""
        low, high = after + 1, int(upto)
        while low < high:
            middle = (low + high) >> 1
            question = [str(self._wallet), hex(middle)]
            if int(self._endpoint.read("eth_getTransactionCount", question), 16) > nonce:
                high = middle
            else:
                low = middle + 1
        block = self._endpoint.read("eth_getBlockByNumber", [hex(low), True])
        for body in block["transactions"] if block else ():
            if self._is_its(body) and int(body["nonce"], 16) == nonce:
                receipt = self._endpoint.read("eth_getTransactionReceipt", [body["hash"]])
                return None if receipt is None else self._mined([(body, receipt)])[0]
        return None

    def _is_its(self, body: Json) -> bool:
        return Address.from_hex(body["from"]) == self._wallet

    def _mined(self, ours: Sequence[tuple[Json, Json]]) -> list[MinedTransaction]:
        """Transactions with their receipts; where one names an operator fee, its block is asked."""
        hashes = sorted({receipt["blockHash"] for _, receipt in ours if _OPERATOR in receipt})
        blocks = self._endpoint.read_many([("eth_getBlockByHash", [one, False]) for one in hashes])
        headers = {name: block for name, block in zip(hashes, blocks, strict=True) if block}
        return [_mined(body, receipt, headers.get(receipt["blockHash"])) for body, receipt in ours]


def _mined(body: Json, receipt: Json, header: Json | None) -> MinedTransaction:
    recipient = Address.from_hex(body["to"]) if body.get("to") else None
    is_success = int(receipt["status"], 16) == 1
    leaves = is_success and recipient != Address.from_hex(body["from"])
    return MinedTransaction(
        nonce=int(body["nonce"], 16),
        tx_hash=Hash32.from_hex(body["hash"]),
        recipient=recipient,
        data=bytes_from_hex(body["input"]),
        value_wei=int(body["value"], 16) if leaves else 0,
        is_success=is_success,
        block_number=BlockNumber(int(receipt["blockNumber"], 16)),
        block_hash=Hash32.from_hex(receipt["blockHash"]),
        gas_used=int(receipt["gasUsed"], 16),
        effective_gas_price_wei=int(receipt["effectiveGasPrice"], 16),
        l1_fee_wei=_quantity(receipt, "l1Fee"),
        other_fee_wei=_blob_fee_wei(receipt) + _operator_fee_wei(receipt, header),
    )


def _operator_fee_wei(receipt: Json, header: Json | None) -> int:
    """What an OP-stack chain charges; nothing where its rule is not known, which is told later.

    The reconciliation names fees that nothing is known of, and finds what they came to.
    """
    if header is None:
        return 0
    fee = OperatorFee(_quantity(receipt, _OPERATOR), _quantity(receipt, "operatorFeeConstant"))
    try:
        extra_data = bytes_from_hex(header["extraData"])
        return operator_fee_wei(int(receipt["gasUsed"], 16), fee, extra_data)
    except UnknownFeeRule as error:
        log.warning(
            "fee not booked", extra={"tx_hash": receipt["transactionHash"], "why": str(error)}
        )
        return 0


def _blob_fee_wei(receipt: Json) -> int:
    if _quantity(receipt, "type") != BLOB_TYPE:
        return 0
    return _quantity(receipt, "blobGasUsed") * _quantity(receipt, "blobGasPrice")


def _quantity(receipt: Json, field: str) -> int:
    return int(receipt.get(field) or "0x0", 16)
