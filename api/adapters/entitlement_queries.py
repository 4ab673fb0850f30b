"""The two statements about a wallet and a content; their rows have the same columns.

Parameters: `$1` chain, `$2` wallet, `$3` content, `$4` the settlement's `EpochPayouts`, `$5` the
splitter of payments, `$6` the tickets, `$7` their sale.

`PLAIN` is about the content alone, and about payments and tickets alone: that is enough where one
of them grants, and where there is nothing at all (no row but the head, whose `more` is 0). It costs
half of `WHOLE`, which knows everything: archives, gates and their readings, and payments that were
seen once. Either sees one moment of the database by itself.

The `units` of a payment are 1 if it paid the creator and at least the price of the offer that was
in force at its block, or if there was no offer then; else 0.
"""

from typing import Final, NamedTuple

HEAD, PAYMENT, TICKET, GATE, CLAIM = range(5)
"""Sorts of rows."""

HAS_RULES, HAS_INTENT = 1, 2
"""Bits of `more` in the head of `PLAIN`: gates or archives were recorded; a payment was agreed."""


class Row(NamedTuple):
    """The columns; what a sort of row has no use for is NULL there."""

    sort: int
    content_id: bytes
    block_number: int
    log_index: int
    subject: bytes
    account: bytes
    kind: str
    units: int
    minimum: int
    other_block: int | None
    ended_at: int | None
    hash: bytes | None
    timestamp: int
    other_hash: bytes | None
    other_timestamp: int | None
    more: int


PLAIN: Final = """
    SELECT 0 AS sort, NULL::bytea AS content_id, c.number AS block_number,
           NULL::bigint AS log_index, NULL::bytea AS subject, NULL::bytea AS account,
           NULL::text AS kind, NULL::numeric AS units, NULL::numeric AS minimum,
           f.number AS other_block, NULL::bigint AS ended_at, c.hash, b.timestamp,
           f.hash AS other_hash, NULL::bigint AS other_timestamp,
           CASE WHEN EXISTS (
                SELECT FROM content_gate
                WHERE chain_id = $1 AND contract = $4 AND content_id = $3)
             OR EXISTS (
                SELECT FROM content_alias
                WHERE chain_id = $1 AND contract = $4 AND content_id = $3) THEN 1 ELSE 0 END
           + CASE WHEN EXISTS (
                SELECT FROM payment_intent
                WHERE chain_id = $1 AND payer = $2 AND subject = $3
                  AND contract IN ($5, $7)) THEN 2 ELSE 0 END AS more
    FROM cursor c
    JOIN block b ON b.chain_id = c.chain_id AND b.number = c.number
    LEFT JOIN chain_finality f ON f.chain_id = c.chain_id
    WHERE c.chain_id = $1
    UNION ALL
    SELECT 1, p.content_id, p.block_number, p.log_index, p.order_id, NULL, NULL,
           coalesce((
               SELECT o.creator = p.creator AND o.price <= p.price FROM content_offer o
               WHERE o.chain_id = $1 AND o.contract = $4 AND o.content_id = p.content_id
                 AND o.from_block <= p.block_number
               ORDER BY o.from_block DESC LIMIT 1), false)::int::numeric, NULL,
           (SELECT r.block_number FROM fact_content_refunded r
            WHERE r.chain_id = $1 AND r.order_id = p.order_id AND r.address = $5
              AND r.payer = $2 LIMIT 1),
           NULL,
           (SELECT b.hash FROM block b WHERE b.chain_id = $1 AND b.number = p.block_number),
           NULL, NULL, NULL, 0
    FROM fact_content_paid p
    WHERE p.chain_id = $1 AND p.payer = $2 AND p.content_id = $3 AND p.address = $5
    UNION ALL
    SELECT 2, i.event_id, t.block_number, t.log_index,
           (SELECT r.redeemer FROM fact_ticket_redeemed r
            WHERE r.chain_id = $1 AND r.ticket_id = t.token_id AND r.address = $6 LIMIT 1),
           (SELECT l.target FROM fact_ticket_transfer l
            WHERE l.chain_id = $1 AND l.token_id = t.token_id AND l.address = $6
            ORDER BY l.block_number DESC, l.log_index DESC LIMIT 1),
           NULL, t.token_id, NULL, NULL, NULL,
           (SELECT b.hash FROM block b WHERE b.chain_id = $1 AND b.number = t.block_number),
           NULL, NULL, NULL, 0
    FROM fact_ticket_transfer t
    JOIN fact_ticket_issued i ON i.chain_id = $1 AND i.ticket_id = t.token_id
    WHERE t.chain_id = $1 AND t.target = $2 AND t.address = $6 AND i.address = $6
      AND i.event_id = $3
"""

