CREATE TABLE reconciliation_run (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    block_number BIGINT NOT NULL,
    block_hash BYTEA NOT NULL,
    parent_hash BYTEA NOT NULL,
    block_timestamp BIGINT NOT NULL,
    checks INTEGER NOT NULL,
    discrepancies INTEGER NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT reconciliation_run_has_checks CHECK (checks > 0),
    CONSTRAINT reconciliation_run_counts_discrepancies CHECK (discrepancies >= 0)
);

CREATE INDEX reconciliation_run_of_settlement ON reconciliation_run (chain_id, contract, id);

CREATE TABLE reconciliation_discrepancy (
    run_id BIGINT NOT NULL,
    ordinal INTEGER NOT NULL,
    discrepancy_id BYTEA NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    expected TEXT NOT NULL,
    actual TEXT NOT NULL,
    evidence TEXT[] NOT NULL,
    PRIMARY KEY (run_id, ordinal),
    FOREIGN KEY(run_id) REFERENCES reconciliation_run (id)
);

CREATE UNIQUE INDEX reconciliation_discrepancy_in_runs ON reconciliation_discrepancy (discrepancy_id, run_id);

CREATE OR REPLACE FUNCTION reconciliation_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'findings are append-only, no ' || TG_OP || ' on ' || TG_TABLE_NAME;
END $$;

CREATE TRIGGER reconciliation_run_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reconciliation_run FOR EACH STATEMENT EXECUTE FUNCTION reconciliation_refuse_change();

CREATE TRIGGER reconciliation_discrepancy_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reconciliation_discrepancy FOR EACH STATEMENT EXECUTE FUNCTION reconciliation_refuse_change();
