CREATE TABLE indexer_status (
    chain_id BIGINT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    level TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    head BIGINT,
    height BIGINT,
    finalized BIGINT,
    counters JSONB NOT NULL,
    PRIMARY KEY (chain_id),
    CONSTRAINT indexer_status_state_is_known CHECK (state IN ('syncing', 'synced', 'waiting', 'lagging', 'disputed', 'stalled', 'halted'))
);
