-- Modifiers leave their marks in allocations; trees are kept; large epochs are allocated by shards.
ALTER TABLE computed_allocation ADD COLUMN charged NUMERIC(78, 0)[] NOT NULL DEFAULT '{}';
ALTER TABLE computed_allocation ALTER COLUMN charged DROP DEFAULT;

ALTER TABLE computed_credit ADD COLUMN factor_ppm BIGINT NOT NULL DEFAULT 1000000;
ALTER TABLE computed_credit ALTER COLUMN factor_ppm DROP DEFAULT;

CREATE TABLE computed_tree (
    manifest_digest BYTEA NOT NULL,
    chunk INTEGER NOT NULL,
    nodes BYTEA NOT NULL,
    PRIMARY KEY (manifest_digest, chunk),
    CONSTRAINT computed_tree_chunk_size CHECK (octet_length(nodes) BETWEEN 32 AND 1048576),
    CONSTRAINT computed_tree_computed_epoch FOREIGN KEY(manifest_digest) REFERENCES computed_epoch (manifest_digest)
);

ALTER TABLE computed_tree ALTER COLUMN nodes SET STORAGE EXTERNAL;

CREATE TRIGGER computed_tree_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON computed_tree
    FOR EACH STATEMENT EXECUTE FUNCTION royalties_refuse_change();

CREATE TABLE allocation_coupling (
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    inputs_digest BYTEA NOT NULL,
    digest BYTEA NOT NULL,
    document BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (chain_id, contract, epoch, attempt, inputs_digest)
);

ALTER TABLE allocation_coupling ALTER COLUMN document SET STORAGE EXTERNAL;

CREATE TRIGGER allocation_coupling_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON allocation_coupling
    FOR EACH STATEMENT EXECUTE FUNCTION royalties_refuse_change();

CREATE TABLE allocation_shard (
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    inputs_digest BYTEA NOT NULL,
    shard_count INTEGER NOT NULL,
    shard INTEGER NOT NULL,
    subscribers BIGINT NOT NULL,
    usage_rows BIGINT NOT NULL,
    counting_rows BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    document BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (chain_id, contract, epoch, attempt, inputs_digest, shard_count, shard),
    CONSTRAINT allocation_shard_in_range CHECK (shard >= 0 AND shard < shard_count)
);

ALTER TABLE allocation_shard ALTER COLUMN document SET STORAGE EXTERNAL;

CREATE TRIGGER allocation_shard_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON allocation_shard
    FOR EACH STATEMENT EXECUTE FUNCTION royalties_refuse_change();

CREATE TABLE allocation_total (
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    inputs_digest BYTEA NOT NULL,
    digest BYTEA NOT NULL,
    document BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (chain_id, contract, epoch, attempt, inputs_digest)
);

ALTER TABLE allocation_total ALTER COLUMN document SET STORAGE EXTERNAL;

CREATE TRIGGER allocation_total_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON allocation_total
    FOR EACH STATEMENT EXECUTE FUNCTION royalties_refuse_change();
