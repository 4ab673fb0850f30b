-- Books of payment contracts and payout wallets; balances at a block; sealed journal; periods; manual entries.
ALTER TABLE ledger_account
    DROP CONSTRAINT ledger_account_has_the_attributes_of_its_kind;
ALTER TABLE ledger_account
    ADD CONSTRAINT ledger_account_has_the_attributes_of_its_kind CHECK ((kind = 'cash' AND epoch IS NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'paid_in' AND epoch IS NOT NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'committed' AND epoch IS NOT NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'fees' AND epoch IS NOT NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'escrowed' AND epoch IS NOT NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'unallocated' AND epoch IS NOT NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'payable' AND epoch IS NOT NULL AND work_id IS NOT NULL AND part IS NOT NULL AND payee IS NOT NULL) OR (kind = 'escrow' AND epoch IS NOT NULL AND work_id IS NOT NULL AND part IS NULL AND payee IS NULL) OR (kind = 'suspense' AND epoch IS NOT NULL AND work_id IS NOT NULL AND part IS NULL AND payee IS NULL) OR (kind = 'unclaimed' AND epoch IS NULL AND work_id IS NULL AND part IS NULL AND payee IS NOT NULL) OR (kind = 'in_transit' AND epoch IS NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'earned' AND epoch IS NULL AND work_id IS NOT NULL AND part IS NULL AND payee IS NOT NULL) OR (kind = 'refunded' AND epoch IS NULL AND work_id IS NOT NULL AND part IS NULL AND payee IS NOT NULL) OR (kind = 'platform_fees' AND epoch IS NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'owed' AND epoch IS NULL AND work_id IS NOT NULL AND part IS NULL AND payee IS NOT NULL) OR (kind = 'float' AND epoch IS NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'documents' AND epoch IS NULL AND work_id IS NOT NULL AND part IS NULL AND payee IS NULL) OR (kind = 'unexplained' AND epoch IS NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'wallet' AND epoch IS NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'gas' AND epoch IS NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'surplus' AND epoch IS NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL));

-- Entries say from which block on balances contain them, when the books learned of them, and the month they count for.
ALTER TABLE posting DROP CONSTRAINT posting_is_of_its_entry;
ALTER TABLE journal_entry DROP CONSTRAINT journal_entry_as_postings_see_it;
ALTER TABLE journal_entry DROP CONSTRAINT journal_entry_source_is_unique;
ALTER TABLE posting DROP CONSTRAINT posting_debit_account_fkey;
ALTER TABLE posting DROP CONSTRAINT posting_credit_account_fkey;
DROP TRIGGER journal_entry_is_whole ON journal_entry;
ALTER TABLE journal_entry ADD COLUMN effective_block BIGINT;
ALTER TABLE journal_entry ADD COLUMN booked_at BIGINT;
ALTER TABLE journal_entry ADD COLUMN period INTEGER;
ALTER TABLE journal_entry ADD COLUMN arrival BIGINT GENERATED ALWAYS AS IDENTITY;
ALTER TABLE posting ADD COLUMN effective_block BIGINT;
ALTER TABLE posting ADD COLUMN is_late BOOLEAN;
ALTER TABLE journal_entry DISABLE TRIGGER journal_entry_is_append_only;
ALTER TABLE posting DISABLE TRIGGER posting_is_append_only;
UPDATE journal_entry e SET
    effective_block = coalesce(block_number, (
        SELECT min(b.number) FROM block b
        WHERE b.chain_id = e.chain_id AND b.timestamp >= e.effective_at
    ), 0),
    booked_at = effective_at,
    period = to_char(to_timestamp(effective_at) AT TIME ZONE 'UTC', 'YYYYMM')::integer;
UPDATE posting p SET effective_block = e.effective_block, is_late = false
    FROM journal_entry e WHERE e.id = p.entry_id;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE journal_entry ENABLE TRIGGER journal_entry_is_append_only;
ALTER TABLE posting ENABLE TRIGGER posting_is_append_only;
ALTER TABLE journal_entry ALTER COLUMN effective_block SET NOT NULL;
ALTER TABLE journal_entry ALTER COLUMN booked_at SET NOT NULL;
ALTER TABLE journal_entry ALTER COLUMN period SET NOT NULL;
ALTER TABLE posting ALTER COLUMN effective_block SET NOT NULL;
ALTER TABLE posting ALTER COLUMN is_late SET NOT NULL;

