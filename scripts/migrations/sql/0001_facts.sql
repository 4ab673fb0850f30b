CREATE TABLE block (
    chain_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    parent_hash BYTEA NOT NULL,
    timestamp BIGINT NOT NULL,
    CONSTRAINT block_pk PRIMARY KEY (chain_id, number),
    CONSTRAINT block_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT block_number_in_range CHECK ("number" >= 0),
    CONSTRAINT block_hash_in_range CHECK (octet_length("hash") = 32),
    CONSTRAINT block_parent_hash_in_range CHECK (octet_length("parent_hash") = 32),
    CONSTRAINT block_timestamp_in_range CHECK ("timestamp" >= 0)
);

CREATE INDEX block_by_timestamp ON block (chain_id, timestamp, number);

CREATE TABLE chain_finality (
    chain_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (chain_id)
);

CREATE TABLE cursor (
    chain_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    sources_digest BYTEA NOT NULL,
    PRIMARY KEY (chain_id)
);

CREATE TABLE fact_consumption_submitted (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    submitter BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    tier_id BYTEA NOT NULL,
    part BIGINT NOT NULL,
    work_ids BYTEA[] NOT NULL,
    minutes_played BIGINT[] NOT NULL,
    plays BIGINT[] NOT NULL,
    pseudonyms BYTEA[] NOT NULL,
    digest BYTEA NOT NULL,
    CONSTRAINT fact_consumption_submitted_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_consumption_submitted_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_consumption_submitted_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_consumption_submitted_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_consumption_submitted_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_consumption_submitted_submitter_in_range CHECK (octet_length("submitter") = 20),
    CONSTRAINT fact_consumption_submitted_epoch_in_range CHECK ("epoch" >= 0),
    CONSTRAINT fact_consumption_submitted_tier_id_in_range CHECK (octet_length("tier_id") = 32),
    CONSTRAINT fact_consumption_submitted_part_in_range CHECK ("part" >= 0),
    CONSTRAINT fact_consumption_submitted_digest_in_range CHECK (octet_length("digest") = 32)
);

CREATE INDEX fact_consumption_submitted_by_epoch ON fact_consumption_submitted (chain_id, epoch);

CREATE TABLE fact_epoch_clock_started (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    genesis BIGINT NOT NULL,
    length BIGINT NOT NULL,
    grace BIGINT NOT NULL,
    CONSTRAINT fact_epoch_clock_started_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_epoch_clock_started_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_epoch_clock_started_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_epoch_clock_started_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_epoch_clock_started_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_epoch_clock_started_genesis_in_range CHECK ("genesis" >= 0),
    CONSTRAINT fact_epoch_clock_started_length_in_range CHECK ("length" >= 0),
    CONSTRAINT fact_epoch_clock_started_grace_in_range CHECK ("grace" >= 0)
);

CREATE TABLE fact_epoch_committed (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    manifest_digest BYTEA NOT NULL,
    root BYTEA NOT NULL,
    active_at BIGINT NOT NULL,
    guardian_set BIGINT NOT NULL,
    signers BYTEA[] NOT NULL,
    totals_asset BYTEA[] NOT NULL,
    totals_paid_in NUMERIC(78, 0)[] NOT NULL,
    totals_carried_in NUMERIC(78, 0)[] NOT NULL,
    totals_allocated NUMERIC(78, 0)[] NOT NULL,
    totals_escrow NUMERIC(78, 0)[] NOT NULL,
    totals_unallocated NUMERIC(78, 0)[] NOT NULL,
    totals_fees NUMERIC(78, 0)[] NOT NULL,
    CONSTRAINT fact_epoch_committed_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_epoch_committed_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_epoch_committed_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_epoch_committed_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_epoch_committed_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_epoch_committed_epoch_in_range CHECK ("epoch" >= 0),
    CONSTRAINT fact_epoch_committed_attempt_in_range CHECK ("attempt" >= 0),
    CONSTRAINT fact_epoch_committed_manifest_digest_in_range CHECK (octet_length("manifest_digest") = 32),
    CONSTRAINT fact_epoch_committed_root_in_range CHECK (octet_length("root") = 32),
    CONSTRAINT fact_epoch_committed_active_at_in_range CHECK ("active_at" >= 0),
    CONSTRAINT fact_epoch_committed_guardian_set_in_range CHECK ("guardian_set" >= 0)
);

