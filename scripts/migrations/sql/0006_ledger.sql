-- Looked up statement by statement, not row by row: what an entry, a posting, a line and a link belong to.
ALTER TABLE posting DROP CONSTRAINT posting_is_of_its_entry;
DROP TRIGGER posting_is_between_accounts ON posting;
DROP FUNCTION ledger_accounts_of_one_book();
CREATE OR REPLACE FUNCTION ledger_entry_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE broken BYTEA;
BEGIN
    SELECT id INTO broken FROM recorded r WHERE (
        SELECT p.version = r.version AND p.status = r.status
           AND p.posting_count = r.posting_count AND p.effective_block = r.effective_block
           AND a.chain_id = r.chain_id AND a.contract = r.contract
        FROM posting p JOIN ledger_account a ON a.id = p.debit_account
        WHERE p.entry_id = r.id AND p.ordinal = 0
    ) IS NOT TRUE LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'journal entry lacks postings in its book, ' || encode(broken, 'hex');
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION ledger_postings_are_whole() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken BYTEA;
    one_chain BIGINT;
    one_contract BYTEA;
BEGIN
    SELECT entry_id INTO broken FROM recorded
    GROUP BY entry_id, version, status, posting_count, effective_block
    HAVING count(*) <> posting_count LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'journal entry lacks postings, ' || encode(broken, 'hex');
    END IF;
    SELECT chain_id, contract INTO one_chain, one_contract FROM ledger_account
    WHERE id = (SELECT debit_account FROM recorded LIMIT 1);
    IF EXISTS (SELECT FROM (
        SELECT debit_account AS id FROM recorded UNION SELECT credit_account FROM recorded
    ) named WHERE (
        SELECT a.chain_id = one_chain AND a.contract = one_contract
        FROM ledger_account a WHERE a.id = named.id
    ) IS NOT TRUE) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'a posting is between two accounts of one book';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER posting_is_whole AFTER INSERT ON posting
    REFERENCING NEW TABLE AS recorded FOR EACH STATEMENT EXECUTE FUNCTION ledger_postings_are_whole();
CREATE OR REPLACE FUNCTION ledger_posting_has_its_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM journal_entry WHERE id = NEW.entry_id) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'postings without their journal entry, ' || encode(NEW.entry_id, 'hex');
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER posting_is_of_its_entry AFTER INSERT ON posting
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.ordinal = 0)
    EXECUTE FUNCTION ledger_posting_has_its_entry();
ALTER TABLE ledger_line DROP CONSTRAINT ledger_line_account_id_fkey;
ALTER TABLE ledger_line DROP CONSTRAINT ledger_line_entry_id_fkey;
CREATE OR REPLACE FUNCTION ledger_line_is_owed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM recorded r WHERE (
        SELECT e.chain_id = r.chain_id AND e.contract = r.contract AND e.version = r.version
        FROM journal_entry e WHERE e.id = r.entry_id
    ) IS NOT TRUE OR (
        SELECT a.chain_id = r.chain_id AND a.contract = r.contract
        FROM ledger_account a WHERE a.id = r.account_id
    ) IS NOT TRUE) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'a line is owed by an entry, and to an account, of its own book';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_line_is_owed AFTER INSERT ON ledger_line
    REFERENCING NEW TABLE AS recorded FOR EACH STATEMENT EXECUTE FUNCTION ledger_line_is_owed();
ALTER TABLE ledger_link DROP CONSTRAINT ledger_link_entry_id_fkey;
CREATE OR REPLACE FUNCTION ledger_link_is_of_an_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM recorded r WHERE (
        SELECT e.chain_id = r.chain_id AND e.contract = r.contract
        FROM journal_entry e WHERE e.id = r.entry_id
    ) IS NOT TRUE) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'a link is of an entry of its own book';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_link_is_of_an_entry AFTER INSERT ON ledger_link
    REFERENCING NEW TABLE AS recorded FOR EACH STATEMENT EXECUTE FUNCTION ledger_link_is_of_an_entry();
-- One index less on accounts: what makes one unique also finds those of a work.
ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_is_unique;
DROP INDEX ledger_account_by_work;
ALTER TABLE ledger_account ADD CONSTRAINT ledger_account_is_unique
    UNIQUE NULLS NOT DISTINCT (chain_id, contract, work_id, payee, epoch, part, kind);