ALTER TABLE journal_entry ADD CONSTRAINT journal_entry_takes_effect_with_its_evidence CHECK (block_number IS NULL OR block_number = effective_block);

ALTER TABLE journal_entry ADD CONSTRAINT journal_entry_is_not_booked_before_its_time CHECK (booked_at >= effective_at);

ALTER TABLE journal_entry ADD CONSTRAINT journal_entry_period_is_a_month CHECK (period % 100 BETWEEN 1 AND 12);

CREATE INDEX journal_entry_by_arrival ON journal_entry (chain_id, contract, arrival);
CREATE INDEX journal_entry_by_block ON journal_entry (chain_id, contract, effective_block);

ALTER TABLE posting ADD CONSTRAINT posting_is_of_its_entry FOREIGN KEY(entry_id) REFERENCES journal_entry (id) DEFERRABLE INITIALLY DEFERRED;

DROP INDEX posting_by_debit;
DROP INDEX posting_by_credit;
CREATE INDEX posting_by_debit ON posting (debit_account, asset, effective_block) INCLUDE (amount, status, version, is_late);
CREATE INDEX posting_by_credit ON posting (credit_account, asset, effective_block) INCLUDE (amount, status, version, is_late);
CREATE INDEX posting_late_by_debit ON posting (debit_account, asset, effective_block) WHERE is_late;
CREATE INDEX posting_late_by_credit ON posting (credit_account, asset, effective_block) WHERE is_late;

-- Lines of lists are owed, reserved and settled as leaves are.
CREATE TABLE ledger_line (
    op_id BYTEA NOT NULL,
    version INTEGER NOT NULL,
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    list_id BYTEA NOT NULL,
    list_index NUMERIC(78, 0) NOT NULL,
    payee BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    payer BYTEA,
    owed_since BIGINT NOT NULL,
    account_id BYTEA NOT NULL,
    entry_id BYTEA NOT NULL,
    PRIMARY KEY (op_id, version),
    CONSTRAINT ledger_line_is_unique UNIQUE (chain_id, contract, list_id, list_index, version),
    FOREIGN KEY(account_id) REFERENCES ledger_account (id),
    FOREIGN KEY(entry_id) REFERENCES journal_entry (id)
);
CREATE TABLE ledger_document (
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    version INTEGER NOT NULL,
    list_id BYTEA NOT NULL,
    digest BYTEA NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (chain_id, contract, version, list_id)
);

ALTER TABLE reservation DROP CONSTRAINT reservation_is_of_a_leaf;
ALTER TABLE reservation ADD COLUMN is_line BOOLEAN DEFAULT false NOT NULL;
ALTER TABLE reservation ADD COLUMN leaf BYTEA GENERATED ALWAYS AS (CASE WHEN NOT is_line THEN op_id END) STORED;
ALTER TABLE reservation ADD COLUMN line BYTEA GENERATED ALWAYS AS (CASE WHEN is_line THEN op_id END) STORED;
ALTER TABLE reservation ADD CONSTRAINT reservation_is_of_a_leaf FOREIGN KEY(leaf, version) REFERENCES ledger_leaf (op_id, version);
ALTER TABLE reservation ADD CONSTRAINT reservation_is_of_a_line FOREIGN KEY(line, version) REFERENCES ledger_line (op_id, version);