CREATE TABLE fact_epoch_funded (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    asset BYTEA NOT NULL,
    source BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_epoch_funded_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_epoch_funded_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_epoch_funded_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_epoch_funded_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_epoch_funded_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_epoch_funded_epoch_in_range CHECK ("epoch" >= 0),
    CONSTRAINT fact_epoch_funded_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_epoch_funded_source_in_range CHECK (octet_length("source") = 20),
    CONSTRAINT fact_epoch_funded_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);

CREATE INDEX fact_epoch_funded_by_epoch ON fact_epoch_funded (chain_id, epoch);

CREATE TABLE fact_epoch_vetoed (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    by BYTEA NOT NULL,
    reason_digest BYTEA NOT NULL,
    CONSTRAINT fact_epoch_vetoed_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_epoch_vetoed_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_epoch_vetoed_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_epoch_vetoed_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_epoch_vetoed_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_epoch_vetoed_epoch_in_range CHECK ("epoch" >= 0),
    CONSTRAINT fact_epoch_vetoed_attempt_in_range CHECK ("attempt" >= 0),
    CONSTRAINT fact_epoch_vetoed_by_in_range CHECK (octet_length("by") = 20),
    CONSTRAINT fact_epoch_vetoed_reason_digest_in_range CHECK (octet_length("reason_digest") = 32)
);

CREATE TABLE fact_erc20_approval (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    owner BYTEA NOT NULL,
    spender BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_erc20_approval_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_erc20_approval_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_erc20_approval_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_erc20_approval_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_erc20_approval_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_erc20_approval_owner_in_range CHECK (octet_length("owner") = 20),
    CONSTRAINT fact_erc20_approval_spender_in_range CHECK (octet_length("spender") = 20),
    CONSTRAINT fact_erc20_approval_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);

CREATE TABLE fact_erc20_transfer (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    source BYTEA NOT NULL,
    target BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_erc20_transfer_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_erc20_transfer_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_erc20_transfer_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_erc20_transfer_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_erc20_transfer_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_erc20_transfer_source_in_range CHECK (octet_length("source") = 20),
    CONSTRAINT fact_erc20_transfer_target_in_range CHECK (octet_length("target") = 20),
    CONSTRAINT fact_erc20_transfer_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);

CREATE TABLE fact_guardian_set_changed (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    guardian_set BIGINT NOT NULL,
    threshold BIGINT NOT NULL,
    guardians BYTEA[] NOT NULL,
    CONSTRAINT fact_guardian_set_changed_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_guardian_set_changed_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_guardian_set_changed_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_guardian_set_changed_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_guardian_set_changed_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_guardian_set_changed_guardian_set_in_range CHECK ("guardian_set" >= 0),
    CONSTRAINT fact_guardian_set_changed_threshold_in_range CHECK ("threshold" >= 0)
);

CREATE TABLE fact_leaf_withdrawn (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    op_id BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    work_id BYTEA NOT NULL,
    part BIGINT NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_leaf_withdrawn_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_leaf_withdrawn_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_leaf_withdrawn_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_leaf_withdrawn_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_leaf_withdrawn_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_leaf_withdrawn_op_id_in_range CHECK (octet_length("op_id") = 32),
    CONSTRAINT fact_leaf_withdrawn_epoch_in_range CHECK ("epoch" >= 0),
    CONSTRAINT fact_leaf_withdrawn_work_id_in_range CHECK (octet_length("work_id") = 32),
    CONSTRAINT fact_leaf_withdrawn_part_in_range CHECK ("part" >= 0),
    CONSTRAINT fact_leaf_withdrawn_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_leaf_withdrawn_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);

CREATE INDEX fact_leaf_withdrawn_by_epoch ON fact_leaf_withdrawn (chain_id, epoch);

CREATE INDEX fact_leaf_withdrawn_by_op_id ON fact_leaf_withdrawn (chain_id, op_id);

CREATE TABLE fact_parameters_set (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    effective_epoch BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    parameters BYTEA NOT NULL,
    CONSTRAINT fact_parameters_set_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_parameters_set_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_parameters_set_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_parameters_set_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_parameters_set_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_parameters_set_effective_epoch_in_range CHECK ("effective_epoch" >= 0),
    CONSTRAINT fact_parameters_set_digest_in_range CHECK (octet_length("digest") = 32)
);

CREATE TABLE fact_payee_paid (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    op_id BYTEA NOT NULL,
    payee BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    line BIGINT NOT NULL,
    CONSTRAINT fact_payee_paid_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_payee_paid_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_payee_paid_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_payee_paid_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_payee_paid_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_payee_paid_op_id_in_range CHECK (octet_length("op_id") = 32),
    CONSTRAINT fact_payee_paid_payee_in_range CHECK (octet_length("payee") = 20),
    CONSTRAINT fact_payee_paid_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_payee_paid_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_payee_paid_line_in_range CHECK ("line" >= 0)
);

