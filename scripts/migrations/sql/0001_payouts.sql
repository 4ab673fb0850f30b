CREATE TABLE payout_operation (
    op_id BYTEA NOT NULL,
    kind TEXT NOT NULL,
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    list_id BYTEA NOT NULL,
    list_index NUMERIC(78, 0) NOT NULL,
    content_digest BYTEA NOT NULL,
    call BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    work_id BYTEA,
    part BIGINT,
    asset BYTEA,
    amount NUMERIC(78, 0),
    lines SMALLINT,
    proof_nodes SMALLINT,
    attempt BIGINT,
    manifest_digest BYTEA,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (op_id),
    CONSTRAINT payout_operation_kind CHECK (kind IN ('commit', 'withdraw')),
    CONSTRAINT payout_operation_amount CHECK (amount > 0),
    CONSTRAINT payout_operation_subject CHECK (CASE kind WHEN 'withdraw' THEN num_nulls(work_id, part, asset, amount, lines, proof_nodes) = 0 AND num_nonnulls(attempt, manifest_digest) = 0 ELSE num_nonnulls(work_id, part, asset, amount, lines, proof_nodes) = 0 AND num_nulls(attempt, manifest_digest) = 0 END)
);

CREATE INDEX payout_operation_contract ON payout_operation (chain_id, contract);

CREATE TABLE payout_transaction (
    tx_hash BYTEA NOT NULL,
    chain_id BIGINT NOT NULL,
    sender BYTEA NOT NULL,
    nonce BIGINT NOT NULL,
    ordinal SMALLINT NOT NULL,
    raw BYTEA NOT NULL,
    recipient BYTEA NOT NULL,
    gas BIGINT NOT NULL,
    max_fee_wei NUMERIC(78, 0) NOT NULL,
    tip_wei NUMERIC(78, 0) NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (tx_hash),
    CONSTRAINT payout_transaction_version UNIQUE (chain_id, sender, nonce, ordinal),
    CONSTRAINT payout_transaction_positive CHECK (nonce >= 0 AND ordinal >= 0 AND gas > 0)
);

CREATE TABLE payout_inclusion (
    op_id BYTEA NOT NULL,
    chain_id BIGINT NOT NULL,
    sender BYTEA NOT NULL,
    nonce BIGINT NOT NULL,
    PRIMARY KEY (op_id, chain_id, sender, nonce),
    FOREIGN KEY(op_id) REFERENCES payout_operation (op_id)
);

CREATE TABLE payout_outcome (
    op_id BYTEA NOT NULL,
    fate TEXT NOT NULL,
    refusal SMALLINT,
    sender BYTEA,
    nonce BIGINT,
    tx_hash BYTEA,
    block_number BIGINT NOT NULL,
    block_hash BYTEA NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT payout_outcome_once UNIQUE NULLS NOT DISTINCT (op_id, sender, nonce),
    CONSTRAINT payout_outcome_fate CHECK (fate IN ('settled', 'settled_elsewhere', 'settled_unseen', 'superseded', 'refused', 'reverted', 'displaced')),
    CONSTRAINT payout_outcome_nonce CHECK ((sender IS NULL) = (nonce IS NULL)),
    FOREIGN KEY(op_id) REFERENCES payout_operation (op_id)
);

CREATE UNIQUE INDEX payout_outcome_closing ON payout_outcome (op_id) WHERE fate IN ('settled', 'settled_elsewhere', 'settled_unseen', 'superseded');

CREATE FUNCTION payout_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP;
    END $$;

CREATE TRIGGER payout_operation_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_operation FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change();

CREATE TRIGGER payout_transaction_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_transaction FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change();

CREATE TRIGGER payout_inclusion_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_inclusion FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change();

CREATE TRIGGER payout_outcome_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_outcome FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change();
