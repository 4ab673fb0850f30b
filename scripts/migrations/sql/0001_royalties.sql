CREATE TABLE approval (
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    guardian BYTEA NOT NULL,
    guardian_set BIGINT NOT NULL,
    manifest_digest BYTEA NOT NULL,
    deadline BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (chain_id, contract, epoch, attempt, guardian),
    CONSTRAINT approval_signature_length CHECK (octet_length(signature) = 65)
);

CREATE TABLE computed_epoch (
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    settlement TEXT NOT NULL,
    manifest_digest BYTEA NOT NULL,
    manifest BYTEA NOT NULL,
    root BYTEA NOT NULL,
    leaf_count BIGINT NOT NULL,
    boundary_block BIGINT NOT NULL,
    reference_block BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (chain_id, contract, epoch, attempt),
    CONSTRAINT computed_epoch_manifest_digest UNIQUE (manifest_digest),
    CONSTRAINT computed_epoch_attempt_from_one CHECK (attempt > 0)
);

CREATE TABLE computed_allocation (
    manifest_digest BYTEA NOT NULL,
    subscriber BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    fee NUMERIC(78, 0) NOT NULL,
    unallocated NUMERIC(78, 0) NOT NULL,
    PRIMARY KEY (manifest_digest, subscriber, asset),
    CONSTRAINT computed_allocation_computed_epoch FOREIGN KEY(manifest_digest) REFERENCES computed_epoch (manifest_digest)
);

CREATE TABLE computed_credit (
    manifest_digest BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    position INTEGER NOT NULL,
    subscriber BYTEA NOT NULL,
    work_id BYTEA NOT NULL,
    minutes BIGINT NOT NULL,
    plays BIGINT NOT NULL,
    price_ppm NUMERIC(78, 0) NOT NULL,
    region_ppm NUMERIC(78, 0) NOT NULL,
    discount_ppm BIGINT NOT NULL,
    credibility_ppm BIGINT NOT NULL,
    raw NUMERIC(78, 0) NOT NULL,
    counted NUMERIC(78, 0) NOT NULL,
    credited NUMERIC(78, 0) NOT NULL,
    PRIMARY KEY (manifest_digest, asset, block_number, log_index, position),
    CONSTRAINT computed_credit_computed_epoch FOREIGN KEY(manifest_digest) REFERENCES computed_epoch (manifest_digest)
);

CREATE INDEX ix_computed_credit_work_id ON computed_credit (work_id);

CREATE TABLE computed_leaf (
    manifest_digest BYTEA NOT NULL,
    work_id BYTEA NOT NULL,
    part BIGINT NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    split_hash BYTEA NOT NULL,
    leaf_hash BYTEA NOT NULL,
    PRIMARY KEY (manifest_digest, work_id, part, asset),
    CONSTRAINT computed_leaf_amount_positive CHECK (amount > 0),
    CONSTRAINT computed_leaf_computed_epoch FOREIGN KEY(manifest_digest) REFERENCES computed_epoch (manifest_digest)
);

CREATE TABLE computed_line (
    manifest_digest BYTEA NOT NULL,
    work_id BYTEA NOT NULL,
    part BIGINT NOT NULL,
    asset BYTEA NOT NULL,
    line INTEGER NOT NULL,
    payee BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    PRIMARY KEY (manifest_digest, work_id, part, asset, line),
    CONSTRAINT computed_line_fits_bitmap CHECK (line BETWEEN 0 AND 31),
    CONSTRAINT computed_line_amount_positive CHECK (amount > 0),
    CONSTRAINT computed_line_computed_epoch FOREIGN KEY(manifest_digest) REFERENCES computed_epoch (manifest_digest)
);

CREATE INDEX ix_computed_line_payee ON computed_line (payee);

CREATE TABLE computed_quarantine (
    manifest_digest BYTEA NOT NULL,
    ordinal BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    position INTEGER NOT NULL,
    reason TEXT NOT NULL,
    submitter BYTEA NOT NULL,
    work_id BYTEA NOT NULL,
    asset BYTEA,
    amount NUMERIC(78, 0),
    PRIMARY KEY (manifest_digest, ordinal),
    CONSTRAINT computed_quarantine_computed_epoch FOREIGN KEY(manifest_digest) REFERENCES computed_epoch (manifest_digest)
);

CREATE TABLE computed_total (
    manifest_digest BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    paid_in NUMERIC(78, 0) NOT NULL,
    carried_in NUMERIC(78, 0) NOT NULL,
    allocated NUMERIC(78, 0) NOT NULL,
    escrow NUMERIC(78, 0) NOT NULL,
    unallocated NUMERIC(78, 0) NOT NULL,
    fees NUMERIC(78, 0) NOT NULL,
    PRIMARY KEY (manifest_digest, asset),
    CONSTRAINT computed_total_conserves CHECK (allocated + escrow + unallocated + fees = paid_in + carried_in),
    CONSTRAINT computed_total_computed_epoch FOREIGN KEY(manifest_digest) REFERENCES computed_epoch (manifest_digest)
);

CREATE FUNCTION royalties_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
    END $$;

CREATE TRIGGER computed_epoch_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON computed_epoch
        FOR EACH STATEMENT EXECUTE FUNCTION royalties_refuse_change();

CREATE TRIGGER computed_total_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON computed_total
        FOR EACH STATEMENT EXECUTE FUNCTION royalties_refuse_change();

CREATE TRIGGER computed_leaf_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON computed_leaf
        FOR EACH STATEMENT EXECUTE FUNCTION royalties_refuse_change();

CREATE TRIGGER computed_line_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON computed_line
        FOR EACH STATEMENT EXECUTE FUNCTION royalties_refuse_change();

CREATE TRIGGER computed_quarantine_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON computed_quarantine
        FOR EACH STATEMENT EXECUTE FUNCTION royalties_refuse_change();

CREATE TRIGGER computed_allocation_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON computed_allocation
        FOR EACH STATEMENT EXECUTE FUNCTION royalties_refuse_change();

CREATE TRIGGER computed_credit_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON computed_credit
        FOR EACH STATEMENT EXECUTE FUNCTION royalties_refuse_change();

CREATE TRIGGER approval_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON approval
        FOR EACH STATEMENT EXECUTE FUNCTION royalties_refuse_change();