CREATE INDEX fact_payee_paid_by_payee ON fact_payee_paid (chain_id, payee);

CREATE TABLE fact_payee_unclaimed (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    op_id BYTEA NOT NULL,
    payee BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    line BIGINT NOT NULL,
    CONSTRAINT fact_payee_unclaimed_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_payee_unclaimed_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_payee_unclaimed_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_payee_unclaimed_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_payee_unclaimed_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_payee_unclaimed_op_id_in_range CHECK (octet_length("op_id") = 32),
    CONSTRAINT fact_payee_unclaimed_payee_in_range CHECK (octet_length("payee") = 20),
    CONSTRAINT fact_payee_unclaimed_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_payee_unclaimed_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_payee_unclaimed_line_in_range CHECK ("line" >= 0)
);

CREATE INDEX fact_payee_unclaimed_by_payee ON fact_payee_unclaimed (chain_id, payee);

CREATE TABLE fact_settlement_started (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    clock BYTEA NOT NULL,
    registry BYTEA NOT NULL,
    veto_window BIGINT NOT NULL,
    CONSTRAINT fact_settlement_started_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_settlement_started_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_settlement_started_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_settlement_started_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_settlement_started_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_settlement_started_clock_in_range CHECK (octet_length("clock") = 20),
    CONSTRAINT fact_settlement_started_registry_in_range CHECK (octet_length("registry") = 20),
    CONSTRAINT fact_settlement_started_veto_window_in_range CHECK ("veto_window" >= 0)
);

CREATE TABLE fact_subscribed (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    subscriber BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    tier_id BYTEA NOT NULL,
    payer BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_subscribed_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_subscribed_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_subscribed_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_subscribed_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_subscribed_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_subscribed_subscriber_in_range CHECK (octet_length("subscriber") = 20),
    CONSTRAINT fact_subscribed_epoch_in_range CHECK ("epoch" >= 0),
    CONSTRAINT fact_subscribed_tier_id_in_range CHECK (octet_length("tier_id") = 32),
    CONSTRAINT fact_subscribed_payer_in_range CHECK (octet_length("payer") = 20),
    CONSTRAINT fact_subscribed_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_subscribed_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);

CREATE INDEX fact_subscribed_by_epoch ON fact_subscribed (chain_id, epoch);

CREATE INDEX fact_subscribed_by_subscriber_epoch ON fact_subscribed (chain_id, subscriber, epoch);

