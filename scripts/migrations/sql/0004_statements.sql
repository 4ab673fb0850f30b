-- Solvency statements: what each contract owes at the end of an epoch, and what it holds.

CREATE TABLE solvency_statement (
    digest BYTEA NOT NULL,
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    asset BYTEA NOT NULL,
    block_number BIGINT NOT NULL,
    block_hash BYTEA NOT NULL,
    parent_hash BYTEA NOT NULL,
    block_timestamp BIGINT NOT NULL,
    root BYTEA NOT NULL,
    total NUMERIC(78, 0) NOT NULL,
    line_count INTEGER NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (digest),
    CONSTRAINT solvency_statement_is_unique UNIQUE (chain_id, contract, epoch, asset, block_hash),
    CONSTRAINT solvency_statement_counts_lines CHECK (line_count >= 0)
);

CREATE TABLE solvency_line (
    digest BYTEA NOT NULL,
    position INTEGER NOT NULL,
    account_id BYTEA NOT NULL,
    holder TEXT NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    PRIMARY KEY (digest, position),
    CONSTRAINT solvency_line_is_of_one_account UNIQUE (digest, account_id),
    CONSTRAINT solvency_line_owes_something CHECK (amount > 0),
    FOREIGN KEY(digest) REFERENCES solvency_statement (digest)
);

CREATE TABLE solvency_level (
    digest BYTEA NOT NULL,
    level INTEGER NOT NULL,
    nodes BYTEA NOT NULL,
    PRIMARY KEY (digest, level),
    CONSTRAINT solvency_level_holds_whole_nodes CHECK (mod(length(nodes), 64) = 0),
    FOREIGN KEY(digest) REFERENCES solvency_statement (digest)
);

CREATE TABLE solvency_reserve (
    digest BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    is_proven BOOLEAN NOT NULL,
    evidence TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (digest),
    FOREIGN KEY(digest) REFERENCES solvency_statement (digest)
);

CREATE OR REPLACE FUNCTION solvency_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'solvency statements stand, no ' || TG_OP || ' on ' || TG_TABLE_NAME;
END $$;

CREATE TRIGGER solvency_statement_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON solvency_statement FOR EACH STATEMENT EXECUTE FUNCTION solvency_refuse_change();

CREATE TRIGGER solvency_line_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON solvency_line FOR EACH STATEMENT EXECUTE FUNCTION solvency_refuse_change();

CREATE TRIGGER solvency_level_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON solvency_level FOR EACH STATEMENT EXECUTE FUNCTION solvency_refuse_change();

CREATE TRIGGER solvency_reserve_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON solvency_reserve FOR EACH STATEMENT EXECUTE FUNCTION solvency_refuse_change();

ALTER TABLE solvency_level ALTER COLUMN nodes SET STORAGE EXTERNAL;
