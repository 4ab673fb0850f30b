"""The statement about wallets and contents; all its rows have the same columns.

Parameters: `$1` chain; `$2` the questions, each the 20 bytes of a wallet and the 32 of a content;
`$3` the settlement's `EpochPayouts`, `$4` the splitter of payments, `$5` the tickets, `$6` their
sale. `place` counts the questions from 0; the one row of the head has none.

Payments, tickets, gates and claims are found for the content itself and for what it is the archive
of (`wanted`). The last row about a gate or an archive is in force.

The `units` of a payment are 1 if it paid the creator and at least the price of the offer that was
in force at its block; else 0, also if there was no offer then.

What an answer costs does not grow with what a wallet has, or what others write about it. Of the
tickets of an event one that the wallet redeemed and one that it holds are found, which is enough to
grant. Why a denial is one is told from the newest 64 tickets that ever came to the wallet, and from
the 64 oldest intents that name it as the payer of the content.
"""

from typing import Final, NamedTuple

HEAD, PAYMENT, TICKET, GATE, CLAIM = range(5)
"""Sorts of rows."""


class Row(NamedTuple):
    """The columns; what a sort of row has no use for is NULL there."""

    sort: int
    place: int | None
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


WHOLE: Final = """
    WITH asked AS MATERIALIZED (
        SELECT place, substr($2, 52 * place + 1, 20) AS wallet,
               substr($2, 52 * place + 21, 32) AS content_id
        FROM generate_series(0, octet_length($2::bytea) / 52 - 1) AS place
    ), wanted AS MATERIALIZED (
        SELECT place, wallet, content_id AS id, NULL::bigint AS ended_at FROM asked
        UNION ALL
        SELECT asked.place, asked.wallet, alias.source_id, alias.ended_at
        FROM asked
        CROSS JOIN LATERAL (
            SELECT DISTINCT ON (a.source_id) a.source_id, a.ended_at, a.action
            FROM content_alias a
            WHERE a.chain_id = $1 AND a.contract = $3 AND a.content_id = asked.content_id
            ORDER BY a.source_id, a.id DESC
        ) alias
        WHERE alias.action = 'add'
    )
    SELECT found.*, b.hash, b.timestamp, o.hash AS other_hash, o.timestamp AS other_timestamp
    FROM (
        SELECT 0 AS sort, NULL::integer AS place, NULL::bytea AS content_id,
               c.number AS block_number, NULL::bigint AS log_index, NULL::bytea AS subject,
               NULL::bytea AS account, NULL::text AS kind, NULL::numeric AS units,
               NULL::numeric AS minimum, f.number AS other_block, NULL::bigint AS ended_at
        FROM cursor c LEFT JOIN chain_finality f ON f.chain_id = c.chain_id
        WHERE c.chain_id = $1
        UNION ALL
        SELECT 1, w.place, p.content_id, p.block_number, p.log_index, p.order_id, NULL, NULL,
               coalesce((
                   SELECT o.creator = p.creator AND o.price <= p.price FROM content_offer o
                   WHERE o.chain_id = $1 AND o.contract = $3 AND o.content_id = p.content_id
                     AND o.from_block <= p.block_number
                   ORDER BY o.from_block DESC LIMIT 1), false)::int::numeric, NULL,
               (SELECT r.block_number FROM fact_content_refunded r
                WHERE r.chain_id = $1 AND r.payer = w.wallet AND r.content_id = w.id
                  AND r.order_id = p.order_id AND r.address = $4 LIMIT 1),
               NULL
        FROM wanted w
        JOIN fact_content_paid p ON p.chain_id = $1 AND p.payer = w.wallet AND p.content_id = w.id
        WHERE p.address = $4
        UNION ALL
        SELECT 2, w.place, w.id, coalesce(r.block_number, t.block_number),
               coalesce(r.log_index, t.log_index), r.redeemer,
               (SELECT h.holder FROM ticket_holding h
                WHERE h.chain_id = $1 AND h.ticket_id = t.ticket_id AND h.address = $5),
               NULL, t.ticket_id, NULL, NULL, NULL
        FROM wanted w
        CROSS JOIN LATERAL (
            (SELECT r.block_number, r.log_index, r.ticket_id FROM fact_ticket_redeemed r
             WHERE r.chain_id = $1 AND r.redeemer = w.wallet AND r.event_id = w.id
               AND r.address = $5
             LIMIT 1)
            UNION ALL
            (SELECT h.block_number, h.log_index, h.ticket_id FROM ticket_holding h
             WHERE h.chain_id = $1 AND h.address = $5 AND h.holder = w.wallet AND h.event_id = w.id
             ORDER BY h.block_number, h.log_index LIMIT 1)
            UNION ALL
            (SELECT l.block_number, l.log_index, l.token_id
             FROM (SELECT * FROM fact_ticket_transfer
                   WHERE chain_id = $1 AND target = w.wallet AND address = $5
                   ORDER BY block_number DESC, log_index DESC LIMIT 64) l
             JOIN ticket_holding h ON h.chain_id = $1 AND h.address = $5
                                   AND h.ticket_id = l.token_id
             WHERE h.event_id = w.id AND h.holder <> w.wallet)
        ) t
        LEFT JOIN LATERAL (
            SELECT redeemer, block_number, log_index FROM fact_ticket_redeemed
            WHERE chain_id = $1 AND ticket_id = t.ticket_id AND address = $5 LIMIT 1
        ) r ON true
        UNION ALL
        SELECT 3, w.place, g.content_id, r.block_number, NULL, g.gate_id, g.token, g.kind,
               r.balance, g.minimum, a.block_number, w.ended_at
        FROM wanted w
        CROSS JOIN LATERAL (
            SELECT DISTINCT ON (one.gate_id) one.*
            FROM content_gate one
            WHERE one.chain_id = $1 AND one.contract = $3 AND one.content_id = w.id
            ORDER BY one.gate_id, one.id DESC
        ) g
        LEFT JOIN gate_reading r
               ON r.chain_id = $1 AND r.wallet = w.wallet AND r.gate_id = g.gate_id
        LEFT JOIN gate_admission a
               ON a.chain_id = $1 AND a.wallet = w.wallet AND a.gate_id = g.gate_id
        WHERE g.action = 'add'
        UNION ALL
        SELECT 4, w.place, i.subject, NULL, NULL, i.order_id, NULL, NULL, NULL, NULL, NULL, NULL
        FROM wanted w
        CROSS JOIN LATERAL (
            SELECT * FROM payment_intent
            WHERE chain_id = $1 AND payer = w.wallet AND subject = w.id
            ORDER BY recorded_at LIMIT 64
        ) i
        CROSS JOIN LATERAL (
            SELECT FROM payment_claim c WHERE c.intent_id = i.intent_id LIMIT 1
        ) claimed
        WHERE i.contract IN ($4, $6)
    ) found
    LEFT JOIN block b ON b.chain_id = $1 AND b.number = found.block_number
    LEFT JOIN block o ON o.chain_id = $1 AND o.number = found.other_block
"""