WHOLE: Final = """
    WITH wanted AS MATERIALIZED (
        SELECT $3::bytea AS id, NULL::bigint AS ended_at
        UNION ALL
        SELECT a.source_id, a.ended_at FROM content_alias a
        WHERE a.chain_id = $1 AND a.contract = $4 AND a.content_id = $3 AND a.action = 'add'
          AND NOT EXISTS (
            SELECT FROM content_alias later
            WHERE later.chain_id = $1 AND later.contract = $4 AND later.content_id = $3
              AND later.source_id = a.source_id AND later.id > a.id)
    )
    SELECT found.*, b.hash, b.timestamp, o.hash AS other_hash, o.timestamp AS other_timestamp,
           0 AS more
    FROM (
        SELECT 0 AS sort, NULL::bytea AS content_id, c.number AS block_number,
               NULL::bigint AS log_index, NULL::bytea AS subject, NULL::bytea AS account,
               NULL::text AS kind, NULL::numeric AS units, NULL::numeric AS minimum,
               f.number AS other_block, NULL::bigint AS ended_at
        FROM cursor c LEFT JOIN chain_finality f ON f.chain_id = c.chain_id
        WHERE c.chain_id = $1
        UNION ALL
        SELECT 1, p.content_id, p.block_number, p.log_index, p.order_id, NULL, NULL,
               coalesce((
                   SELECT o.creator = p.creator AND o.price <= p.price FROM content_offer o
                   WHERE o.chain_id = $1 AND o.contract = $4 AND o.content_id = p.content_id
                     AND o.from_block <= p.block_number
                   ORDER BY o.from_block DESC LIMIT 1), false)::int::numeric, NULL,
               (SELECT r.block_number FROM fact_content_refunded r
                WHERE r.chain_id = $1 AND r.order_id = p.order_id AND r.address = $5
                  AND r.payer = $2 LIMIT 1),
               NULL
        FROM wanted w
        JOIN fact_content_paid p ON p.chain_id = $1 AND p.payer = $2 AND p.content_id = w.id
        WHERE p.address = $5
        UNION ALL
        SELECT 2, i.event_id, t.block_number, t.log_index,
               (SELECT r.redeemer FROM fact_ticket_redeemed r
                WHERE r.chain_id = $1 AND r.ticket_id = t.token_id AND r.address = $6 LIMIT 1),
               last.target, NULL, t.token_id, NULL, NULL, NULL
        FROM fact_ticket_transfer t
        JOIN fact_ticket_issued i ON i.chain_id = $1 AND i.ticket_id = t.token_id
        JOIN wanted w ON w.id = i.event_id
        CROSS JOIN LATERAL (
            SELECT l.target FROM fact_ticket_transfer l
            WHERE l.chain_id = $1 AND l.token_id = t.token_id AND l.address = $6
            ORDER BY l.block_number DESC, l.log_index DESC LIMIT 1
        ) last
        WHERE t.chain_id = $1 AND t.target = $2 AND t.address = $6 AND i.address = $6
        UNION ALL
        SELECT 3, g.content_id, r.block_number, NULL, g.gate_id, g.token, g.kind, r.balance,
               g.minimum, a.block_number, w.ended_at
        FROM wanted w
        JOIN content_gate g ON g.chain_id = $1 AND g.contract = $4 AND g.content_id = w.id
        LEFT JOIN gate_reading r
               ON r.chain_id = $1 AND r.wallet = $2 AND r.gate_id = g.gate_id
        LEFT JOIN gate_admission a
               ON a.chain_id = $1 AND a.wallet = $2 AND a.gate_id = g.gate_id
        WHERE g.action = 'add' AND NOT EXISTS (
            SELECT FROM content_gate later
            WHERE later.chain_id = $1 AND later.contract = $4 AND later.content_id = g.content_id
              AND later.gate_id = g.gate_id AND later.id > g.id)
        UNION ALL
        SELECT 4, i.subject, NULL, NULL, i.order_id, NULL, NULL, NULL, NULL, NULL, NULL
        FROM wanted w
        JOIN payment_intent i ON i.chain_id = $1 AND i.payer = $2 AND i.subject = w.id
        WHERE i.contract IN ($5, $7)
          AND EXISTS (SELECT FROM payment_claim c WHERE c.intent_id = i.intent_id)
    ) found
    LEFT JOIN block b ON b.chain_id = $1 AND b.number = found.block_number
    LEFT JOIN block o ON o.chain_id = $1 AND o.number = found.other_block
"""
