-- Gas: what a transaction is charged beside gas and the data of a rollup, and the operations that it was for.

ALTER TABLE payout_gas ADD COLUMN other_fee_wei NUMERIC(78, 0) DEFAULT 0 NOT NULL;

CREATE TABLE payout_gas_operation (
    chain_id BIGINT NOT NULL,
    tx_hash BYTEA NOT NULL,
    ordinal INTEGER NOT NULL,
    op_id BYTEA NOT NULL,
    kind TEXT NOT NULL,
    epoch BIGINT,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (chain_id, tx_hash, ordinal),
    CONSTRAINT payout_gas_operation_counts_from_zero CHECK (ordinal >= 0)
);

CREATE INDEX payout_gas_operation_by_op_id ON payout_gas_operation (op_id);

CREATE TRIGGER payout_gas_operation_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_gas_operation FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change();
