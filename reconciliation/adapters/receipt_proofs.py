"""What a transaction used and did, proven from the header of its block, if a node gives all of it.

    block hash ─► header (hashed here) ─► transactions root ─► the transaction: price, value, nonce
                                        └► receipts root ─► its receipt: outcome, gas used

Both roots bind whole blocks only, so the block with all its transactions and receipts is asked for.
What a rollup charges beside gas is in no receipt that a root binds: that part stays stated, and the
coins that are left in the wallet speak for it.

A node that has no `eth_getBlockReceipts`, or a chain whose headers do not commit to its receipts,
proves nothing, and contradicts nothing. A header that commits to something else than this node said
of the transaction contradicts it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.evm import Hash32
from indexer.adapters.answer_fields import NotTheSchema
from indexer.adapters.receipt_answers import receipt_from_answer
from indexer.adapters.rpc_answers import header_from_answer
from indexer.adapters.transaction_answers import (
    transaction_hashes_from_answer,
    whole_transactions_from_answer,
)
from indexer.block_checks import check_block
from indexer.chain import Header
from indexer.chain_profiles import ChainProfile, Check
from indexer.errors import IndexerError
from indexer.receipts import Receipt
from indexer.transactions import FIELDS, Transaction
from reconciliation.adapters.client import Refused, RPCClient


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenReceipt:
    """What a header commits to of one transaction."""

    nonce: int
    gas_used: int
    price_wei: int
    value_wei: int
    has_failed: bool


@dataclass(frozen=True, slots=True)
class ProvenBlock:
    """Transactions of one block by hash; or why they contradict its header ("" if they do not).

    Without either, nothing is proven.
    """

    receipts: Mapping[Hash32, ProvenReceipt]
    contradiction: str


_NOTHING = ProvenBlock({}, "")


class ReceiptProofs:
    """Blocks of one endpoint, whole; without a profile, of a chain that can prove nothing."""

    def __init__(self, client: RPCClient, profile: ChainProfile | None) -> None:
        self._client, self._profile = client, profile

    def block(self, block_hash: Hash32) -> ProvenBlock:
        """What the header of a block commits to of its transactions.

        Raises:
            ChainUnavailable: no answer at all.
        """
        profile = self._profile
        if profile is None:
            return _NOTHING
        block, receipts = self._client.tried(
            [
                ("eth_getBlockByHash", (str(block_hash), True)),
                ("eth_getBlockReceipts", (str(block_hash),)),
            ]
        )
        if isinstance(receipts, Refused):
            self._profile = None  # it has no such method: it is not asked again
        if not isinstance(block, dict) or not isinstance(receipts, list):
            return _NOTHING
        try:
            return _checked(block, receipts, block_hash, profile)
        except (NotTheSchema, IndexerError):
            return _NOTHING


def _checked(
    block: dict[str, Any], answers: list[Any], block_hash: Hash32, profile: ChainProfile
) -> ProvenBlock:
    header = header_from_answer(block)
    receipts = [receipt_from_answer(one) for one in answers]
    transactions = whole_transactions_from_answer(block)
    report = check_block(
        header,
        receipts,
        transactions=transaction_hashes_from_answer(block),
        whole_transactions=transactions,
        profile=profile,
    )
    is_header = report.checks[Check.BLOCK_HASH] and header.hash == block_hash
    if not is_header or transactions is None or report.left_out or report.unproved:
        return _NOTHING
    if not report.proves_transaction_hashes:
        wrong = [one.value for one, holds in report.checks.items() if holds is False]
        return ProvenBlock({}, "; ".join((*wrong, *report.discrepancies)))
    return ProvenBlock(_by_hash(header, transactions, receipts), "")


def _by_hash(
    header: Header, transactions: tuple[Transaction, ...], receipts: list[Receipt]
) -> dict[Hash32, ProvenReceipt]:
    found, before = {}, 0
    for one, receipt in zip(transactions, receipts, strict=True):
        used, before = receipt.cumulative_gas_used - before, receipt.cumulative_gas_used
        fields = dict(zip(FIELDS[one.type], one.fields, strict=True))
        if "nonce" in fields:
            found[one.hash] = ProvenReceipt(
                nonce=_number(fields["nonce"]),
                gas_used=used,
                price_wei=_price_wei(fields, header.base_fee_wei or 0),
                value_wei=_number(fields["value"]),
                has_failed=not receipt.outcome,
            )
    return found


def _price_wei(fields: Mapping[str, object], base_fee_wei: int) -> int:
    """The effective price of a unit of gas (EIP-1559)."""
    if "gasPrice" in fields:
        return _number(fields["gasPrice"])
    tip, cap = _number(fields["maxPriorityFeePerGas"]), _number(fields["maxFeePerGas"])
    return min(cap, base_fee_wei + tip)


def _number(field: object) -> int:
    if not isinstance(field, int):
        raise NotTheSchema("transactions", field, "a number")
    return field
