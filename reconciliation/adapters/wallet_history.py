"""What left a payout wallet, from one endpoint: by nonce, by transfer, by balance.

JSON-RPC has no list of an address's transactions. But each has one nonce, and how many were used at
a block the account itself says: so what we did not store is found by bisection.

A receipt is what a node states. It is proven from the header of its block where the node gives the
whole block; those of blocks that an earlier run was content with are not proven again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from contracts.evm import Address, BlockRef, Hash32, Timestamp, bytes_from_hex
from contracts.transaction_fees import (
    BLOB_TYPE,
    OperatorFee,
    UnknownFeeRule,
    operator_fee_wei,
    unknown_fees,
)
from contracts.units import allot_rows
from reconciliation.adapters.client import CALLS_MAX, Refused, RPCClient
from reconciliation.adapters.logs import LogReader
from reconciliation.adapters.receipt_proofs import ProvenBlock, ProvenReceipt, ReceiptProofs
from reconciliation.adapters.state_proofs import ProvenReadings
from reconciliation.chain_events import TRANSFER_TOPIC, TokenTransfer, transfer_of
from reconciliation.wallets import (
    ReceiptBasis,
    WalletHistory,
    WalletRecords,
    WalletTransaction,
)

LOCATED_MAX = 100
"""Transactions that are not ours, of one wallet, that one run looks for."""

_OPERATOR_FIELDS = ("operatorFeeScalar", "operatorFeeConstant")
_ZERO = (None, "", "0x", "0x0")


class _Mined(NamedTuple):
    """A transaction, its receipt and its block, as the node answered them."""

    body: Any
    receipt: Any
    block: Any


class WalletReader:
    """Wallets as one endpoint shows them.

    Transfers of `tokens` alone are read: any contract can log that our wallet sent its own token.
    """

    def __init__(
        self,
        client: RPCClient,
        logs: LogReader,
        readings: ProvenReadings,
        receipts: ReceiptProofs,
        *,
        tokens: Sequence[Address],
    ) -> None:
        self._client, self._logs, self._readings = client, logs, readings
        self._receipts, self._tokens = receipts, tokens

    def history(
        self, records: WalletRecords, start: int, at: BlockRef, *, proven_upto: int
    ) -> WalletHistory:
        """What left the wallet, from the first nonce on that we know of, up to a block.

        Args:
            records: what we know of the wallet.
            start: a block before which nothing was ours.
            at: the block.
            proven_upto: receipts up to this block are taken as proven earlier.

        Raises:
            ChainUnavailable: no answer.
        """
        wallet = records.wallet
        balance, nonce = self._readings.account(wallet, at)
        found: dict[int, WalletTransaction] = {}
        for hashes in _chunks(sorted(records.signed | records.recorded)):
            mined = self._mined(wallet, hashes, at)
            found |= self._judged(mined, proven_upto)
        missing = sorted(
            set(range(records.known_from, nonce.value)) - found.keys(),
            key=lambda number: (number < (records.first_nonce or 0), number),
        )
        located = (self._located(wallet, number, start, at) for number in missing[:LOCATED_MAX])
        found |= self._judged([one for one in located if one is not None], proven_upto)
        found = self._with_unknown_fees(wallet, found)
        transactions = tuple(one for _, one in sorted(found.items()))
        first_block = min((one.block_number for one in transactions), default=at.number)
        return WalletHistory(
            wallet=wallet,
            first_nonce=records.known_from,
            nonce=nonce,
            balance=balance,
            opening_wei=self._opening(wallet, first_block),
            transactions=transactions,
            unlocated=tuple(number for number in missing if number not in found),
            transfers=tuple(self._transfers(wallet, first_block, at)),
        )

    def _mined(self, wallet: Address, hashes: Sequence[Hash32], at: BlockRef) -> list[_Mined]:
        """Those of the wallet's transactions that are in the chain."""
        receipts = self._client.batch(
            [("eth_getTransactionReceipt", (str(one),)) for one in hashes]
        )
        found = [raw for raw in receipts if raw is not None and _number(raw) <= at.number]
        bodies = self._client.batch(
            [("eth_getTransactionByHash", (raw["transactionHash"],)) for raw in found]
        )
        blocks = self._blocks({_number(raw) for raw in found})
        return [
            _Mined(body, raw, blocks[_number(raw)])
            for raw, body in zip(found, bodies, strict=True)
            if Address.from_hex(body["from"]) == wallet
        ]

    def _located(self, wallet: Address, nonce: int, start: int, at: BlockRef) -> _Mined | None:
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
                return _Mined(body, receipt, block)
        return None

    def _judged(self, found: Sequence[_Mined], proven_upto: int) -> dict[int, WalletTransaction]:
        """By nonce: what proves or contradicts a transaction, and all that it was charged."""
        hashes = {_hash(one) for one in found if _number(one.receipt) > proven_upto}
        proofs = {one: self._receipts.block(one) for one in sorted(hashes)}
        judged = [self._transaction(one, proofs.get(_hash(one))) for one in found]
        return {one.nonce: one for one in judged}

    def _transaction(self, one: _Mined, proof: ProvenBlock | None) -> WalletTransaction:
        basis, contradiction = ReceiptBasis.EARLIER, ""
        if proof is not None:
            proven = proof.receipts.get(Hash32.from_hex(one.body["hash"]))
            basis = ReceiptBasis.PROVEN if proven else ReceiptBasis.STATED
            contradiction = proof.contradiction or _against(one, proven)
        unknown = _unknown_fees(one)
        return WalletTransaction(
            nonce=int(one.body["nonce"], 16),
            transaction_hash=Hash32.from_hex(one.body["hash"]),
            block_number=_number(one.receipt),
            block_hash=_hash(one),
            timestamp=Timestamp(int(one.block["timestamp"], 16)),
            to=_recipient(one.body),
            value_wei=_value_wei(one),
            cost_wei=_cost_wei(one),
            has_failed=one.receipt["status"] != "0x1",
            basis=basis,
            contradiction=contradiction,
            unknown_fees=unknown,
            is_cost_known=not unknown,
        )

    def _with_unknown_fees(
        self, wallet: Address, found: Mapping[int, WalletTransaction]
    ) -> dict[int, WalletTransaction]:
        """Transactions with fees that nothing is known of: all that left in their block is told.

        Where several are in one block, it is shared by what else they cost.
        """
        known = dict(found)
        for number in sorted({one.block_number for one in found.values() if not one.is_cost_known}):
            mined = [one for one in found.values() if one.block_number == number]
            left = self._left_in_block(wallet, number, transactions=len(mined))
            if left is None:
                continue
            unknown = [one for one in mined if not one.is_cost_known]
            fees = left - sum(one.cost_wei + one.value_wei for one in mined)
            shares = allot_rows(max(fees, 0), [one.cost_wei for one in unknown])
            for one, share in zip(unknown, shares, strict=True):
                cost = one.cost_wei + share
                known[one.nonce] = replace(one, cost_wei=cost, is_cost_known=True)
        return known

    def _left_in_block(self, wallet: Address, number: int, *, transactions: int) -> int | None:
        """What left the wallet in a block with so many transactions of it; None if not told."""
        places = [hex(number - 1), hex(number)]
        calls = [("eth_getTransactionCount", (str(wallet), at)) for at in places]
        calls += [("eth_getBalance", (str(wallet), at)) for at in places]
        answers = self._client.tried(calls)
        if any(isinstance(answer, Refused) for answer in answers):
            return None
        nonce, next_nonce, before, after = (int(answer, 16) for answer in answers)
        return before - after if next_nonce == nonce + transactions else None

    def _opening(self, wallet: Address, first_block: int) -> int | None:
        question = (str(wallet), hex(max(first_block - 1, 0)))
        (answer,) = self._client.tried([("eth_getBalance", question)])
        return None if isinstance(answer, Refused) else int(answer, 16)

    def _transfers(self, wallet: Address, start: int, at: BlockRef) -> Iterator[TokenTransfer]:
        topics = [str(TRANSFER_TOPIC), "0x" + wallet.rjust(32, b"\0").hex()]
        if not self._tokens:
            return
        for logs in self._logs.ranges(self._tokens, topics, start, at.number + 1):
            for log in logs:
                transfer = transfer_of(log)
                if transfer is not None:
                    yield transfer

    def _blocks(self, numbers: set[int]) -> Mapping[int, Any]:
        ordered = sorted(numbers)
        blocks = self._client.batch(
            [("eth_getBlockByNumber", (hex(number), False)) for number in ordered]
        )
        return dict(zip(ordered, blocks, strict=True))


