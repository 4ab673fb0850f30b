-- Outcomes may be taken back. What is there is version 0.
DROP INDEX payout_outcome_closing;
ALTER TABLE payout_outcome
    ADD COLUMN version INTEGER NOT NULL DEFAULT 0,
    DROP CONSTRAINT payout_outcome_once;
ALTER TABLE payout_outcome
    ALTER COLUMN version DROP DEFAULT,
    ADD CONSTRAINT payout_outcome_once UNIQUE NULLS NOT DISTINCT (op_id, sender, nonce, version);
CREATE UNIQUE INDEX payout_outcome_closing ON payout_outcome (op_id, version) WHERE fate IN ('settled', 'settled_elsewhere', 'settled_unseen', 'superseded');

CREATE TABLE payout_retraction (
    op_id BYTEA NOT NULL,
    version INTEGER NOT NULL,
    block_number BIGINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (op_id, version),
    CONSTRAINT payout_retraction_version_counts_from_one CHECK (version >= 1),
    FOREIGN KEY(op_id) REFERENCES payout_operation (op_id)
);

CREATE TRIGGER payout_retraction_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_retraction FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change();
