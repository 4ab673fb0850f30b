"""Transactions of one payout wallet, from one endpoint.

JSON-RPC has no list of an account's transactions. But each has one nonce, and how many were used at
a block the account itself says: so what we did not sign is found by bisection.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

from contracts.evm import Address, BlockNumber, BlockRef, Hash32, bytes_from_hex
from contracts.transaction_fees import (
    BLOB_TYPE,
    OperatorFee,
    UnknownFeeRule,
    operator_fee_wei,
)
from settlement.errors import ChainUnavailable
from settlement.node_answers import quantity, reading
from settlement.payouts.adapters.endpoint import Call, Endpoint, Json, pinned
from settlement.payouts.record_gas import AccountAt, MinedTransaction

log = logging.getLogger(__name__)

_OPERATOR = "operatorFeeScalar"
_STATE_IS_GONE = (
    "missing trie node",
    "state not available",
    "state is not available",
    "state available",
    "state unavailable",
    "pruned",
    "archive",
    "historical",
    "old data",
    "distance to target block",
)
"""How nodes say that they keep no state of a block; in lower case."""


class NodeWallet:
    """`record_gas.WalletChain` over one JSON-RPC endpoint.

    `told` is how the node's words are repeated.
    """

    def __init__(
        self, url: str, wallet: Address, *, timeout_s: int, told: Callable[[str], str]
    ) -> None:
        self._endpoint = Endpoint(url, timeout_s=timeout_s, told=told)
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
                message = answer["error"]["message"]
                if any(sign in message.lower() for sign in _STATE_IS_GONE):
                    return None
                raise ChainUnavailable(method, message)
        with reading("eth_getBalance"):
            balance, nonce = (quantity(answer["result"]) for answer in answers)
        return AccountAt(balance, nonce)

    def mined(self, hashes: Sequence[Hash32]) -> Mapping[int, MinedTransaction]:
        """Those of the transactions that are in the chain, by nonce."""
        calls: list[Call] = [("eth_getTransactionReceipt", [str(one)]) for one in hashes]
        answers = self._endpoint.read_many(calls)
        shown = [
            (one, receipt)
            for one, receipt in zip(hashes, answers, strict=True)
            if receipt is not None
        ]
        bodies = self._endpoint.read_many(
            [("eth_getTransactionByHash", [str(one)]) for one, _ in shown]
        )
        with reading("eth_getTransactionReceipt"):
            ours = [
                (body, receipt)
                for (_, receipt), body in zip(shown, bodies, strict=True)
                if body is not None and self._is_its(body)
            ]
            mined = self._mined(ours)
        if not {one.tx_hash for one in mined} <= set(hashes):
            raise ChainUnavailable("eth_getTransactionByHash", "another transaction than was asked")
        return {one.nonce: one for one in mined}

    def located(
        self, nonce: int, *, after: BlockNumber, upto: BlockNumber
    ) -> MinedTransaction | None:
        """The transaction in blocks (after, upto] that spent a nonce; None if none is shown."""
        low, high = after + 1, int(upto)
        while low < high:
            middle = (low + high) >> 1
            question = [str(self._wallet), hex(middle)]
            if self._endpoint.quantity("eth_getTransactionCount", question) > nonce:
                high = middle
            else:
                low = middle + 1
        block = self._endpoint.read("eth_getBlockByNumber", [hex(low), True])
        with reading("eth_getBlockByNumber"):
            for body in block["transactions"] if block else ():
                if self._is_its(body) and quantity(body["nonce"]) == nonce:
                    return self._with_receipt(body)
        return None

    def _with_receipt(self, body: Json) -> MinedTransaction | None:
        receipt = self._endpoint.read("eth_getTransactionReceipt", [body["hash"]])
        if receipt is None:
            return None
        with reading("eth_getTransactionReceipt"):
            return self._mined([(body, receipt)])[0]

    def _is_its(self, body: Json) -> bool:
        return Address.from_hex(body["from"]) == self._wallet

    def _mined(self, ours: Sequence[tuple[Json, Json]]) -> list[MinedTransaction]:
        """Transactions with their receipts; where one names an operator fee, its block is asked."""
        hashes = sorted({receipt["blockHash"] for _, receipt in ours if _OPERATOR in receipt})
        blocks = self._endpoint.read_many([("eth_getBlockByHash", [one, False]) for one in hashes])
        if None in blocks:
            raise ChainUnavailable("eth_getBlockByHash", "no block of a receipt that it has shown")
        headers = dict(zip(hashes, blocks, strict=True))
        return [_mined(body, receipt, headers.get(receipt["blockHash"])) for body, receipt in ours]


def _mined(body: Json, receipt: Json, header: Json | None) -> MinedTransaction:
    tx_hash = Hash32.from_hex(body["hash"])
    if Hash32.from_hex(receipt["transactionHash"]) != tx_hash:
        raise ValueError("the receipt of another transaction")
    recipient = Address.from_hex(body["to"]) if body.get("to") else None
    is_success = quantity(receipt["status"]) == 1
    leaves = is_success and recipient != Address.from_hex(body["from"])
    return MinedTransaction(
        nonce=quantity(body["nonce"]),
        tx_hash=tx_hash,
        recipient=recipient,
        data=bytes_from_hex(body["input"]),
        value_wei=quantity(body["value"]) if leaves else 0,
        is_success=is_success,
        block_number=BlockNumber(quantity(receipt["blockNumber"])),
        block_hash=Hash32.from_hex(receipt["blockHash"]),
        gas_used=quantity(receipt["gasUsed"]),
        effective_gas_price_wei=quantity(receipt["effectiveGasPrice"]),
        l1_fee_wei=_quantity_if_present(receipt, "l1Fee"),
        other_fee_wei=_blob_fee_wei(receipt) + _operator_fee_wei(receipt, header),
    )


def _operator_fee_wei(receipt: Json, header: Json | None) -> int:
    """What an OP-stack chain charges; nothing where its rule is not known, which is told later.

    The reconciliation names fees that nothing is known of, and finds what they came to.
    """
    if header is None:
        return 0
    fee = OperatorFee(
        _quantity_if_present(receipt, _OPERATOR),
        _quantity_if_present(receipt, "operatorFeeConstant"),
    )
    try:
        extra_data = bytes_from_hex(header["extraData"])
        return operator_fee_wei(quantity(receipt["gasUsed"]), fee, extra_data)
    except UnknownFeeRule as error:
        log.warning(
            "fee not booked", extra={"tx_hash": receipt["transactionHash"], "why": str(error)}
        )
        return 0


def _blob_fee_wei(receipt: Json) -> int:
    if _quantity_if_present(receipt, "type") != BLOB_TYPE:
        return 0
    return quantity(receipt["blobGasUsed"]) * quantity(receipt["blobGasPrice"])


def _quantity_if_present(receipt: Json, field: str) -> int:
    """A quantity that not every chain has; 0 where there is none."""
    value = receipt.get(field)
    return 0 if value is None else quantity(value)
