CREATE TABLE fact_batch_float_received (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    sender BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_batch_float_received_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_batch_float_received_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_batch_float_received_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_batch_float_received_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_batch_float_received_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_batch_float_received_sender_in_range CHECK (octet_length("sender") = 20),
    CONSTRAINT fact_batch_float_received_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);

CREATE TABLE fact_batch_hold_lifted (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    account BYTEA NOT NULL,
    CONSTRAINT fact_batch_hold_lifted_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_batch_hold_lifted_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_batch_hold_lifted_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_batch_hold_lifted_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_batch_hold_lifted_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_batch_hold_lifted_account_in_range CHECK (octet_length("account") = 20)
);

CREATE TABLE fact_batch_hold_placed (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    account BYTEA NOT NULL,
    reason_digest BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT fact_batch_hold_placed_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_batch_hold_placed_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_batch_hold_placed_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_batch_hold_placed_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_batch_hold_placed_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_batch_hold_placed_account_in_range CHECK (octet_length("account") = 20),
    CONSTRAINT fact_batch_hold_placed_reason_digest_in_range CHECK (octet_length("reason_digest") = 32),
    CONSTRAINT fact_batch_hold_placed_expires_at_in_range CHECK ("expires_at" >= 0)
);

CREATE TABLE fact_batch_line_paid (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    op_id BYTEA NOT NULL,
    list_id BYTEA NOT NULL,
    payee BYTEA NOT NULL,
    index NUMERIC(78, 0) NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_batch_line_paid_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_batch_line_paid_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_batch_line_paid_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_batch_line_paid_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_batch_line_paid_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_batch_line_paid_op_id_in_range CHECK (octet_length("op_id") = 32),
    CONSTRAINT fact_batch_line_paid_list_id_in_range CHECK (octet_length("list_id") = 32),
    CONSTRAINT fact_batch_line_paid_payee_in_range CHECK (octet_length("payee") = 20),
    CONSTRAINT fact_batch_line_paid_index_in_range CHECK ("index" >= 0 AND "index" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_batch_line_paid_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_batch_line_paid_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);
CREATE INDEX fact_batch_line_paid_by_op_id ON fact_batch_line_paid (chain_id, op_id);

CREATE TABLE fact_batch_line_skipped (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    op_id BYTEA NOT NULL,
    list_id BYTEA NOT NULL,
    payee BYTEA NOT NULL,
    index NUMERIC(78, 0) NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    reason BIGINT NOT NULL,
    CONSTRAINT fact_batch_line_skipped_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_batch_line_skipped_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_batch_line_skipped_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_batch_line_skipped_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_batch_line_skipped_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_batch_line_skipped_op_id_in_range CHECK (octet_length("op_id") = 32),
    CONSTRAINT fact_batch_line_skipped_list_id_in_range CHECK (octet_length("list_id") = 32),
    CONSTRAINT fact_batch_line_skipped_payee_in_range CHECK (octet_length("payee") = 20),
    CONSTRAINT fact_batch_line_skipped_index_in_range CHECK ("index" >= 0 AND "index" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_batch_line_skipped_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_batch_line_skipped_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_batch_line_skipped_reason_in_range CHECK ("reason" >= 0)
);

CREATE TABLE fact_batch_line_unclaimed (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    op_id BYTEA NOT NULL,
    list_id BYTEA NOT NULL,
    payee BYTEA NOT NULL,
    index NUMERIC(78, 0) NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_batch_line_unclaimed_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_batch_line_unclaimed_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_batch_line_unclaimed_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_batch_line_unclaimed_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_batch_line_unclaimed_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_batch_line_unclaimed_op_id_in_range CHECK (octet_length("op_id") = 32),
    CONSTRAINT fact_batch_line_unclaimed_list_id_in_range CHECK (octet_length("list_id") = 32),
    CONSTRAINT fact_batch_line_unclaimed_payee_in_range CHECK (octet_length("payee") = 20),
    CONSTRAINT fact_batch_line_unclaimed_index_in_range CHECK ("index" >= 0 AND "index" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_batch_line_unclaimed_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_batch_line_unclaimed_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);
CREATE INDEX fact_batch_line_unclaimed_by_op_id ON fact_batch_line_unclaimed (chain_id, op_id);

CREATE TABLE fact_batch_unclaimed_withdrawn (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    payee BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    "to" BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_batch_unclaimed_withdrawn_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_batch_unclaimed_withdrawn_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_batch_unclaimed_withdrawn_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_batch_unclaimed_withdrawn_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_batch_unclaimed_withdrawn_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_batch_unclaimed_withdrawn_payee_in_range CHECK (octet_length("payee") = 20),
    CONSTRAINT fact_batch_unclaimed_withdrawn_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_batch_unclaimed_withdrawn_to_in_range CHECK (octet_length("to") = 20),
    CONSTRAINT fact_batch_unclaimed_withdrawn_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);

CREATE TABLE fact_content_fee_terms_set (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    treasury BYTEA NOT NULL,
    minimum NUMERIC(78, 0) NOT NULL,
    bps BIGINT NOT NULL,
    CONSTRAINT fact_content_fee_terms_set_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_content_fee_terms_set_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_content_fee_terms_set_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_content_fee_terms_set_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_content_fee_terms_set_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_content_fee_terms_set_treasury_in_range CHECK (octet_length("treasury") = 20),
    CONSTRAINT fact_content_fee_terms_set_minimum_in_range CHECK ("minimum" >= 0 AND "minimum" <= 1208925819614629174706175),
    CONSTRAINT fact_content_fee_terms_set_bps_in_range CHECK ("bps" >= 0)
);

CREATE TABLE fact_content_paid (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    order_id BYTEA NOT NULL,
    payer BYTEA NOT NULL,
    creator BYTEA NOT NULL,
    content_id BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    price NUMERIC(78, 0) NOT NULL,
    fee NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_content_paid_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_content_paid_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_content_paid_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_content_paid_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_content_paid_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_content_paid_order_id_in_range CHECK (octet_length("order_id") = 32),
    CONSTRAINT fact_content_paid_payer_in_range CHECK (octet_length("payer") = 20),
    CONSTRAINT fact_content_paid_creator_in_range CHECK (octet_length("creator") = 20),
    CONSTRAINT fact_content_paid_content_id_in_range CHECK (octet_length("content_id") = 32),
    CONSTRAINT fact_content_paid_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_content_paid_price_in_range CHECK ("price" >= 0 AND "price" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_content_paid_fee_in_range CHECK ("fee" >= 0 AND "fee" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);
CREATE INDEX fact_content_paid_by_order_id ON fact_content_paid (chain_id, order_id);
CREATE INDEX fact_content_paid_by_payer_content_id ON fact_content_paid (chain_id, payer, content_id);

CREATE TABLE fact_content_refunded (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    order_id BYTEA NOT NULL,
    payer BYTEA NOT NULL,
    creator BYTEA NOT NULL,
    content_id BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    price NUMERIC(78, 0) NOT NULL,
    fee NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_content_refunded_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_content_refunded_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_content_refunded_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_content_refunded_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_content_refunded_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_content_refunded_order_id_in_range CHECK (octet_length("order_id") = 32),
    CONSTRAINT fact_content_refunded_payer_in_range CHECK (octet_length("payer") = 20),
    CONSTRAINT fact_content_refunded_creator_in_range CHECK (octet_length("creator") = 20),
    CONSTRAINT fact_content_refunded_content_id_in_range CHECK (octet_length("content_id") = 32),
    CONSTRAINT fact_content_refunded_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_content_refunded_price_in_range CHECK ("price" >= 0 AND "price" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_content_refunded_fee_in_range CHECK ("fee" >= 0 AND "fee" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);
CREATE INDEX fact_content_refunded_by_order_id ON fact_content_refunded (chain_id, order_id);
CREATE INDEX fact_content_refunded_by_payer_content_id ON fact_content_refunded (chain_id, payer, content_id);

CREATE TABLE fact_erc721_transfer (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    source BYTEA NOT NULL,
    target BYTEA NOT NULL,
    token_id NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_erc721_transfer_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_erc721_transfer_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_erc721_transfer_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_erc721_transfer_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_erc721_transfer_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_erc721_transfer_source_in_range CHECK (octet_length("source") = 20),
    CONSTRAINT fact_erc721_transfer_target_in_range CHECK (octet_length("target") = 20),
    CONSTRAINT fact_erc721_transfer_token_id_in_range CHECK ("token_id" >= 0 AND "token_id" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);
CREATE INDEX fact_erc721_transfer_by_source ON fact_erc721_transfer (chain_id, source);
CREATE INDEX fact_erc721_transfer_by_target ON fact_erc721_transfer (chain_id, target);
CREATE INDEX fact_erc721_transfer_by_token_id ON fact_erc721_transfer (chain_id, token_id);

CREATE TABLE fact_event_created (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    event_id BYTEA NOT NULL,
    creator BYTEA NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    CONSTRAINT fact_event_created_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_event_created_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_event_created_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_event_created_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_event_created_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_event_created_event_id_in_range CHECK (octet_length("event_id") = 32),
    CONSTRAINT fact_event_created_creator_in_range CHECK (octet_length("creator") = 20),
    CONSTRAINT fact_event_created_starts_at_in_range CHECK ("starts_at" >= 0),
    CONSTRAINT fact_event_created_ends_at_in_range CHECK ("ends_at" >= 0)
);

CREATE TABLE fact_event_status_set (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    event_id BYTEA NOT NULL,
    status BIGINT NOT NULL,
    CONSTRAINT fact_event_status_set_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_event_status_set_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_event_status_set_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_event_status_set_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_event_status_set_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_event_status_set_event_id_in_range CHECK (octet_length("event_id") = 32),
    CONSTRAINT fact_event_status_set_status_in_range CHECK ("status" >= 0)
);

CREATE TABLE fact_relay_fee_terms_set (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    treasury BYTEA NOT NULL,
    minimum NUMERIC(78, 0) NOT NULL,
    bps BIGINT NOT NULL,
    CONSTRAINT fact_relay_fee_terms_set_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_relay_fee_terms_set_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_relay_fee_terms_set_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_relay_fee_terms_set_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_relay_fee_terms_set_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_relay_fee_terms_set_treasury_in_range CHECK (octet_length("treasury") = 20),
    CONSTRAINT fact_relay_fee_terms_set_minimum_in_range CHECK ("minimum" >= 0 AND "minimum" <= 1208925819614629174706175),
    CONSTRAINT fact_relay_fee_terms_set_bps_in_range CHECK ("bps" >= 0)
);

CREATE TABLE fact_relay_fees_withdrawn (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    treasury BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_relay_fees_withdrawn_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_relay_fees_withdrawn_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_relay_fees_withdrawn_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_relay_fees_withdrawn_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_relay_fees_withdrawn_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_relay_fees_withdrawn_treasury_in_range CHECK (octet_length("treasury") = 20),
    CONSTRAINT fact_relay_fees_withdrawn_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);

CREATE TABLE fact_relay_hold_lifted (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    account BYTEA NOT NULL,
    CONSTRAINT fact_relay_hold_lifted_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_relay_hold_lifted_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_relay_hold_lifted_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_relay_hold_lifted_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_relay_hold_lifted_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_relay_hold_lifted_account_in_range CHECK (octet_length("account") = 20)
);

CREATE TABLE fact_relay_hold_placed (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    account BYTEA NOT NULL,
    reason_digest BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT fact_relay_hold_placed_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_relay_hold_placed_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_relay_hold_placed_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_relay_hold_placed_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_relay_hold_placed_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_relay_hold_placed_account_in_range CHECK (octet_length("account") = 20),
    CONSTRAINT fact_relay_hold_placed_reason_digest_in_range CHECK (octet_length("reason_digest") = 32),
    CONSTRAINT fact_relay_hold_placed_expires_at_in_range CHECK ("expires_at" >= 0)
);

CREATE TABLE fact_relay_line_paid (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    op_id BYTEA NOT NULL,
    list_id BYTEA NOT NULL,
    payee BYTEA NOT NULL,
    index NUMERIC(78, 0) NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_relay_line_paid_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_relay_line_paid_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_relay_line_paid_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_relay_line_paid_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_relay_line_paid_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_relay_line_paid_op_id_in_range CHECK (octet_length("op_id") = 32),
    CONSTRAINT fact_relay_line_paid_list_id_in_range CHECK (octet_length("list_id") = 32),
    CONSTRAINT fact_relay_line_paid_payee_in_range CHECK (octet_length("payee") = 20),
    CONSTRAINT fact_relay_line_paid_index_in_range CHECK ("index" >= 0 AND "index" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_relay_line_paid_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_relay_line_paid_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);
CREATE INDEX fact_relay_line_paid_by_op_id ON fact_relay_line_paid (chain_id, op_id);

CREATE TABLE fact_relay_line_skipped (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    op_id BYTEA NOT NULL,
    list_id BYTEA NOT NULL,
    payee BYTEA NOT NULL,
    index NUMERIC(78, 0) NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    reason BIGINT NOT NULL,
    CONSTRAINT fact_relay_line_skipped_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_relay_line_skipped_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_relay_line_skipped_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_relay_line_skipped_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_relay_line_skipped_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_relay_line_skipped_op_id_in_range CHECK (octet_length("op_id") = 32),
    CONSTRAINT fact_relay_line_skipped_list_id_in_range CHECK (octet_length("list_id") = 32),
    CONSTRAINT fact_relay_line_skipped_payee_in_range CHECK (octet_length("payee") = 20),
    CONSTRAINT fact_relay_line_skipped_index_in_range CHECK ("index" >= 0 AND "index" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_relay_line_skipped_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_relay_line_skipped_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_relay_line_skipped_reason_in_range CHECK ("reason" >= 0)
);

CREATE TABLE fact_relay_line_unclaimed (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    op_id BYTEA NOT NULL,
    list_id BYTEA NOT NULL,
    payee BYTEA NOT NULL,
    index NUMERIC(78, 0) NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_relay_line_unclaimed_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_relay_line_unclaimed_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_relay_line_unclaimed_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_relay_line_unclaimed_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_relay_line_unclaimed_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_relay_line_unclaimed_op_id_in_range CHECK (octet_length("op_id") = 32),
    CONSTRAINT fact_relay_line_unclaimed_list_id_in_range CHECK (octet_length("list_id") = 32),
    CONSTRAINT fact_relay_line_unclaimed_payee_in_range CHECK (octet_length("payee") = 20),
    CONSTRAINT fact_relay_line_unclaimed_index_in_range CHECK ("index" >= 0 AND "index" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_relay_line_unclaimed_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_relay_line_unclaimed_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);
CREATE INDEX fact_relay_line_unclaimed_by_op_id ON fact_relay_line_unclaimed (chain_id, op_id);

CREATE TABLE fact_relay_unclaimed_withdrawn (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    payee BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    "to" BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_relay_unclaimed_withdrawn_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_relay_unclaimed_withdrawn_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_relay_unclaimed_withdrawn_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_relay_unclaimed_withdrawn_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_relay_unclaimed_withdrawn_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_relay_unclaimed_withdrawn_payee_in_range CHECK (octet_length("payee") = 20),
    CONSTRAINT fact_relay_unclaimed_withdrawn_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_relay_unclaimed_withdrawn_to_in_range CHECK (octet_length("to") = 20),
    CONSTRAINT fact_relay_unclaimed_withdrawn_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);

CREATE TABLE fact_ticket_fee_terms_set (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    treasury BYTEA NOT NULL,
    minimum NUMERIC(78, 0) NOT NULL,
    bps BIGINT NOT NULL,
    CONSTRAINT fact_ticket_fee_terms_set_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_ticket_fee_terms_set_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_ticket_fee_terms_set_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_ticket_fee_terms_set_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_ticket_fee_terms_set_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_ticket_fee_terms_set_treasury_in_range CHECK (octet_length("treasury") = 20),
    CONSTRAINT fact_ticket_fee_terms_set_minimum_in_range CHECK ("minimum" >= 0 AND "minimum" <= 1208925819614629174706175),
    CONSTRAINT fact_ticket_fee_terms_set_bps_in_range CHECK ("bps" >= 0)
);

CREATE TABLE fact_ticket_issued (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    ticket_id NUMERIC(78, 0) NOT NULL,
    event_id BYTEA NOT NULL,
    tier_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    CONSTRAINT fact_ticket_issued_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_ticket_issued_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_ticket_issued_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_ticket_issued_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_ticket_issued_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_ticket_issued_ticket_id_in_range CHECK ("ticket_id" >= 0 AND "ticket_id" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_ticket_issued_event_id_in_range CHECK (octet_length("event_id") = 32),
    CONSTRAINT fact_ticket_issued_tier_id_in_range CHECK ("tier_id" >= 0),
    CONSTRAINT fact_ticket_issued_number_in_range CHECK ("number" >= 0)
);
CREATE INDEX fact_ticket_issued_by_event_id ON fact_ticket_issued (chain_id, event_id);
CREATE INDEX fact_ticket_issued_by_ticket_id ON fact_ticket_issued (chain_id, ticket_id);

CREATE TABLE fact_ticket_paid (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    order_id BYTEA NOT NULL,
    payer BYTEA NOT NULL,
    creator BYTEA NOT NULL,
    event_id BYTEA NOT NULL,
    tier_id BIGINT NOT NULL,
    ticket_id NUMERIC(78, 0) NOT NULL,
    asset BYTEA NOT NULL,
    price NUMERIC(78, 0) NOT NULL,
    fee NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_ticket_paid_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_ticket_paid_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_ticket_paid_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_ticket_paid_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_ticket_paid_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_ticket_paid_order_id_in_range CHECK (octet_length("order_id") = 32),
    CONSTRAINT fact_ticket_paid_payer_in_range CHECK (octet_length("payer") = 20),
    CONSTRAINT fact_ticket_paid_creator_in_range CHECK (octet_length("creator") = 20),
    CONSTRAINT fact_ticket_paid_event_id_in_range CHECK (octet_length("event_id") = 32),
    CONSTRAINT fact_ticket_paid_tier_id_in_range CHECK ("tier_id" >= 0),
    CONSTRAINT fact_ticket_paid_ticket_id_in_range CHECK ("ticket_id" >= 0 AND "ticket_id" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_ticket_paid_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_ticket_paid_price_in_range CHECK ("price" >= 0 AND "price" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_ticket_paid_fee_in_range CHECK ("fee" >= 0 AND "fee" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);
CREATE INDEX fact_ticket_paid_by_order_id ON fact_ticket_paid (chain_id, order_id);

CREATE TABLE fact_ticket_redeemed (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    ticket_id NUMERIC(78, 0) NOT NULL,
    event_id BYTEA NOT NULL,
    redeemer BYTEA NOT NULL,
    CONSTRAINT fact_ticket_redeemed_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_ticket_redeemed_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_ticket_redeemed_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_ticket_redeemed_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_ticket_redeemed_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_ticket_redeemed_ticket_id_in_range CHECK ("ticket_id" >= 0 AND "ticket_id" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_ticket_redeemed_event_id_in_range CHECK (octet_length("event_id") = 32),
    CONSTRAINT fact_ticket_redeemed_redeemer_in_range CHECK (octet_length("redeemer") = 20)
);
CREATE INDEX fact_ticket_redeemed_by_redeemer ON fact_ticket_redeemed (chain_id, redeemer);
CREATE INDEX fact_ticket_redeemed_by_ticket_id ON fact_ticket_redeemed (chain_id, ticket_id);

CREATE TABLE fact_ticket_refunded (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    order_id BYTEA NOT NULL,
    payer BYTEA NOT NULL,
    creator BYTEA NOT NULL,
    event_id BYTEA NOT NULL,
    ticket_id NUMERIC(78, 0) NOT NULL,
    asset BYTEA NOT NULL,
    price NUMERIC(78, 0) NOT NULL,
    fee NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_ticket_refunded_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_ticket_refunded_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_ticket_refunded_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_ticket_refunded_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_ticket_refunded_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_ticket_refunded_order_id_in_range CHECK (octet_length("order_id") = 32),
    CONSTRAINT fact_ticket_refunded_payer_in_range CHECK (octet_length("payer") = 20),
    CONSTRAINT fact_ticket_refunded_creator_in_range CHECK (octet_length("creator") = 20),
    CONSTRAINT fact_ticket_refunded_event_id_in_range CHECK (octet_length("event_id") = 32),
    CONSTRAINT fact_ticket_refunded_ticket_id_in_range CHECK ("ticket_id" >= 0 AND "ticket_id" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_ticket_refunded_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_ticket_refunded_price_in_range CHECK ("price" >= 0 AND "price" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_ticket_refunded_fee_in_range CHECK ("fee" >= 0 AND "fee" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);
CREATE INDEX fact_ticket_refunded_by_order_id ON fact_ticket_refunded (chain_id, order_id);
CREATE INDEX fact_ticket_refunded_by_ticket_id ON fact_ticket_refunded (chain_id, ticket_id);

CREATE TABLE fact_ticket_tier_set (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    event_id BYTEA NOT NULL,
    tier_id BIGINT NOT NULL,
    price NUMERIC(78, 0) NOT NULL,
    supply_cap BIGINT NOT NULL,
    CONSTRAINT fact_ticket_tier_set_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_ticket_tier_set_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_ticket_tier_set_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_ticket_tier_set_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_ticket_tier_set_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_ticket_tier_set_event_id_in_range CHECK (octet_length("event_id") = 32),
    CONSTRAINT fact_ticket_tier_set_tier_id_in_range CHECK ("tier_id" >= 0),
    CONSTRAINT fact_ticket_tier_set_price_in_range CHECK ("price" >= 0 AND "price" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_ticket_tier_set_supply_cap_in_range CHECK ("supply_cap" >= 0)
);

CREATE TABLE fact_ticket_transfer (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    source BYTEA NOT NULL,
    target BYTEA NOT NULL,
    token_id NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_ticket_transfer_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_ticket_transfer_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_ticket_transfer_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_ticket_transfer_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_ticket_transfer_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_ticket_transfer_source_in_range CHECK (octet_length("source") = 20),
    CONSTRAINT fact_ticket_transfer_target_in_range CHECK (octet_length("target") = 20),
    CONSTRAINT fact_ticket_transfer_token_id_in_range CHECK ("token_id" >= 0 AND "token_id" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);
CREATE INDEX fact_ticket_transfer_by_target ON fact_ticket_transfer (chain_id, target);
CREATE INDEX fact_ticket_transfer_by_token_id_block_number_log_index ON fact_ticket_transfer (chain_id, token_id, block_number, log_index);

CREATE TABLE fact_tip_fee_terms_set (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    treasury BYTEA NOT NULL,
    minimum NUMERIC(78, 0) NOT NULL,
    bps BIGINT NOT NULL,
    CONSTRAINT fact_tip_fee_terms_set_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_tip_fee_terms_set_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_tip_fee_terms_set_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_tip_fee_terms_set_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_tip_fee_terms_set_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_tip_fee_terms_set_treasury_in_range CHECK (octet_length("treasury") = 20),
    CONSTRAINT fact_tip_fee_terms_set_minimum_in_range CHECK ("minimum" >= 0 AND "minimum" <= 1208925819614629174706175),
    CONSTRAINT fact_tip_fee_terms_set_bps_in_range CHECK ("bps" >= 0)
);

CREATE TABLE fact_tip_paid (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    order_id BYTEA NOT NULL,
    payer BYTEA NOT NULL,
    creator BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    fee NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_tip_paid_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_tip_paid_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_tip_paid_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_tip_paid_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_tip_paid_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_tip_paid_order_id_in_range CHECK (octet_length("order_id") = 32),
    CONSTRAINT fact_tip_paid_payer_in_range CHECK (octet_length("payer") = 20),
    CONSTRAINT fact_tip_paid_creator_in_range CHECK (octet_length("creator") = 20),
    CONSTRAINT fact_tip_paid_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_tip_paid_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_tip_paid_fee_in_range CHECK ("fee" >= 0 AND "fee" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);
CREATE INDEX fact_tip_paid_by_order_id ON fact_tip_paid (chain_id, order_id);

CREATE TABLE fact_tip_received (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    order_id BYTEA NOT NULL,
    creator BYTEA NOT NULL,
    payer BYTEA NOT NULL,
    op_id BYTEA NOT NULL,
    number NUMERIC(78, 0) NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    fee NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_tip_received_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_tip_received_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_tip_received_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_tip_received_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_tip_received_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_tip_received_order_id_in_range CHECK (octet_length("order_id") = 32),
    CONSTRAINT fact_tip_received_creator_in_range CHECK (octet_length("creator") = 20),
    CONSTRAINT fact_tip_received_payer_in_range CHECK (octet_length("payer") = 20),
    CONSTRAINT fact_tip_received_op_id_in_range CHECK (octet_length("op_id") = 32),
    CONSTRAINT fact_tip_received_number_in_range CHECK ("number" >= 0 AND "number" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_tip_received_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_tip_received_fee_in_range CHECK ("fee" >= 0 AND "fee" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);
CREATE INDEX fact_tip_received_by_number ON fact_tip_received (chain_id, number);
CREATE INDEX fact_tip_received_by_order_id ON fact_tip_received (chain_id, order_id);
