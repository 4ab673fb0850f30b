-- Gate readings; gates, archives and offers of contents.

CREATE TABLE gate_reading (
    chain_id BIGINT NOT NULL,
    wallet BYTEA NOT NULL,
    gate_id BYTEA NOT NULL,
    block_number BIGINT NOT NULL,
    token BYTEA NOT NULL,
    balance NUMERIC(78, 0) NOT NULL,
    CONSTRAINT gate_reading_pk PRIMARY KEY (chain_id, wallet, gate_id),
    CONSTRAINT gate_reading_wallet_in_range CHECK (octet_length("wallet") = 20),
    CONSTRAINT gate_reading_gate_id_in_range CHECK (octet_length("gate_id") = 32)
);

CREATE INDEX gate_reading_by_block_number ON gate_reading (chain_id, block_number);

CREATE TABLE gate_admission (
    chain_id BIGINT NOT NULL,
    wallet BYTEA NOT NULL,
    gate_id BYTEA NOT NULL,
    block_number BIGINT NOT NULL,
    CONSTRAINT gate_admission_pk PRIMARY KEY (chain_id, wallet, gate_id),
    CONSTRAINT gate_admission_wallet_in_range CHECK (octet_length("wallet") = 20),
    CONSTRAINT gate_admission_gate_id_in_range CHECK (octet_length("gate_id") = 32)
);

CREATE INDEX gate_admission_by_block_number ON gate_admission (chain_id, block_number);

CREATE TABLE content_gate (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    content_id BYTEA NOT NULL,
    gate_id BYTEA NOT NULL,
    kind TEXT NOT NULL,
    token BYTEA NOT NULL,
    minimum NUMERIC(78, 0) NOT NULL,
    action TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT content_gate_action_is_known CHECK (action IN ('add', 'remove')),
    CONSTRAINT content_gate_contract_in_range CHECK (octet_length("contract") = 20),
    CONSTRAINT content_gate_content_id_in_range CHECK (octet_length("content_id") = 32),
    CONSTRAINT content_gate_gate_id_in_range CHECK (octet_length("gate_id") = 32),
    CONSTRAINT content_gate_token_in_range CHECK (octet_length("token") = 20),
    CONSTRAINT content_gate_minimum_in_range CHECK ("minimum" >= 0 AND "minimum" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);

CREATE INDEX content_gate_by_content_id ON content_gate (chain_id, contract, content_id);

CREATE TABLE content_alias (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    content_id BYTEA NOT NULL,
    source_id BYTEA NOT NULL,
    ended_at BIGINT,
    action TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT content_alias_action_is_known CHECK (action IN ('add', 'remove')),
    CONSTRAINT content_alias_contract_in_range CHECK (octet_length("contract") = 20),
    CONSTRAINT content_alias_content_id_in_range CHECK (octet_length("content_id") = 32),
    CONSTRAINT content_alias_source_id_in_range CHECK (octet_length("source_id") = 32),
    CONSTRAINT content_alias_ended_at_in_range CHECK ("ended_at" >= 0)
);

CREATE INDEX content_alias_by_content_id ON content_alias (chain_id, contract, content_id);

CREATE TABLE content_offer (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    chain_id BIGINT NOT NULL,
    contract BYTEA NOT NULL,
    content_id BYTEA NOT NULL,
    creator BYTEA NOT NULL,
    price NUMERIC(78, 0) NOT NULL,
    from_block BIGINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT content_offer_contract_in_range CHECK (octet_length("contract") = 20),
    CONSTRAINT content_offer_content_id_in_range CHECK (octet_length("content_id") = 32),
    CONSTRAINT content_offer_creator_in_range CHECK (octet_length("creator") = 20),
    CONSTRAINT content_offer_price_in_range CHECK ("price" >= 0 AND "price" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT content_offer_from_block_in_range CHECK ("from_block" >= 0)
);

CREATE INDEX content_offer_by_content_id ON content_offer (chain_id, contract, content_id, from_block);

CREATE FUNCTION contents_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP;
    END $$;

CREATE TRIGGER content_gate_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON content_gate FOR EACH STATEMENT EXECUTE FUNCTION contents_refuse_change();

CREATE TRIGGER content_alias_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON content_alias FOR EACH STATEMENT EXECUTE FUNCTION contents_refuse_change();

CREATE TRIGGER content_offer_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON content_offer FOR EACH STATEMENT EXECUTE FUNCTION contents_refuse_change();
