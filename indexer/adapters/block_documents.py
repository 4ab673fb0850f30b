"""A block and its receipts out of saved answers of a node.

An answer may be saved bare or in its JSON-RPC envelope (`{"result": …}`); receipts as the answer of
one eth_getBlockReceipts, or as a list of the answers of eth_getTransactionReceipt, in block order.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from contracts.evm import Hash32
from indexer.adapters.answer_fields import NotTheSchema
from indexer.adapters.receipt_answers import receipt_from_answer
from indexer.adapters.rpc_answers import header_from_answer
from indexer.adapters.transaction_answers import (
    transaction_hashes_from_answer,
    whole_transactions_from_answer,
)
from indexer.chain import Header
from indexer.errors import BadDocument
from indexer.receipts import Receipt
from indexer.transactions import Transaction


@dataclass(frozen=True, slots=True)
class BlockDocument:
    """A header, and the transactions where the block lists them: by hash, and perhaps whole."""

    header: Header
    transactions: tuple[Hash32, ...] | None
    whole_transactions: tuple[Transaction, ...] | None


def block_from_document(document: object, place: str) -> BlockDocument:
    """The block of a saved answer; `place` names the file.

    Raises:
        BadDocument: naming file, field and value.
    """
    with _refusals_name(place):
        answer = _result(document)
        return BlockDocument(
            header_from_answer(answer),
            transaction_hashes_from_answer(answer),
            whole_transactions_from_answer(answer),
        )


def receipts_from_document(document: object, place: str) -> list[Receipt]:
    """The receipts of saved answers, in their order; `place` names the file.

    Raises:
        BadDocument: naming file, receipt, field and value.
    """
    with _refusals_name(place):
        answers = _listed(_result(document))
    receipts = []
    for position, answer in enumerate(answers):
        with _refusals_name(f"{place}: receipt {position}"):
            receipts.append(receipt_from_answer(_result(answer)))
    return receipts


@contextmanager
def _refusals_name(place: str) -> Iterator[None]:
    try:
        yield
    except NotTheSchema as error:
        raise BadDocument(place, str(error)) from error


def _result(document: object) -> object:
    """What an envelope holds, or the document itself if it is none."""
    if not isinstance(document, dict):
        return document
    if "error" in document:
        raise NotTheSchema("error", document["error"], "an answer")
    return document.get("result", document)


def _listed(answer: object) -> list[object]:
    if not isinstance(answer, list):
        raise NotTheSchema("receipts", answer, "an array")
    return answer
