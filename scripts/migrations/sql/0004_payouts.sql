-- Lines of lists, which a tip relay or a payout batch pays, are operations too.
ALTER TABLE payout_operation
    ALTER COLUMN epoch DROP NOT NULL,
    ADD COLUMN payee BYTEA,
    DROP CONSTRAINT payout_operation_kind,
    DROP CONSTRAINT payout_operation_subject,
    ADD CONSTRAINT payout_operation_kind CHECK (kind IN ('commit', 'withdraw', 'tip', 'payout')),
    ADD CONSTRAINT payout_operation_subject CHECK (CASE kind WHEN 'withdraw' THEN num_nulls(epoch, work_id, part, asset, amount, lines, proof_nodes) = 0 AND num_nonnulls(attempt, manifest_digest, payee) = 0 WHEN 'commit' THEN num_nulls(epoch, attempt, manifest_digest) = 0 AND num_nonnulls(work_id, part, asset, amount, lines, proof_nodes, payee) = 0 ELSE num_nulls(payee, asset, amount) = 0 AND num_nonnulls(epoch, work_id, part, lines, proof_nodes, attempt, manifest_digest) = 0 END);

-- What the operator says is owed: one document a list, added by one person and accepted by another.
CREATE TABLE payout_document (
    digest BYTEA NOT NULL,
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    list_id BYTEA NOT NULL,
    source BYTEA NOT NULL,
    added_by TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (digest),
    CONSTRAINT payout_document_one_a_list UNIQUE (chain_id, contract, list_id),
    CONSTRAINT payout_document_is_somebodys CHECK (added_by <> '')
);

CREATE TABLE payout_document_acceptance (
    digest BYTEA NOT NULL,
    accepted_by TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (digest),
    CONSTRAINT payout_document_acceptance_is_somebodys CHECK (accepted_by <> ''),
    CONSTRAINT payout_document_acceptance_has_a_time CHECK (accepted_at >= 0),
    FOREIGN KEY(digest) REFERENCES payout_document (digest)
);

CREATE TRIGGER payout_document_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_document FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change();
CREATE TRIGGER payout_document_acceptance_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_document_acceptance FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change();
