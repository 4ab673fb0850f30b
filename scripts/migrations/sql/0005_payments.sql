-- Payments are named by what their log says, and open submissions are looked at when they change.

ALTER TABLE payment_claim DISABLE TRIGGER payment_claim_append_only;

ALTER TABLE payment_claim ADD COLUMN key TEXT;

ALTER TABLE payment_claim DROP CONSTRAINT payment_claim_place_once;

-- Where an intent names no payer, who paid is not known here: such an order is claimed anew, by its
-- right name, when somebody looks at it again.
UPDATE payment_claim AS c
SET key = CASE WHEN i.order_id IS NULL
        THEN encode(i.payer, 'hex') || '/' || encode(i.payee, 'hex') || '/' || i.amount
        ELSE coalesce(encode(i.payer, 'hex'), '') || '/' || encode(i.order_id, 'hex') END
FROM payment_intent AS i
WHERE i.intent_id = c.intent_id;

-- Logs that say the same are interchangeable, so that any dense count of them names them.
UPDATE payment_claim AS c
SET ordinal = n.ordinal
FROM (
    SELECT intent_id, attempt, row_number() OVER (
        PARTITION BY chain_id, transaction_hash, contract, topic0, key ORDER BY ordinal) - 1 AS ordinal
    FROM payment_claim
) AS n
WHERE (n.intent_id, n.attempt) = (c.intent_id, c.attempt);

ALTER TABLE payment_claim ALTER COLUMN key SET NOT NULL;

ALTER TABLE payment_claim ADD CONSTRAINT payment_claim_place_once UNIQUE (chain_id, transaction_hash, contract, topic0, key, ordinal);

ALTER TABLE payment_claim ENABLE TRIGGER payment_claim_append_only;

DROP INDEX payment_intent_order;

CREATE INDEX payment_intent_order ON payment_intent (chain_id, contract, order_id, recorded_at);

CREATE TABLE payment_open (
    intent_id BYTEA NOT NULL,
    transaction_hash BYTEA NOT NULL,
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    is_woken BOOLEAN NOT NULL,
    since BIGINT,
    ask_at BIGINT,
    ends_at BIGINT,
    safe_at BIGINT,
    settles_at BIGINT,
    block_number BIGINT,
    block_hash BYTEA,
    is_indexed BOOLEAN NOT NULL,
    PRIMARY KEY (intent_id, transaction_hash),
    CONSTRAINT payment_open_submission FOREIGN KEY(intent_id, transaction_hash) REFERENCES payment_submission (intent_id, transaction_hash),
    CONSTRAINT payment_open_block_is_whole CHECK (num_nulls(block_number, block_hash) IN (0, 2))
);

CREATE INDEX payment_open_woken ON payment_open (chain_id) WHERE is_woken;

CREATE INDEX payment_open_ask_at ON payment_open (chain_id, ask_at);

CREATE INDEX payment_open_ends_at ON payment_open (chain_id, ends_at);

CREATE INDEX payment_open_safe_at ON payment_open (chain_id, safe_at);

CREATE INDEX payment_open_settles_at ON payment_open (chain_id, settles_at);

CREATE INDEX payment_open_block ON payment_open (chain_id, block_number, block_hash);

CREATE TABLE payment_cursor (
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (chain_id, contract)
);

INSERT INTO payment_open (intent_id, transaction_hash, chain_id, contract, is_woken, is_indexed)
SELECT s.intent_id, s.transaction_hash, i.chain_id, i.contract, true, false
FROM payment_submission AS s
JOIN payment_intent AS i ON i.intent_id = s.intent_id
WHERE NOT coalesce((
    SELECT v.is_terminal FROM payment_verdict AS v
    WHERE v.intent_id = s.intent_id AND v.transaction_hash = s.transaction_hash
    ORDER BY v.id DESC LIMIT 1), false);
