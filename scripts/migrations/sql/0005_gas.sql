-- Payout wallets: what each transaction cost, from which block and nonce on, and how far.

CREATE TABLE payout_wallet_opening (
    chain_id BIGINT NOT NULL,
    sender BYTEA NOT NULL,
    version INTEGER NOT NULL,
    nonce BIGINT NOT NULL,
    balance_wei NUMERIC(78, 0) NOT NULL,
    block_number BIGINT NOT NULL,
    block_hash BYTEA NOT NULL,
    parent_hash BYTEA NOT NULL,
    block_timestamp BIGINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (chain_id, sender, version),
    CONSTRAINT payout_wallet_opening_nonce CHECK (nonce >= 0)
);

CREATE TABLE payout_wallet_cursor (
    chain_id BIGINT NOT NULL,
    sender BYTEA NOT NULL,
    version INTEGER NOT NULL,
    nonce BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    block_hash BYTEA NOT NULL,
    parent_hash BYTEA NOT NULL,
    block_timestamp BIGINT NOT NULL,
    PRIMARY KEY (chain_id, sender, version),
    CONSTRAINT payout_wallet_cursor_nonce CHECK (nonce >= 0)
);

CREATE TABLE payout_gas (
    chain_id BIGINT NOT NULL,
    sender BYTEA NOT NULL,
    version INTEGER NOT NULL,
    nonce BIGINT NOT NULL,
    tx_hash BYTEA NOT NULL,
    recipient BYTEA,
    value_wei NUMERIC(78, 0) NOT NULL,
    is_success BOOLEAN NOT NULL,
    block_number BIGINT NOT NULL,
    block_hash BYTEA NOT NULL,
    block_timestamp BIGINT NOT NULL,
    gas_used BIGINT NOT NULL,
    effective_gas_price_wei NUMERIC(78, 0) NOT NULL,
    l1_fee_wei NUMERIC(78, 0) NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (chain_id, sender, nonce, version),
    CONSTRAINT payout_gas_is_of_a_transaction CHECK (nonce >= 0 AND gas_used > 0),
    CONSTRAINT payout_gas_reverted_sends_nothing CHECK (is_success OR value_wei = 0)
);

CREATE INDEX payout_gas_by_block ON payout_gas (chain_id, sender, block_number);

CREATE TABLE payout_wallet_retraction (
    chain_id BIGINT NOT NULL,
    version INTEGER NOT NULL,
    block_number BIGINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (chain_id, version),
    CONSTRAINT payout_wallet_retraction_version_counts_from_one CHECK (version >= 1)
);

CREATE TRIGGER payout_wallet_opening_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_wallet_opening FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change();
CREATE TRIGGER payout_gas_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_gas FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change();
CREATE TRIGGER payout_wallet_retraction_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payout_wallet_retraction FOR EACH STATEMENT EXECUTE FUNCTION payout_refuse_change();
