-- Books may be taken back whole and posted again, as their next version. What is there is version 0.
ALTER TABLE reservation DROP CONSTRAINT reservation_follows_a_voided_one;
ALTER TABLE reservation DROP CONSTRAINT reservation_op_id_fkey;
ALTER TABLE reservation_outcome DROP CONSTRAINT reservation_outcome_is_of_a_reservation;
ALTER TABLE ledger_commitment_outcome
    DROP CONSTRAINT ledger_commitment_outcome_is_of_a_commitment;
ALTER TABLE posting DROP CONSTRAINT posting_is_of_its_entry;

ALTER TABLE journal_entry
    ADD COLUMN version INTEGER NOT NULL DEFAULT 0,
    DROP CONSTRAINT journal_entry_source_is_unique,
    DROP CONSTRAINT journal_entry_as_postings_see_it;
ALTER TABLE journal_entry
    ALTER COLUMN version DROP DEFAULT,
    ADD CONSTRAINT journal_entry_source_is_unique UNIQUE (source_kind, source_id, leg, version),
    ADD CONSTRAINT journal_entry_as_postings_see_it UNIQUE (id, version, status, posting_count),
    ADD CONSTRAINT journal_entry_version_counts_from_zero CHECK (version >= 0);

ALTER TABLE posting ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE posting
    ALTER COLUMN version DROP DEFAULT,
    ADD CONSTRAINT posting_is_of_its_entry FOREIGN KEY(entry_id, version, status, posting_count) REFERENCES journal_entry (id, version, status, posting_count);

ALTER TABLE ledger_leaf
    ADD COLUMN version INTEGER NOT NULL DEFAULT 0,
    DROP CONSTRAINT ledger_leaf_pkey,
    DROP CONSTRAINT ledger_leaf_is_unique;
ALTER TABLE ledger_leaf
    ALTER COLUMN version DROP DEFAULT,
    ADD PRIMARY KEY (op_id, version),
    ADD CONSTRAINT ledger_leaf_is_unique UNIQUE (chain_id, contract, epoch, work_id, part, asset, version);

ALTER TABLE ledger_commitment
    ADD COLUMN version INTEGER NOT NULL DEFAULT 0,
    DROP CONSTRAINT ledger_commitment_pkey;
ALTER TABLE ledger_commitment
    ALTER COLUMN version DROP DEFAULT,
    ADD PRIMARY KEY (chain_id, contract, version, epoch, attempt);

ALTER TABLE ledger_commitment_outcome
    ADD COLUMN version INTEGER NOT NULL DEFAULT 0,
    DROP CONSTRAINT ledger_commitment_outcome_pkey;
ALTER TABLE ledger_commitment_outcome
    ALTER COLUMN version DROP DEFAULT,
    ADD PRIMARY KEY (chain_id, contract, version, epoch, attempt),
    ADD CONSTRAINT ledger_commitment_outcome_is_of_a_commitment FOREIGN KEY(chain_id, contract, version, epoch, attempt) REFERENCES ledger_commitment (chain_id, contract, version, epoch, attempt);

ALTER TABLE reservation
    ADD COLUMN version INTEGER NOT NULL DEFAULT 0,
    DROP CONSTRAINT reservation_pkey;
ALTER TABLE reservation
    ALTER COLUMN version DROP DEFAULT,
    ADD PRIMARY KEY (op_id, version, attempt),
    ADD CONSTRAINT reservation_is_of_a_leaf FOREIGN KEY(op_id, version) REFERENCES ledger_leaf (op_id, version);

ALTER TABLE reservation_outcome
    ADD COLUMN version INTEGER NOT NULL DEFAULT 0,
    DROP CONSTRAINT reservation_outcome_pkey,
    DROP CONSTRAINT reservation_outcome_as_the_next_attempt_sees_it;
ALTER TABLE reservation_outcome
    ALTER COLUMN version DROP DEFAULT,
    ADD PRIMARY KEY (op_id, version, attempt),
    ADD CONSTRAINT reservation_outcome_as_the_next_attempt_sees_it UNIQUE (op_id, version, attempt, outcome),
    ADD CONSTRAINT reservation_outcome_is_of_a_reservation FOREIGN KEY(op_id, version, attempt) REFERENCES reservation (op_id, version, attempt);

ALTER TABLE reservation ADD CONSTRAINT reservation_follows_a_voided_one FOREIGN KEY (op_id, version, previous_attempt, previous_outcome) REFERENCES reservation_outcome (op_id, version, attempt, outcome);

ALTER TABLE ledger_cursor
    ADD COLUMN version INTEGER NOT NULL DEFAULT 0,
    DROP CONSTRAINT ledger_cursor_pkey;
ALTER TABLE ledger_cursor
    ALTER COLUMN version DROP DEFAULT,
    ADD PRIMARY KEY (chain_id, contract, version);

CREATE TABLE ledger_rewind (
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    version INTEGER NOT NULL,
    block_number BIGINT NOT NULL,
    block_hash BYTEA NOT NULL,
    reason TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (chain_id, contract, version),
    CONSTRAINT ledger_rewind_version_counts_from_one CHECK (version >= 1),
    CONSTRAINT ledger_rewind_has_a_reason CHECK (reason <> '')
);

CREATE TRIGGER ledger_rewind_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_rewind FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
