"""The functions of the books' triggers, which the tables declare.

Those on `recorded` look at all rows of a statement at once: a foreign key is looked up row by row,
which took a third of the time of a load, and can only say that a row is there.
"""

REFUSE_CHANGE = """
CREATE OR REPLACE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'the books are append-only, no ' || TG_OP || ' on ' || TG_TABLE_NAME;
END $$
"""

POSTINGS_ARE_WHOLE = """
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
END $$
"""
"""No statement adds postings of two books, or some of an entry's only; so none are added later."""

POSTING_HAS_ITS_ENTRY = """
CREATE OR REPLACE FUNCTION ledger_posting_has_its_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM journal_entry WHERE id = NEW.entry_id) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'postings without their journal entry, ' || encode(NEW.entry_id, 'hex');
    END IF;
    RETURN NULL;
END $$
"""

ENTRY_IS_WHOLE = """
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
END $$
"""

LINE_IS_OWED = """
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
END $$
"""

LINK_IS_OF_AN_ENTRY = """
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