def _chunks(hashes: Sequence[Hash32]) -> Iterator[Sequence[Hash32]]:
    """Answers of one chunk are forgotten before the next is asked for: receipts are long."""
    for first in range(0, len(hashes), CALLS_MAX):
        yield hashes[first : first + CALLS_MAX]


def _against(one: _Mined, proven: ProvenReceipt | None) -> str:
    """What this node said of a transaction that the header of its block rules out."""
    if proven is None:
        return ""
    pairs = (
        ("nonce", int(one.body["nonce"], 16), proven.nonce),
        ("value", int(one.body["value"], 16), proven.value_wei),
        ("gas used", int(one.receipt["gasUsed"], 16), proven.gas_used),
        ("price of gas", int(one.receipt["effectiveGasPrice"], 16), proven.price_wei),
        ("failed", one.receipt["status"] != "0x1", proven.has_failed),
    )
    return "; ".join(
        f"{name}: stated {stated}, committed to {bound}"
        for name, stated, bound in pairs
        if stated != bound
    )


def _recipient(body: Any) -> Address | None:  # noqa: ANN401 - JSON
    return Address.from_hex(body["to"]) if body.get("to") else None


def _value_wei(one: _Mined) -> int:
    """Coins that left the wallet: none if it failed, or sent them to itself."""
    leaves = one.receipt["status"] == "0x1" and _recipient(one.body) != Address.from_hex(
        one.body["from"]
    )
    return int(one.body["value"], 16) if leaves else 0


