-- Access: nonces that wait for their message, and open sessions.
CREATE TABLE access_nonce (
    nonce TEXT NOT NULL,
    domain TEXT NOT NULL,
    chain_id BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (nonce)
);

CREATE INDEX access_nonce_expires_at ON access_nonce (expires_at);

CREATE TABLE access_session (
    token_digest BYTEA NOT NULL,
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    ordinal BIGINT GENERATED ALWAYS AS IDENTITY,
    address BYTEA NOT NULL,
    chain_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (token_digest),
    CONSTRAINT access_session_id UNIQUE (id),
    CONSTRAINT access_session_token_digest_length CHECK (octet_length(token_digest) = 32),
    CONSTRAINT access_session_address_length CHECK (octet_length(address) = 20),
    CONSTRAINT access_session_times CHECK (created_at <= seen_at AND seen_at < expires_at)
);

CREATE INDEX access_session_address ON access_session (address, ordinal);

CREATE INDEX access_session_expires_at ON access_session (expires_at);