-- What proves the books, and balances drawn at blocks.
CREATE TABLE ledger_link (
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    sequence BIGINT NOT NULL,
    entry_id BYTEA NOT NULL,
    leaf BYTEA NOT NULL,
    link BYTEA NOT NULL,
    PRIMARY KEY (chain_id, contract, sequence),
    CONSTRAINT ledger_link_sequence_counts_from_one CHECK (sequence >= 1),
    UNIQUE (entry_id),
    FOREIGN KEY(entry_id) REFERENCES journal_entry (id)
);
CREATE TABLE ledger_seal (
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    first_sequence BIGINT NOT NULL,
    last_sequence BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    previous BYTEA NOT NULL,
    root BYTEA NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (chain_id, contract, epoch),
    CONSTRAINT ledger_seal_is_not_empty CHECK (last_sequence >= first_sequence)
);
CREATE TABLE ledger_checkpoint (
    account_id BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    version INTEGER NOT NULL,
    block_number BIGINT NOT NULL,
    debits NUMERIC(100, 0) NOT NULL,
    credits NUMERIC(100, 0) NOT NULL,
    PRIMARY KEY (account_id, asset, version, block_number),
    FOREIGN KEY(account_id) REFERENCES ledger_account (id)
);
CREATE TABLE ledger_checkpoint_mark (
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    version INTEGER NOT NULL,
    block_number BIGINT NOT NULL,
    PRIMARY KEY (chain_id, contract, version, block_number)
);

-- Months that are closed, and entries by hand.
CREATE TABLE ledger_period_close (
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    period INTEGER NOT NULL,
    closed_by TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (chain_id, contract, period),
    CONSTRAINT ledger_period_close_is_of_a_month CHECK (period % 100 BETWEEN 1 AND 12),
    CONSTRAINT ledger_period_close_names_somebody CHECK (closed_by <> '')
);
CREATE TABLE ledger_manual (
    id BYTEA NOT NULL,
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    maker TEXT NOT NULL,
    effective_block BIGINT NOT NULL,
    content BYTEA NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT ledger_manual_as_its_decision_sees_it UNIQUE (id, maker),
    CONSTRAINT ledger_manual_has_a_maker CHECK (maker <> '')
);
CREATE TABLE ledger_manual_decision (
    manual_id BYTEA NOT NULL,
    maker TEXT NOT NULL,
    checker TEXT NOT NULL,
    decision TEXT NOT NULL,
    reason TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (manual_id),
    CONSTRAINT ledger_manual_decision_is_of_a_manual FOREIGN KEY(manual_id, maker) REFERENCES ledger_manual (id, maker),
    CONSTRAINT ledger_manual_decision_has_four_eyes CHECK (lower(btrim(maker)) <> lower(btrim(checker))),
    CONSTRAINT ledger_manual_decision_has_a_checker CHECK (btrim(checker) <> ''),
    CONSTRAINT ledger_manual_decision_is_known CHECK (decision IN ('approved', 'rejected'))
);

CREATE TRIGGER ledger_line_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_line FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_document_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_document FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE OR REPLACE FUNCTION ledger_entry_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE broken BYTEA;
BEGIN
    SELECT id INTO broken FROM recorded r WHERE posting_count <> (
        SELECT count(*) FROM posting p
        WHERE p.entry_id = r.id AND p.version = r.version AND p.status = r.status
          AND p.posting_count = r.posting_count AND p.effective_block = r.effective_block
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'journal entry lacks postings, ' || encode(broken, 'hex');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER journal_entry_is_whole AFTER INSERT ON journal_entry REFERENCING NEW TABLE AS recorded FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_is_whole();
CREATE OR REPLACE FUNCTION ledger_accounts_of_one_book() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM recorded r WHERE (
        SELECT d.chain_id = c.chain_id AND d.contract = c.contract
        FROM ledger_account d, ledger_account c
        WHERE d.id = r.debit_account AND c.id = r.credit_account
    ) IS NOT TRUE) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'a posting is between two accounts of one book';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER posting_is_between_accounts AFTER INSERT ON posting REFERENCING NEW TABLE AS recorded FOR EACH STATEMENT EXECUTE FUNCTION ledger_accounts_of_one_book();
CREATE TRIGGER ledger_link_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_link FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_seal_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_seal FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_checkpoint_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_checkpoint FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_checkpoint_mark_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_checkpoint_mark FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_period_close_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_period_close FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_manual_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_manual FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_manual_decision_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_manual_decision FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE OR REPLACE FUNCTION ledger_refuse_closed_period() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM recorded r JOIN ledger_period_close c USING (chain_id, contract)
        WHERE r.period <= c.period
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'the accounting period is closed';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER journal_entry_period_is_open AFTER INSERT ON journal_entry REFERENCING NEW TABLE AS recorded FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_closed_period();
