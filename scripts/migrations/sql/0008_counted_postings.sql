DROP TRIGGER posting_is_of_its_entry ON posting;

DROP TRIGGER posting_is_whole ON posting;

DROP FUNCTION ledger_posting_has_its_entry();

DROP FUNCTION ledger_postings_are_whole();

CREATE TABLE ledger_unmatched (
	id BIGINT GENERATED ALWAYS AS IDENTITY, 
	written_by BIGINT DEFAULT pg_current_xact_id()::text::bigint NOT NULL, 
	postings BIGINT NOT NULL, 
	PRIMARY KEY (id)
);

CREATE OR REPLACE FUNCTION ledger_entry_is_whole() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off AS $$
DECLARE broken BYTEA;
BEGIN
    SELECT id INTO broken FROM recorded r WHERE posting_count <> (
        SELECT count(*) FILTER (
            WHERE p.posting_count = r.posting_count AND p.version = r.version
              AND p.status = r.status AND p.effective_block = r.effective_block AND (
                SELECT a.chain_id = r.chain_id AND a.contract = r.contract
                FROM ledger_account a WHERE a.id = p.debit_account
            )
        ) FROM posting p WHERE p.entry_id = r.id
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'journal entry lacks postings in its book, ' || encode(broken, 'hex');
    END IF;
    INSERT INTO ledger_unmatched (postings)
    SELECT -sum(posting_count) FROM recorded HAVING count(*) > 0;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION ledger_postings_are_counted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off AS $$
DECLARE
    one_chain BIGINT;
    one_contract BYTEA;
BEGIN
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
    INSERT INTO ledger_unmatched (postings) SELECT count(*) FROM recorded HAVING count(*) > 0;
    RETURN NULL;
END $$;

CREATE TRIGGER posting_is_counted AFTER INSERT ON posting
    REFERENCING NEW TABLE AS recorded FOR EACH STATEMENT EXECUTE FUNCTION ledger_postings_are_counted();

CREATE OR REPLACE FUNCTION ledger_postings_have_entries() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE unmatched BIGINT;
BEGIN
    WITH counted AS (
        DELETE FROM ledger_unmatched WHERE written_by = pg_current_xact_id()::text::bigint
        RETURNING postings
    ) SELECT sum(postings) INTO unmatched FROM counted;
    IF unmatched <> 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = unmatched || ' postings without their journal entry';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER posting_is_of_an_entry AFTER INSERT ON ledger_unmatched DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_postings_have_entries();

REVOKE EXECUTE ON FUNCTION ledger_entry_is_whole() FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION ledger_postings_are_counted() FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION ledger_postings_have_entries() FROM PUBLIC;

CREATE OR REPLACE FUNCTION ledger_newest_entry(of_chain_id BIGINT, of_contract BYTEA)
RETURNS TABLE (id BYTEA, booked_at BIGINT) LANGUAGE sql STABLE SET enable_sort = off AS $$
    SELECT e.id, e.booked_at FROM journal_entry e
    WHERE e.chain_id = of_chain_id AND e.contract = of_contract
    ORDER BY e.arrival DESC LIMIT 1
$$;

CREATE OR REPLACE FUNCTION ledger_line_is_owed() RETURNS trigger
LANGUAGE plpgsql SET enable_seqscan = off AS $$
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

CREATE OR REPLACE FUNCTION ledger_link_is_of_an_entry() RETURNS trigger
LANGUAGE plpgsql SET enable_seqscan = off AS $$
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
