CREATE TABLE ticket_holding (
	chain_id BIGINT NOT NULL, 
	address BYTEA NOT NULL, 
	ticket_id NUMERIC(78, 0) NOT NULL, 
	event_id BYTEA NOT NULL, 
	holder BYTEA NOT NULL, 
	block_number BIGINT NOT NULL, 
	log_index BIGINT NOT NULL, 
	CONSTRAINT ticket_holding_pk PRIMARY KEY (chain_id, address, ticket_id)
);
CREATE INDEX ticket_holding_by_holder
    ON ticket_holding (chain_id, address, holder, event_id, block_number, log_index);

DROP INDEX fact_ticket_transfer_by_target;
CREATE INDEX fact_ticket_transfer_by_target_block_number_log_index
    ON fact_ticket_transfer (chain_id, target, block_number, log_index);
DROP INDEX fact_ticket_redeemed_by_redeemer;
CREATE INDEX fact_ticket_redeemed_by_redeemer_event_id
    ON fact_ticket_redeemed (chain_id, redeemer, event_id);
DROP INDEX payment_intent_payer;
CREATE INDEX payment_intent_payer ON payment_intent (chain_id, payer, subject, recorded_at);

INSERT INTO ticket_holding
SELECT DISTINCT ON (t.chain_id, t.address, t.token_id)
    t.chain_id, t.address, t.token_id, i.event_id, t.target, t.block_number, t.log_index
FROM fact_ticket_transfer t
JOIN fact_ticket_issued i ON i.chain_id = t.chain_id AND i.address = t.address
                          AND i.ticket_id = t.token_id
ORDER BY t.chain_id, t.address, t.token_id, t.block_number DESC, t.log_index DESC;

    CREATE FUNCTION ticket_holding_moved() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO ticket_holding AS h
        SELECT DISTINCT ON (c.chain_id, c.address, c.token_id)
            c.chain_id, c.address, c.token_id, i.event_id, c.target, c.block_number, c.log_index
        FROM changed c
        JOIN fact_ticket_issued i
          ON i.chain_id = c.chain_id AND i.address = c.address AND i.ticket_id = c.token_id
        ORDER BY c.chain_id, c.address, c.token_id, c.block_number DESC, c.log_index DESC
        ON CONFLICT (chain_id, address, ticket_id) DO UPDATE
            SET (holder, block_number, log_index)
              = (excluded.holder, excluded.block_number, excluded.log_index)
            WHERE (excluded.block_number, excluded.log_index) > (h.block_number, h.log_index);
        RETURN NULL;
    END $$;

    CREATE FUNCTION ticket_holding_renewed_by_token_id() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM ticket_holding h USING changed c
        WHERE h.chain_id = c.chain_id AND h.address = c.address AND h.ticket_id = c.token_id;
        INSERT INTO ticket_holding
        SELECT c.chain_id, c.address, c.token_id, i.event_id, t.target, t.block_number, t.log_index
        FROM (SELECT DISTINCT chain_id, address, token_id FROM changed) c
        JOIN fact_ticket_issued i
          ON i.chain_id = c.chain_id AND i.address = c.address AND i.ticket_id = c.token_id
        CROSS JOIN LATERAL (
            SELECT target, block_number, log_index FROM fact_ticket_transfer
            WHERE chain_id = c.chain_id AND address = c.address AND token_id = c.token_id
            ORDER BY (block_number, log_index) DESC LIMIT 1
        ) t
        ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$;

    CREATE FUNCTION ticket_holding_renewed_by_ticket_id() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM ticket_holding h USING changed c
        WHERE h.chain_id = c.chain_id AND h.address = c.address AND h.ticket_id = c.ticket_id;
        INSERT INTO ticket_holding
        SELECT c.chain_id, c.address, c.ticket_id, i.event_id, t.target, t.block_number, t.log_index
        FROM (SELECT DISTINCT chain_id, address, ticket_id FROM changed) c
        JOIN fact_ticket_issued i
          ON i.chain_id = c.chain_id AND i.address = c.address AND i.ticket_id = c.ticket_id
        CROSS JOIN LATERAL (
            SELECT target, block_number, log_index FROM fact_ticket_transfer
            WHERE chain_id = c.chain_id AND address = c.address AND token_id = c.ticket_id
            ORDER BY (block_number, log_index) DESC LIMIT 1
        ) t
        ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$;

    CREATE TRIGGER fact_ticket_transfer_insert_held AFTER INSERT ON fact_ticket_transfer
        REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION ticket_holding_moved();

    CREATE TRIGGER fact_ticket_transfer_delete_held AFTER DELETE ON fact_ticket_transfer
        REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION ticket_holding_renewed_by_token_id();

    CREATE TRIGGER fact_ticket_issued_insert_held AFTER INSERT ON fact_ticket_issued
        REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION ticket_holding_renewed_by_ticket_id();

    CREATE TRIGGER fact_ticket_issued_delete_held AFTER DELETE ON fact_ticket_issued
        REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION ticket_holding_renewed_by_ticket_id();
