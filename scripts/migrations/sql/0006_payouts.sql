-- Payouts: what the last tick of each submitter needs from a person.

CREATE TABLE payout_standing (
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    stop TEXT,
    needs JSONB NOT NULL,
    PRIMARY KEY (chain_id, contract)
);