def _cost_wei(one: _Mined) -> int:
    """Execution, blobs, and what a rollup charges beside: see `contracts.transaction_fees`."""
    receipt = one.receipt
    cost = _quantity(receipt, "gasUsed") * _quantity(receipt, "effectiveGasPrice")
    if _quantity(receipt, "type") == BLOB_TYPE:
        cost += _quantity(receipt, "blobGasUsed") * _quantity(receipt, "blobGasPrice")
    return cost + _quantity(receipt, "l1Fee") + (_operator_fee_wei(one) or 0)


def _operator_fee_wei(one: _Mined) -> int | None:
    """Zero where there is none, None where its rule is not known."""
    fee = OperatorFee(*(_quantity(one.receipt, name) for name in _OPERATOR_FIELDS))
    if fee == OperatorFee(0, 0):
        return 0
    try:
        extra_data = bytes_from_hex(one.block["extraData"])
        return operator_fee_wei(_quantity(one.receipt, "gasUsed"), fee, extra_data)
    except UnknownFeeRule:
        return None


def _unknown_fees(one: _Mined) -> tuple[str, ...]:
    """Fields that name a fee of which nothing is known; a fee of zero is none."""
    named = unknown_fees(name for name, value in one.receipt.items() if value not in _ZERO)
    return named if _operator_fee_wei(one) is not None else (*named, _OPERATOR_FIELDS[0])


def _quantity(receipt: Any, field: str) -> int:  # noqa: ANN401 - JSON
    return int(receipt.get(field) or "0x0", 16)


def _number(receipt: Any) -> int:  # noqa: ANN401 - JSON
    return int(receipt["blockNumber"], 16)


def _hash(one: _Mined) -> Hash32:
    return Hash32.from_hex(one.receipt["blockHash"])