CREATE TABLE fact_tier_set (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    tier_id BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    effective_epoch BIGINT NOT NULL,
    price NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_tier_set_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_tier_set_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_tier_set_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_tier_set_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_tier_set_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_tier_set_tier_id_in_range CHECK (octet_length("tier_id") = 32),
    CONSTRAINT fact_tier_set_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_tier_set_effective_epoch_in_range CHECK ("effective_epoch" >= 0),
    CONSTRAINT fact_tier_set_price_in_range CHECK ("price" >= 0 AND "price" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);

CREATE TABLE fact_unclaimed_withdrawn (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    payee BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    "to" BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_unclaimed_withdrawn_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_unclaimed_withdrawn_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_unclaimed_withdrawn_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_unclaimed_withdrawn_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_unclaimed_withdrawn_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_unclaimed_withdrawn_payee_in_range CHECK (octet_length("payee") = 20),
    CONSTRAINT fact_unclaimed_withdrawn_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_unclaimed_withdrawn_to_in_range CHECK (octet_length("to") = 20),
    CONSTRAINT fact_unclaimed_withdrawn_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);

CREATE TABLE fact_verdict_lifted (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    work_id BYTEA NOT NULL,
    case_digest BYTEA NOT NULL,
    CONSTRAINT fact_verdict_lifted_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_verdict_lifted_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_verdict_lifted_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_verdict_lifted_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_verdict_lifted_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_verdict_lifted_work_id_in_range CHECK (octet_length("work_id") = 32),
    CONSTRAINT fact_verdict_lifted_case_digest_in_range CHECK (octet_length("case_digest") = 32)
);

CREATE INDEX fact_verdict_lifted_by_work_id ON fact_verdict_lifted (chain_id, work_id);

CREATE TABLE fact_verdict_placed (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    work_id BYTEA NOT NULL,
    case_digest BYTEA NOT NULL,
    CONSTRAINT fact_verdict_placed_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_verdict_placed_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_verdict_placed_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_verdict_placed_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_verdict_placed_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_verdict_placed_work_id_in_range CHECK (octet_length("work_id") = 32),
    CONSTRAINT fact_verdict_placed_case_digest_in_range CHECK (octet_length("case_digest") = 32)
);

CREATE INDEX fact_verdict_placed_by_work_id ON fact_verdict_placed (chain_id, work_id);

CREATE TABLE fact_withdraw_refused (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    op_id BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    work_id BYTEA NOT NULL,
    part BIGINT NOT NULL,
    asset BYTEA NOT NULL,
    refusal BIGINT NOT NULL,
    CONSTRAINT fact_withdraw_refused_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_withdraw_refused_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_withdraw_refused_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_withdraw_refused_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_withdraw_refused_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_withdraw_refused_op_id_in_range CHECK (octet_length("op_id") = 32),
    CONSTRAINT fact_withdraw_refused_epoch_in_range CHECK ("epoch" >= 0),
    CONSTRAINT fact_withdraw_refused_work_id_in_range CHECK (octet_length("work_id") = 32),
    CONSTRAINT fact_withdraw_refused_part_in_range CHECK ("part" >= 0),
    CONSTRAINT fact_withdraw_refused_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_withdraw_refused_refusal_in_range CHECK ("refusal" >= 0)
);

CREATE TABLE fact_work_registered (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    work_id BYTEA NOT NULL,
    registrant BYTEA NOT NULL,
    salt BYTEA NOT NULL,
    CONSTRAINT fact_work_registered_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_work_registered_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_work_registered_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_work_registered_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_work_registered_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_work_registered_work_id_in_range CHECK (octet_length("work_id") = 32),
    CONSTRAINT fact_work_registered_registrant_in_range CHECK (octet_length("registrant") = 20),
    CONSTRAINT fact_work_registered_salt_in_range CHECK (octet_length("salt") = 32)
);

CREATE TABLE fact_work_terms_set (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    work_id BYTEA NOT NULL,
    registrant BYTEA NOT NULL,
    content_id BYTEA NOT NULL,
    effective_epoch BIGINT NOT NULL,
    version BIGINT NOT NULL,
    price_ppm BIGINT NOT NULL,
    region_rule BYTEA NOT NULL,
    payees BYTEA[] NOT NULL,
    shares_ppm BIGINT[] NOT NULL,
    CONSTRAINT fact_work_terms_set_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_work_terms_set_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_work_terms_set_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_work_terms_set_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_work_terms_set_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_work_terms_set_work_id_in_range CHECK (octet_length("work_id") = 32),
    CONSTRAINT fact_work_terms_set_registrant_in_range CHECK (octet_length("registrant") = 20),
    CONSTRAINT fact_work_terms_set_content_id_in_range CHECK (octet_length("content_id") = 32),
    CONSTRAINT fact_work_terms_set_effective_epoch_in_range CHECK ("effective_epoch" >= 0),
    CONSTRAINT fact_work_terms_set_version_in_range CHECK ("version" >= 0),
    CONSTRAINT fact_work_terms_set_price_ppm_in_range CHECK ("price_ppm" >= 0),
    CONSTRAINT fact_work_terms_set_region_rule_in_range CHECK (octet_length("region_rule") = 32)
);

CREATE INDEX fact_work_terms_set_by_work_id ON fact_work_terms_set (chain_id, work_id);

CREATE TABLE log (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    data BYTEA NOT NULL,
    transaction_hash BYTEA NOT NULL,
    transaction_index BIGINT NOT NULL,
    topics BYTEA[] NOT NULL,
    CONSTRAINT log_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT log_has_at_most_four_topics CHECK (cardinality(topics) <= 4),
    CONSTRAINT log_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT log_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT log_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT log_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT log_transaction_hash_in_range CHECK (octet_length("transaction_hash") = 32),
    CONSTRAINT log_transaction_index_in_range CHECK ("transaction_index" >= 0)
);

CREATE TABLE reorg (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    chain_id BIGINT NOT NULL,
    ancestor_number BIGINT,
    ancestor_hash BYTEA,
    old_head_number BIGINT NOT NULL,
    old_head_hash BYTEA NOT NULL,
    new_head_number BIGINT NOT NULL,
    new_head_hash BYTEA NOT NULL,
    depth_blocks BIGINT NOT NULL,
    removed JSONB NOT NULL,
    detected_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX reorg_by_chain ON reorg (chain_id, id);
