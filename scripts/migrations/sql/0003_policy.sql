-- Records of the payout policy: screening lists, holds, KYC tiers, approvals by two persons.

CREATE TABLE screening_list (
    digest BYTEA NOT NULL,
    source BYTEA NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (digest)
);

CREATE TABLE screening_acceptance (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    digest BYTEA NOT NULL,
    accepted_by TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT screening_acceptance_is_somebodys CHECK (accepted_by <> ''),
    FOREIGN KEY(digest) REFERENCES screening_list (digest)
);

CREATE TABLE payee_hold (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account BYTEA NOT NULL,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT payee_hold_action_is_known CHECK (action IN ('hold', 'release')),
    CONSTRAINT payee_hold_is_explained CHECK (reason <> '' AND decided_by <> '')
);

CREATE INDEX payee_hold_account ON payee_hold (account, id);

CREATE TABLE payee_tier (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account BYTEA NOT NULL,
    tier INTEGER NOT NULL,
    reason TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT payee_tier_counts_from_zero CHECK (tier >= 0),
    CONSTRAINT payee_tier_is_explained CHECK (reason <> '' AND decided_by <> '')
);

CREATE INDEX payee_tier_account ON payee_tier (account, id);

CREATE TABLE payout_approval (
    op_id BYTEA NOT NULL,
    approver BYTEA NOT NULL,
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    signature BYTEA NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (op_id, approver, asset, amount),
    CONSTRAINT payout_approval_signature_length CHECK (octet_length(signature) = 65)
);

CREATE INDEX payout_approval_contract ON payout_approval (chain_id, contract);

CREATE FUNCTION policy_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP;
    END $$;

CREATE TRIGGER screening_list_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON screening_list FOR EACH STATEMENT EXECUTE FUNCTION policy_refuse_change();

CREATE TRIGGER screening_acceptance_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON screening_acceptance FOR EACH STATEMENT EXECUTE FUNCTION policy_refuse_change();

CREATE TRIGGER payee_hold_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payee_hold FOR EACH STATEMENT EXECUTE FUNCTION policy_refuse_change();

CREATE TRIGGER payee_tier_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payee_tier FOR EACH STATEMENT EXECUTE FUNCTION policy_refuse_change();

CREATE TRIGGER payout_approval_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_approval FOR EACH STATEMENT EXECUTE FUNCTION policy_refuse_change();
