-- The emergency stop of signing: the newest row counts.
CREATE TABLE signing_switch (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    position TEXT NOT NULL,
    reason TEXT NOT NULL,
    recorded_by TEXT DEFAULT SESSION_USER NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT signing_switch_position CHECK (position IN ('stop', 'resume')),
    CONSTRAINT signing_switch_reason CHECK (btrim(reason) <> '')
);

CREATE TRIGGER signing_switch_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON signing_switch FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change();
