CREATE TABLE provider_statement (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    asked TEXT NOT NULL,
    host TEXT NOT NULL,
    said TEXT NOT NULL,
    verdict TEXT NOT NULL,
    look BYTEA NOT NULL,
    noted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT provider_statement_asked CHECK (asked IN ('block', 'logs')),
    CONSTRAINT provider_statement_verdict CHECK (verdict IN ('agreed', 'forked', 'disputed'))
);

CREATE INDEX provider_statement_of_block ON provider_statement (chain_id, block_number, asked, id);

CREATE FUNCTION indexer_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP;
    END $$;

CREATE TRIGGER provider_statement_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON provider_statement
        FOR EACH STATEMENT EXECUTE FUNCTION indexer_refuse_change();
