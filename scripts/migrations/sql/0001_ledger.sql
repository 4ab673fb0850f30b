CREATE TABLE journal_entry (
    id BYTEA NOT NULL,
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    source_kind TEXT NOT NULL,
    source_id BYTEA NOT NULL,
    leg INTEGER NOT NULL,
    status TEXT NOT NULL,
    effective_at BIGINT NOT NULL,
    block_number BIGINT,
    block_hash BYTEA,
    posting_count INTEGER NOT NULL,
    content_digest BYTEA NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT journal_entry_source_is_unique UNIQUE (source_kind, source_id, leg),
    CONSTRAINT journal_entry_as_postings_see_it UNIQUE (id, status, posting_count),
    CONSTRAINT journal_entry_status_is_known CHECK (status IN ('pending', 'posted')),
    CONSTRAINT journal_entry_is_not_empty CHECK (posting_count > 0),
    CONSTRAINT journal_entry_evidence_is_whole CHECK ((block_number IS NULL) = (block_hash IS NULL))
);

CREATE INDEX journal_entry_in_time ON journal_entry (chain_id, contract, effective_at, id);

CREATE TABLE ledger_account (
    id BYTEA NOT NULL,
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    kind TEXT NOT NULL,
    epoch BIGINT,
    work_id BYTEA,
    part BIGINT,
    payee BYTEA,
    PRIMARY KEY (id),
    CONSTRAINT ledger_account_has_the_attributes_of_its_kind CHECK ((kind = 'cash' AND epoch IS NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'paid_in' AND epoch IS NOT NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'committed' AND epoch IS NOT NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'unallocated' AND epoch IS NOT NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'payable' AND epoch IS NOT NULL AND work_id IS NOT NULL AND part IS NOT NULL AND payee IS NOT NULL) OR (kind = 'unclaimed' AND epoch IS NULL AND work_id IS NULL AND part IS NULL AND payee IS NOT NULL) OR (kind = 'in_transit' AND epoch IS NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL)),
    CONSTRAINT ledger_account_is_unique UNIQUE NULLS NOT DISTINCT (chain_id, contract, epoch, work_id, part, payee, kind)
);

CREATE INDEX ledger_account_by_payee ON ledger_account (chain_id, contract, payee);

CREATE INDEX ledger_account_by_work ON ledger_account (chain_id, contract, work_id);

CREATE TABLE ledger_cursor (
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    block_number BIGINT NOT NULL,
    block_hash BYTEA NOT NULL,
    parent_hash BYTEA NOT NULL,
    timestamp BIGINT NOT NULL,
    PRIMARY KEY (chain_id, contract)
);

CREATE TABLE ledger_commitment (
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    manifest_digest BYTEA NOT NULL,
    root BYTEA NOT NULL,
    active_at BIGINT NOT NULL,
    entry_id BYTEA,
    PRIMARY KEY (chain_id, contract, epoch, attempt),
    FOREIGN KEY(entry_id) REFERENCES journal_entry (id)
);

CREATE TABLE ledger_leaf (
    op_id BYTEA NOT NULL,
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    work_id BYTEA NOT NULL,
    part BIGINT NOT NULL,
    asset BYTEA NOT NULL,
    entry_id BYTEA NOT NULL,
    PRIMARY KEY (op_id),
    CONSTRAINT ledger_leaf_is_unique UNIQUE (chain_id, contract, epoch, work_id, part, asset),
    UNIQUE (entry_id),
    FOREIGN KEY(entry_id) REFERENCES journal_entry (id)
);

