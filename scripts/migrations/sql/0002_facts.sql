-- Facts are read from the chain again: they gain what only the chain can fill. The rows of `reorg`
-- stay, they are history.
TRUNCATE TABLE
    chain_finality,
    cursor,
    fact_consumption_submitted,
    fact_epoch_clock_started,
    fact_epoch_committed,
    fact_epoch_funded,
    fact_epoch_vetoed,
    fact_guardian_set_changed,
    fact_leaf_withdrawn,
    fact_parameters_set,
    fact_payee_paid,
    fact_payee_unclaimed,
    fact_settlement_started,
    fact_subscribed,
    fact_tier_set,
    fact_unclaimed_withdrawn,
    fact_verdict_lifted,
    fact_verdict_placed,
    fact_withdraw_refused,
    fact_work_registered,
    fact_work_terms_set,
    log;

DROP TABLE block, fact_erc20_approval, fact_erc20_transfer;

CREATE TABLE block (
    chain_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    parent_hash BYTEA NOT NULL,
    timestamp BIGINT NOT NULL,
    header BYTEA NOT NULL,
    rows_digest BYTEA NOT NULL,
    proof SMALLINT NOT NULL,
    CONSTRAINT block_pk PRIMARY KEY (chain_id, number),
    CONSTRAINT block_proof_in_range CHECK (proof BETWEEN 0 AND 3),
    CONSTRAINT block_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT block_number_in_range CHECK ("number" >= 0),
    CONSTRAINT block_hash_in_range CHECK (octet_length("hash") = 32),
    CONSTRAINT block_parent_hash_in_range CHECK (octet_length("parent_hash") = 32),
    CONSTRAINT block_timestamp_in_range CHECK ("timestamp" >= 0),
    CONSTRAINT block_rows_digest_in_range CHECK (octet_length("rows_digest") = 32)
);

CREATE INDEX block_by_timestamp ON block (chain_id, timestamp, number);

CREATE INDEX block_unproved ON block (chain_id, number) WHERE proof NOT IN (1, 2);

CREATE TABLE fact_erc20_approval (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    transaction_hash BYTEA NOT NULL,
    transaction_index BIGINT NOT NULL,
    owner BYTEA NOT NULL,
    spender BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_erc20_approval_pk PRIMARY KEY (chain_id, block_number, log_index)
);

CREATE TABLE fact_erc20_transfer (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    transaction_hash BYTEA NOT NULL,
    transaction_index BIGINT NOT NULL,
    source BYTEA NOT NULL,
    target BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_erc20_transfer_pk PRIMARY KEY (chain_id, block_number, log_index)
);

ALTER TABLE reorg ADD COLUMN reason TEXT;

CREATE TABLE token_balance (
    chain_id BIGINT NOT NULL,
    token BYTEA NOT NULL,
    account BYTEA NOT NULL,
    balance NUMERIC(100, 0) NOT NULL,
    CONSTRAINT token_balance_pk PRIMARY KEY (chain_id, token, account),
    CONSTRAINT token_balance_token_in_range CHECK (octet_length(token) = 20),
    CONSTRAINT token_balance_account_in_range CHECK (octet_length(account) = 20)
);

CREATE TABLE token_balance_cursor (
    chain_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (chain_id)
);

CREATE INDEX fact_consumption_submitted_by_submitter_epoch ON fact_consumption_submitted (chain_id, submitter, epoch);
