-- A register of discrepancies: what became of each, who explained it, who accepted that.
ALTER TABLE reconciliation_run
    ADD COLUMN lines BIGINT DEFAULT '0' NOT NULL,
    ADD COLUMN endpoints INTEGER DEFAULT '1' NOT NULL,
    ADD COLUMN proven INTEGER DEFAULT '0' NOT NULL,
    ADD COLUMN stated INTEGER DEFAULT '0' NOT NULL;

ALTER TABLE reconciliation_discrepancy
    ADD COLUMN severity TEXT,
    ADD COLUMN owner TEXT,
    ADD COLUMN asset BYTEA,
    ADD COLUMN content_digest BYTEA,
    ADD COLUMN transaction_hash BYTEA,
    ADD COLUMN at_block BIGINT,
    ADD COLUMN at_block_hash BYTEA,
    ADD COLUMN log_index INTEGER,
    ADD COLUMN entry_id BYTEA;

CREATE TABLE reconciliation_explanation (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    discrepancy_id BYTEA NOT NULL,
    content_digest BYTEA NOT NULL,
    maker TEXT NOT NULL,
    explanation TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT reconciliation_explanation_says_something CHECK (btrim(maker) <> '' AND btrim(explanation) <> '')
);

CREATE TABLE reconciliation_transition (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    discrepancy_id BYTEA NOT NULL,
    status TEXT NOT NULL,
    at BIGINT NOT NULL,
    run_id BIGINT,
    person TEXT,
    entry_id BYTEA,
    explanation_id BIGINT,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT reconciliation_transition_status_is_known CHECK (status IN ('open', 'explained', 'absent', 'resolved')),
    CONSTRAINT reconciliation_transition_has_one_cause CHECK ((run_id IS NULL) <> (person IS NULL)),
    CONSTRAINT reconciliation_transition_resolves_by_entry_or_explanation CHECK (status <> 'resolved' OR (entry_id IS NULL) <> (explanation_id IS NULL)),
    CONSTRAINT reconciliation_transition_explains CHECK (status <> 'explained' OR (explanation_id IS NOT NULL AND person IS NOT NULL)),
    FOREIGN KEY(run_id) REFERENCES reconciliation_run (id),
    FOREIGN KEY(explanation_id) REFERENCES reconciliation_explanation (id)
);

CREATE INDEX reconciliation_transition_of ON reconciliation_transition (chain_id, contract, discrepancy_id, id);

CREATE TRIGGER reconciliation_explanation_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reconciliation_explanation FOR EACH STATEMENT EXECUTE FUNCTION reconciliation_refuse_change();

CREATE TRIGGER reconciliation_transition_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reconciliation_transition FOR EACH STATEMENT EXECUTE FUNCTION reconciliation_refuse_change();

CREATE OR REPLACE FUNCTION reconciliation_two_persons() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = 'resolved' AND NEW.explanation_id IS NOT NULL AND EXISTS (
        SELECT FROM reconciliation_explanation made
        WHERE made.id = NEW.explanation_id
          AND (lower(btrim(made.maker)) = lower(btrim(NEW.person))
               OR made.discrepancy_id <> NEW.discrepancy_id)
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'an explanation is accepted by another person than its author';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER reconciliation_transition_by_two BEFORE INSERT ON reconciliation_transition FOR EACH ROW EXECUTE FUNCTION reconciliation_two_persons();

CREATE VIEW reconciliation_register AS
WITH found AS (
    SELECT r.chain_id, r.contract, r.block_number AS run_block, r.block_timestamp, d.*
    FROM reconciliation_discrepancy d JOIN reconciliation_run r ON r.id = d.run_id
    WHERE d.content_digest IS NOT NULL
), last_seen AS (
    SELECT DISTINCT ON (chain_id, contract, discrepancy_id) * FROM found
    ORDER BY chain_id, contract, discrepancy_id, run_id DESC
), first_seen AS (
    SELECT DISTINCT ON (chain_id, contract, discrepancy_id) * FROM found
    ORDER BY chain_id, contract, discrepancy_id, run_id
), last_step AS (
    SELECT DISTINCT ON (chain_id, contract, discrepancy_id) * FROM reconciliation_transition
    ORDER BY chain_id, contract, discrepancy_id, id DESC
), opened AS (
    SELECT DISTINCT ON (chain_id, contract, discrepancy_id) * FROM reconciliation_transition
    WHERE status = 'open' ORDER BY chain_id, contract, discrepancy_id, id DESC
), explained AS (
    SELECT DISTINCT ON (chain_id, contract, discrepancy_id) * FROM reconciliation_explanation
    ORDER BY chain_id, contract, discrepancy_id, id DESC
)
SELECT l.chain_id, l.contract, l.discrepancy_id, l.kind, l.severity, l.owner, s.status, l.subject,
       l.asset, l.expected, l.actual, l.evidence, l.transaction_hash, l.at_block, l.at_block_hash,
       l.log_index, l.entry_id, l.content_digest,
       f.run_id AS first_run, f.run_block AS first_block, f.block_timestamp AS first_timestamp,
       l.run_id AS last_run, l.run_block AS last_block, l.block_timestamp AS last_timestamp,
       o.at AS opened_at, e.id AS explanation_id, e.maker, e.explanation,
       e.content_digest AS explained_digest,
       array_position(ARRAY['critical', 'high', 'medium', 'low'], l.severity) AS rank,
       (SELECT max(r.block_timestamp) FROM reconciliation_run r
        WHERE r.chain_id = l.chain_id AND r.contract = l.contract) AS now
FROM last_seen l
JOIN first_seen f USING (chain_id, contract, discrepancy_id)
JOIN last_step s USING (chain_id, contract, discrepancy_id)
JOIN opened o USING (chain_id, contract, discrepancy_id)
LEFT JOIN explained e USING (chain_id, contract, discrepancy_id);
