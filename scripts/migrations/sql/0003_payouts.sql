-- What held lines leave open of a leaf is paid by an operation of its own.
ALTER TABLE payout_operation ADD COLUMN settled BIGINT NOT NULL DEFAULT 0;
ALTER TABLE payout_operation
    ALTER COLUMN settled DROP DEFAULT,
    ADD COLUMN event_op_id BYTEA GENERATED ALWAYS AS (CASE WHEN settled = 0 THEN op_id ELSE list_id END) STORED,
    ADD CONSTRAINT payout_operation_leaves_lines_open CHECK (settled >= 0 AND (settled = 0 OR lines IS NOT NULL AND settled < (1::bigint << lines::integer) - 1));
CREATE INDEX payout_operation_leaf ON payout_operation (event_op_id);

-- When a transaction was signed, by the head's number: what waits too long is replaced. What is there is old enough.
ALTER TABLE payout_transaction ADD COLUMN signed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE payout_transaction ALTER COLUMN signed_at DROP DEFAULT;

-- Nonces of our key that the chain showed, and that we had not stored.
CREATE TABLE payout_adoption (
    chain_id BIGINT NOT NULL,
    sender BYTEA NOT NULL,
    first_nonce BIGINT NOT NULL,
    next_nonce BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    block_hash BYTEA NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (chain_id, sender, first_nonce),
    CONSTRAINT payout_adoption_is_not_empty CHECK (first_nonce >= 0 AND next_nonce > first_nonce)
);

CREATE TRIGGER payout_adoption_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_adoption FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change();