CREATE TABLE posting (
    entry_id BYTEA NOT NULL,
    ordinal INTEGER NOT NULL,
    status TEXT NOT NULL,
    posting_count INTEGER NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    debit_account BYTEA NOT NULL,
    credit_account BYTEA NOT NULL,
    PRIMARY KEY (entry_id, ordinal),
    CONSTRAINT posting_is_of_its_entry FOREIGN KEY(entry_id, status, posting_count) REFERENCES journal_entry (id, status, posting_count),
    CONSTRAINT posting_has_a_place_in_its_entry CHECK (ordinal >= 0 AND ordinal < posting_count),
    CONSTRAINT posting_amount_is_a_uint256_above_zero CHECK (amount > 0 AND amount <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT posting_moves_between_two_accounts CHECK (debit_account <> credit_account),
    FOREIGN KEY(debit_account) REFERENCES ledger_account (id),
    FOREIGN KEY(credit_account) REFERENCES ledger_account (id)
);

CREATE INDEX posting_by_credit ON posting (credit_account, asset);

CREATE INDEX posting_by_debit ON posting (debit_account, asset);

CREATE TABLE ledger_commitment_outcome (
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (chain_id, contract, epoch, attempt),
    CONSTRAINT ledger_commitment_outcome_is_of_a_commitment FOREIGN KEY(chain_id, contract, epoch, attempt) REFERENCES ledger_commitment (chain_id, contract, epoch, attempt),
    CONSTRAINT ledger_commitment_outcome_is_known CHECK (outcome IN ('activated', 'vetoed'))
);

CREATE TABLE reservation (
    op_id BYTEA NOT NULL,
    attempt BIGINT NOT NULL,
    entry_id BYTEA NOT NULL,
    previous_attempt BIGINT GENERATED ALWAYS AS (NULLIF(attempt - 1, 0)) STORED,
    previous_outcome TEXT GENERATED ALWAYS AS ('voided') STORED,
    PRIMARY KEY (op_id, attempt),
    CONSTRAINT reservation_attempt_counts_from_one CHECK (attempt >= 1),
    FOREIGN KEY(op_id) REFERENCES ledger_leaf (op_id),
    UNIQUE (entry_id),
    FOREIGN KEY(entry_id) REFERENCES journal_entry (id)
);

CREATE TABLE reservation_outcome (
    op_id BYTEA NOT NULL,
    attempt BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    block_number BIGINT,
    log_index BIGINT,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (op_id, attempt),
    CONSTRAINT reservation_outcome_as_the_next_attempt_sees_it UNIQUE (op_id, attempt, outcome),
    CONSTRAINT reservation_outcome_is_of_a_reservation FOREIGN KEY(op_id, attempt) REFERENCES reservation (op_id, attempt),
    CONSTRAINT reservation_outcome_is_known CHECK ((outcome = 'posted' AND block_number IS NOT NULL AND log_index IS NOT NULL) OR (outcome = 'voided' AND block_number IS NULL AND log_index IS NULL))
);

CREATE OR REPLACE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'the books are append-only, no ' || TG_OP || ' on ' || TG_TABLE_NAME;
END $$;

CREATE TRIGGER ledger_account_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_account FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER journal_entry_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_entry FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER posting_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON posting FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER ledger_leaf_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_leaf FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER ledger_commitment_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_commitment FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER ledger_commitment_outcome_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_commitment_outcome FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER reservation_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reservation FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER reservation_outcome_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reservation_outcome FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE OR REPLACE FUNCTION ledger_entry_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM posting WHERE entry_id = NEW.id) <> NEW.posting_count THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'journal entry lacks postings, ' || encode(NEW.id, 'hex');
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER journal_entry_is_whole AFTER INSERT ON journal_entry DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_entry_is_whole();

CREATE OR REPLACE FUNCTION ledger_cursor_never_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.block_number < OLD.block_number THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'the ledger cursor never moves back, not to ' || NEW.block_number;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER ledger_cursor_moves_on BEFORE UPDATE ON ledger_cursor FOR EACH ROW EXECUTE FUNCTION ledger_cursor_never_back();

ALTER TABLE reservation ADD CONSTRAINT reservation_follows_a_voided_one FOREIGN KEY (op_id, previous_attempt, previous_outcome) REFERENCES reservation_outcome (op_id, attempt, outcome);
