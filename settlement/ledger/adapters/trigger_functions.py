"""The functions of the books' triggers, which `tables` declares."""

REFUSE_CHANGE = """
CREATE OR REPLACE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'the books are append-only, no ' || TG_OP || ' on ' || TG_TABLE_NAME;
END $$
"""

ENTRY_IS_WHOLE = """
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
END $$
"""

ACCOUNTS_OF_ONE_BOOK = """
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
END $$
"""

CURSOR_NEVER_BACK = """
CREATE OR REPLACE FUNCTION ledger_cursor_never_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.block_number < OLD.block_number THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'the ledger cursor never moves back, not to ' || NEW.block_number;
    END IF;
    RETURN NEW;
END $$
"""
