"""What we signed, and what we say became of it: the other half of our side."""

from sqlalchemy import Connection, text

from contracts.addresses import Settlement
from contracts.evm import Address, Hash32
from reconciliation.wallets import WalletRecords

_SENDERS = """
    SELECT i.sender FROM payout_inclusion i
    JOIN payout_operation o ON o.op_id = i.op_id
    WHERE o.chain_id = :chain_id AND o.contract = ANY(:contracts)
    UNION
    SELECT w.sender FROM payout_wallet_opening w
    WHERE w.chain_id = :chain_id AND NOT EXISTS (
        SELECT FROM payout_inclusion i WHERE (i.chain_id, i.sender) = (w.chain_id, w.sender))
    ORDER BY sender
"""

_OPENED = """
    SELECT w.nonce FROM payout_wallet_opening w
    WHERE w.chain_id = :chain_id AND w.sender = :sender AND NOT EXISTS (
        SELECT FROM payout_wallet_retraction r
        WHERE r.chain_id = w.chain_id AND r.version > w.version
          AND r.block_number < w.block_number)
    ORDER BY w.version DESC LIMIT 1
"""

_RECORDED = """
    SELECT DISTINCT tx_hash FROM payout_gas WHERE chain_id = :chain_id AND sender = :sender
"""

_SIGNED = """
    SELECT tx_hash, nonce FROM payout_transaction
    WHERE chain_id = :chain_id AND sender = :sender
"""

_OUTCOMES = """
    SELECT DISTINCT o.tx_hash, o.fate FROM payout_outcome o
    WHERE o.sender = :sender AND o.tx_hash IS NOT NULL AND o.fate IN ('settled', 'reverted')
      AND o.version = coalesce((SELECT max(r.version) FROM payout_retraction r
                                WHERE r.op_id = o.op_id), 0)
"""


class SqlIntents:
    """Intents of one settlement, on the connection of the books."""

    def __init__(self, connection: Connection, settlement: Settlement) -> None:
        self._connection = connection
        contracts = [settlement.payouts, *settlement.payments.values()]
        self._key = {
            "chain_id": settlement.chain_id,
            "contracts": [bytes(one) for one in contracts],
        }

    def wallets(self) -> list[WalletRecords]:
        """Wallets that we pay from, with what we know of each.

        One that has signed nothing yet belongs to every settlement of its chain.
        """
        senders = self._connection.execute(text(_SENDERS), self._key).scalars()
        return [self._wallet(Address(sender)) for sender in senders.all()]

    def _wallet(self, sender: Address) -> WalletRecords:
        key = {"chain_id": self._key["chain_id"], "sender": bytes(sender)}
        signed = self._connection.execute(text(_SIGNED), key).all()
        outcomes = self._connection.execute(text(_OUTCOMES), key).all()
        recorded = self._connection.execute(text(_RECORDED), key).scalars()
        return WalletRecords(
            wallet=sender,
            signed=frozenset(Hash32(row.tx_hash) for row in signed),
            first_nonce=min((row.nonce for row in signed), default=None),
            settled=frozenset(Hash32(row.tx_hash) for row in outcomes if row.fate == "settled"),
            failures=frozenset(Hash32(row.tx_hash) for row in outcomes if row.fate == "reverted"),
            book_nonce=self._connection.scalar(text(_OPENED), key),
            recorded=frozenset(map(Hash32, recorded)),
        )
