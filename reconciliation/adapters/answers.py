"""The entry that answers a discrepancy that is found no more.

Nothing is an answer by standing near. An entry is one if it is recorded after the run that found
the discrepancy last, and if it is the entry of the discrepancy's own event, of the gas of its
transaction, or of the document that says that its line is owed, or if it was made by hand and its
reason names the discrepancy's id.
"""

from collections.abc import Collection

from sqlalchemy import Connection, text

from contracts.evm import Address, ChainId, Hash32
from reconciliation.discrepancy import Kind
from reconciliation.payment_books import LINE
from reconciliation.register import Standing
from settlement.ledger.accounts import Book
from settlement.ledger.adapters import manual_rows

_RECORDED_SINCE = """
    SELECT e.id FROM journal_entry e
    WHERE e.chain_id = :chain_id AND e.contract = ANY(:contracts) AND e.status = 'posted'
      AND e.version = (SELECT coalesce(max(r.version), 0) FROM ledger_rewind r
                       WHERE (r.chain_id, r.contract) = (e.chain_id, e.contract))
      AND e.source_kind = :source_kind AND e.source_id = ANY(:source_ids)
      AND e.recorded_at > (SELECT recorded_at FROM reconciliation_run WHERE id = :run)
    ORDER BY e.recorded_at DESC, e.id LIMIT 1
"""


_OWING_LINE = """
    SELECT e.source_id FROM ledger_line l JOIN journal_entry e ON e.id = l.entry_id
    WHERE l.chain_id = :chain_id AND l.op_id = :op_id AND e.source_kind = 'document'
"""


class SqlAnswers:
    """Answers in the books of these contracts and wallets, whichever of them it concerns."""

    def __init__(
        self, connection: Connection, chain_id: ChainId, contracts: Collection[Address]
    ) -> None:
        self._connection, self._chain_id = connection, chain_id
        self._contracts = sorted(contracts)

    def answer(self, standing: Standing) -> Hash32 | None:
        """The newest such entry; None if there is none."""
        place, found = standing.place, None
        if place.block_number is not None and place.log_index is not None:
            words = (self._chain_id, place.block_number, place.log_index)
            event = b"".join(word.to_bytes(8, "big") for word in words)
            found = self._recorded(standing, "log", [event])
        if standing.kind == Kind.GAS.value and place.transaction_hash is not None:
            found = self._recorded(standing, "gas", [bytes(place.transaction_hash)])
        if standing.subject.startswith(LINE):
            found = self._recorded(standing, "document", self._owing(standing))
        return found or self._recorded(standing, "manual", self._naming(standing.id))

    def _owing(self, standing: Standing) -> list[bytes]:
        """The entries by which documents owe a line, in any version of its book."""
        op_id = Hash32.from_hex(standing.subject.removeprefix(LINE))
        values = {"chain_id": self._chain_id, "op_id": bytes(op_id)}
        return [bytes(row[0]) for row in self._connection.execute(text(_OWING_LINE), values)]

    def _naming(self, discrepancy_id: Hash32) -> list[bytes]:
        """Manual entries whose reason names a discrepancy."""
        books = (Book(chain_id=self._chain_id, contract=one) for one in self._contracts)
        return [
            bytes(made.id)
            for book in books
            for made, _ in manual_rows.listed(self._connection, book)
            if str(discrepancy_id) in made.reason.lower()
        ]

    def _recorded(
        self, standing: Standing, source_kind: str, source_ids: list[bytes]
    ) -> Hash32 | None:
        values = {
            "chain_id": self._chain_id,
            "contracts": [bytes(one) for one in self._contracts],
            "source_kind": source_kind,
            "source_ids": source_ids,
            "run": standing.last_seen.run,
        }
        row = self._connection.execute(text(_RECORDED_SINCE), values).first()
        return Hash32(row[0]) if row else None
