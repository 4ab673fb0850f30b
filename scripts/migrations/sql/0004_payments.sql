-- Payments: intents, submissions, claims (one log serves one order, ever), and the history of verdicts.

CREATE TABLE payment_intent (
    intent_id BYTEA NOT NULL,
    chain_id BIGINT NOT NULL,
    family TEXT NOT NULL,
    contract BYTEA NOT NULL,
    payer BYTEA,
    payee BYTEA NOT NULL,
    subject BYTEA,
    tier_id BIGINT,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    fee_treasury BYTEA,
    fee_minimum NUMERIC(78, 0),
    fee_bps INTEGER,
    stated_order BYTEA,
    order_id BYTEA,
    reference TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (intent_id),
    CONSTRAINT payment_intent_amount CHECK (amount > 0),
    CONSTRAINT payment_intent_times CHECK (since >= 0 AND since < until),
    CONSTRAINT payment_intent_fee_terms CHECK (num_nulls(fee_treasury, fee_minimum, fee_bps) IN (0, 3))
);

CREATE INDEX payment_intent_order ON payment_intent (chain_id, contract, order_id);

CREATE INDEX payment_intent_payer ON payment_intent (chain_id, payer, subject);

CREATE INDEX payment_intent_until ON payment_intent (chain_id, until);

CREATE TABLE payment_submission (
    intent_id BYTEA NOT NULL,
    transaction_hash BYTEA NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (intent_id, transaction_hash),
    FOREIGN KEY(intent_id) REFERENCES payment_intent (intent_id)
);

CREATE TABLE payment_claim (
    intent_id BYTEA NOT NULL,
    attempt INTEGER NOT NULL,
    chain_id BIGINT NOT NULL,
    transaction_hash BYTEA NOT NULL,
    contract BYTEA NOT NULL,
    topic0 BYTEA NOT NULL,
    ordinal INTEGER NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (intent_id, attempt),
    CONSTRAINT payment_claim_place_once UNIQUE (chain_id, transaction_hash, contract, topic0, ordinal),
    CONSTRAINT payment_claim_counts_from_zero CHECK (attempt >= 0 AND ordinal >= 0),
    FOREIGN KEY(intent_id) REFERENCES payment_intent (intent_id)
);

CREATE TABLE payment_verdict (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    intent_id BYTEA NOT NULL,
    transaction_hash BYTEA NOT NULL,
    state TEXT NOT NULL,
    is_terminal BOOLEAN NOT NULL,
    outcome TEXT,
    failed TEXT[] NOT NULL,
    source TEXT,
    block_number BIGINT,
    block_hash BYTEA,
    log_index BIGINT,
    reason TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT payment_verdict_submission FOREIGN KEY(intent_id, transaction_hash) REFERENCES payment_submission (intent_id, transaction_hash),
    CONSTRAINT payment_verdict_state CHECK (state IN ('awaited', 'received', 'safe', 'final', 'gone', 'refused', 'expired')),
    CONSTRAINT payment_verdict_final_is_the_end CHECK (state <> 'final' OR is_terminal),
    CONSTRAINT payment_verdict_block_is_whole CHECK (num_nulls(block_number, block_hash) IN (0, 2))
);

CREATE INDEX payment_verdict_submission_last ON payment_verdict (intent_id, transaction_hash, id);

CREATE FUNCTION payment_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP;
    END $$;

CREATE TRIGGER payment_intent_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_intent FOR EACH STATEMENT EXECUTE FUNCTION payment_refuse_change();

CREATE TRIGGER payment_submission_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_submission FOR EACH STATEMENT EXECUTE FUNCTION payment_refuse_change();

CREATE TRIGGER payment_claim_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_claim FOR EACH STATEMENT EXECUTE FUNCTION payment_refuse_change();

CREATE TRIGGER payment_verdict_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_verdict FOR EACH STATEMENT EXECUTE FUNCTION payment_refuse_change();
