-- Contracts that are added to an index: which it holds, and what is staged of the past of new ones.

CREATE TABLE indexed_source (
    chain_id BIGINT NOT NULL,
    address BYTEA NOT NULL,
    contract TEXT NOT NULL,
    CONSTRAINT indexed_source_pk PRIMARY KEY (chain_id, address),
    CONSTRAINT indexed_source_address_in_range CHECK (octet_length(address) = 20)
);

CREATE TABLE backfill (
    chain_id BIGINT NOT NULL,
    sources_digest BYTEA NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (chain_id)
);

CREATE TABLE backfill_block (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    rows_digest BYTEA NOT NULL,
    proof SMALLINT NOT NULL,
    CONSTRAINT backfill_block_pk PRIMARY KEY (chain_id, block_number),
    CONSTRAINT backfill_block_proof_in_range CHECK (proof BETWEEN 0 AND 3),
    CONSTRAINT backfill_block_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT backfill_block_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT backfill_block_rows_digest_in_range CHECK (octet_length("rows_digest") = 32)
);

CREATE TABLE backfill_log (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    data BYTEA NOT NULL,
    transaction_hash BYTEA NOT NULL,
    transaction_index BIGINT NOT NULL,
    topics BYTEA[] NOT NULL,
    CONSTRAINT backfill_log_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT backfill_log_has_at_most_four_topics CHECK (cardinality(topics) <= 4),
    CONSTRAINT backfill_log_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT backfill_log_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT backfill_log_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT backfill_log_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT backfill_log_transaction_hash_in_range CHECK (octet_length("transaction_hash") = 32),
    CONSTRAINT backfill_log_transaction_index_in_range CHECK ("transaction_index" >= 0)
);
