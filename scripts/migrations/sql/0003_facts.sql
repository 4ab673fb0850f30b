CREATE TABLE fact_attested (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    subject BYTEA NOT NULL,
    credential BYTEA NOT NULL,
    issuer BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT fact_attested_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_attested_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_attested_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_attested_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_attested_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_attested_subject_in_range CHECK (octet_length("subject") = 20),
    CONSTRAINT fact_attested_credential_in_range CHECK (octet_length("credential") = 32),
    CONSTRAINT fact_attested_issuer_in_range CHECK (octet_length("issuer") = 20),
    CONSTRAINT fact_attested_expires_at_in_range CHECK ("expires_at" >= 0)
);

CREATE TABLE fact_beneficiary_announced (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    escrow_id BYTEA NOT NULL,
    account BYTEA NOT NULL,
    applicable_at BIGINT NOT NULL,
    CONSTRAINT fact_beneficiary_announced_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_beneficiary_announced_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_beneficiary_announced_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_beneficiary_announced_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_beneficiary_announced_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_beneficiary_announced_escrow_id_in_range CHECK (octet_length("escrow_id") = 32),
    CONSTRAINT fact_beneficiary_announced_account_in_range CHECK (octet_length("account") = 20),
    CONSTRAINT fact_beneficiary_announced_applicable_at_in_range CHECK ("applicable_at" >= 0)
);

CREATE TABLE fact_beneficiary_assigned (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    escrow_id BYTEA NOT NULL,
    account BYTEA NOT NULL,
    CONSTRAINT fact_beneficiary_assigned_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_beneficiary_assigned_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_beneficiary_assigned_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_beneficiary_assigned_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_beneficiary_assigned_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_beneficiary_assigned_escrow_id_in_range CHECK (octet_length("escrow_id") = 32),
    CONSTRAINT fact_beneficiary_assigned_account_in_range CHECK (octet_length("account") = 20)
);

CREATE TABLE fact_beneficiary_cancelled (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    escrow_id BYTEA NOT NULL,
    account BYTEA NOT NULL,
    CONSTRAINT fact_beneficiary_cancelled_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_beneficiary_cancelled_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_beneficiary_cancelled_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_beneficiary_cancelled_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_beneficiary_cancelled_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_beneficiary_cancelled_escrow_id_in_range CHECK (octet_length("escrow_id") = 32),
    CONSTRAINT fact_beneficiary_cancelled_account_in_range CHECK (octet_length("account") = 20)
);

CREATE TABLE fact_claim_challenged (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    content_id BYTEA NOT NULL,
    challenger BYTEA NOT NULL,
    evidence_digest BYTEA NOT NULL,
    decide_by BIGINT NOT NULL,
    CONSTRAINT fact_claim_challenged_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_claim_challenged_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_claim_challenged_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_claim_challenged_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_claim_challenged_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_claim_challenged_content_id_in_range CHECK (octet_length("content_id") = 32),
    CONSTRAINT fact_claim_challenged_challenger_in_range CHECK (octet_length("challenger") = 20),
    CONSTRAINT fact_claim_challenged_evidence_digest_in_range CHECK (octet_length("evidence_digest") = 32),
    CONSTRAINT fact_claim_challenged_decide_by_in_range CHECK ("decide_by" >= 0)
);

CREATE TABLE fact_claim_resolved (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    content_id BYTEA NOT NULL,
    claimant BYTEA NOT NULL,
    is_upheld BIGINT NOT NULL,
    CONSTRAINT fact_claim_resolved_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_claim_resolved_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_claim_resolved_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_claim_resolved_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_claim_resolved_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_claim_resolved_content_id_in_range CHECK (octet_length("content_id") = 32),
    CONSTRAINT fact_claim_resolved_claimant_in_range CHECK (octet_length("claimant") = 20),
    CONSTRAINT fact_claim_resolved_is_upheld_in_range CHECK ("is_upheld" >= 0)
);

CREATE INDEX fact_claim_resolved_by_content_id ON fact_claim_resolved (chain_id, content_id);

CREATE TABLE fact_content_claimed (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    content_id BYTEA NOT NULL,
    claimant BYTEA NOT NULL,
    work_id BYTEA NOT NULL,
    final_at BIGINT NOT NULL,
    CONSTRAINT fact_content_claimed_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_content_claimed_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_content_claimed_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_content_claimed_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_content_claimed_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_content_claimed_content_id_in_range CHECK (octet_length("content_id") = 32),
    CONSTRAINT fact_content_claimed_claimant_in_range CHECK (octet_length("claimant") = 20),
    CONSTRAINT fact_content_claimed_work_id_in_range CHECK (octet_length("work_id") = 32),
    CONSTRAINT fact_content_claimed_final_at_in_range CHECK ("final_at" >= 0)
);

CREATE INDEX fact_content_claimed_by_claimant ON fact_content_claimed (chain_id, claimant);

CREATE INDEX fact_content_claimed_by_content_id ON fact_content_claimed (chain_id, content_id);

CREATE TABLE fact_escrow_expired (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    op_id BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    escrow_id BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_escrow_expired_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_escrow_expired_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_escrow_expired_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_escrow_expired_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_escrow_expired_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_escrow_expired_op_id_in_range CHECK (octet_length("op_id") = 32),
    CONSTRAINT fact_escrow_expired_epoch_in_range CHECK ("epoch" >= 0),
    CONSTRAINT fact_escrow_expired_escrow_id_in_range CHECK (octet_length("escrow_id") = 32),
    CONSTRAINT fact_escrow_expired_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_escrow_expired_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);

CREATE INDEX fact_escrow_expired_by_op_id ON fact_escrow_expired (chain_id, op_id);

CREATE TABLE fact_escrow_released (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    op_id BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    escrow_id BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    beneficiary BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_escrow_released_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_escrow_released_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_escrow_released_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_escrow_released_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_escrow_released_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_escrow_released_op_id_in_range CHECK (octet_length("op_id") = 32),
    CONSTRAINT fact_escrow_released_epoch_in_range CHECK ("epoch" >= 0),
    CONSTRAINT fact_escrow_released_escrow_id_in_range CHECK (octet_length("escrow_id") = 32),
    CONSTRAINT fact_escrow_released_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_escrow_released_beneficiary_in_range CHECK (octet_length("beneficiary") = 20),
    CONSTRAINT fact_escrow_released_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);

CREATE INDEX fact_escrow_released_by_beneficiary ON fact_escrow_released (chain_id, beneficiary);

CREATE INDEX fact_escrow_released_by_op_id ON fact_escrow_released (chain_id, op_id);

CREATE TABLE fact_guardians_announced (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    announcement BYTEA NOT NULL,
    applicable_at BIGINT NOT NULL,
    threshold BIGINT NOT NULL,
    guardians BYTEA[] NOT NULL,
    CONSTRAINT fact_guardians_announced_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_guardians_announced_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_guardians_announced_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_guardians_announced_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_guardians_announced_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_guardians_announced_announcement_in_range CHECK (octet_length("announcement") = 32),
    CONSTRAINT fact_guardians_announced_applicable_at_in_range CHECK ("applicable_at" >= 0),
    CONSTRAINT fact_guardians_announced_threshold_in_range CHECK ("threshold" >= 0)
);

CREATE TABLE fact_guardians_cancelled (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    announcement BYTEA NOT NULL,
    by BYTEA NOT NULL,
    CONSTRAINT fact_guardians_cancelled_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_guardians_cancelled_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_guardians_cancelled_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_guardians_cancelled_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_guardians_cancelled_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_guardians_cancelled_announcement_in_range CHECK (octet_length("announcement") = 32),
    CONSTRAINT fact_guardians_cancelled_by_in_range CHECK (octet_length("by") = 20)
);

CREATE TABLE fact_issuer_set (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    issuer BYTEA NOT NULL,
    is_trusted BIGINT NOT NULL,
    CONSTRAINT fact_issuer_set_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_issuer_set_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_issuer_set_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_issuer_set_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_issuer_set_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_issuer_set_issuer_in_range CHECK (octet_length("issuer") = 20),
    CONSTRAINT fact_issuer_set_is_trusted_in_range CHECK ("is_trusted" >= 0)
);

CREATE TABLE fact_payee_held (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    op_id BYTEA NOT NULL,
    payee BYTEA NOT NULL,
    asset BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    line BIGINT NOT NULL,
    CONSTRAINT fact_payee_held_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_payee_held_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_payee_held_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_payee_held_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_payee_held_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_payee_held_op_id_in_range CHECK (octet_length("op_id") = 32),
    CONSTRAINT fact_payee_held_payee_in_range CHECK (octet_length("payee") = 20),
    CONSTRAINT fact_payee_held_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_payee_held_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_payee_held_line_in_range CHECK ("line" >= 0)
);

CREATE TABLE fact_payee_hold_lifted (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    account BYTEA NOT NULL,
    CONSTRAINT fact_payee_hold_lifted_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_payee_hold_lifted_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_payee_hold_lifted_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_payee_hold_lifted_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_payee_hold_lifted_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_payee_hold_lifted_account_in_range CHECK (octet_length("account") = 20)
);

CREATE INDEX fact_payee_hold_lifted_by_account ON fact_payee_hold_lifted (chain_id, account);

CREATE TABLE fact_payee_hold_placed (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    account BYTEA NOT NULL,
    reason_digest BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT fact_payee_hold_placed_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_payee_hold_placed_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_payee_hold_placed_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_payee_hold_placed_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_payee_hold_placed_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_payee_hold_placed_account_in_range CHECK (octet_length("account") = 20),
    CONSTRAINT fact_payee_hold_placed_reason_digest_in_range CHECK (octet_length("reason_digest") = 32),
    CONSTRAINT fact_payee_hold_placed_expires_at_in_range CHECK ("expires_at" >= 0)
);

CREATE INDEX fact_payee_hold_placed_by_account ON fact_payee_hold_placed (chain_id, account);

CREATE TABLE fact_revoked (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    subject BYTEA NOT NULL,
    credential BYTEA NOT NULL,
    by BYTEA NOT NULL,
    CONSTRAINT fact_revoked_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_revoked_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_revoked_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_revoked_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_revoked_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_revoked_subject_in_range CHECK (octet_length("subject") = 20),
    CONSTRAINT fact_revoked_credential_in_range CHECK (octet_length("credential") = 32),
    CONSTRAINT fact_revoked_by_in_range CHECK (octet_length("by") = 20)
);

CREATE TABLE fact_split_terms_set (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    account BYTEA NOT NULL,
    owner BYTEA NOT NULL,
    effective_epoch BIGINT NOT NULL,
    version BIGINT NOT NULL,
    payees BYTEA[] NOT NULL,
    shares_ppm BIGINT[] NOT NULL,
    CONSTRAINT fact_split_terms_set_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_split_terms_set_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_split_terms_set_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_split_terms_set_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_split_terms_set_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_split_terms_set_account_in_range CHECK (octet_length("account") = 20),
    CONSTRAINT fact_split_terms_set_owner_in_range CHECK (octet_length("owner") = 20),
    CONSTRAINT fact_split_terms_set_effective_epoch_in_range CHECK ("effective_epoch" >= 0),
    CONSTRAINT fact_split_terms_set_version_in_range CHECK ("version" >= 0)
);

CREATE TABLE fact_unallocated_transfer_announced (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    transfer_id BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    asset BYTEA NOT NULL,
    "to" BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    applicable_at BIGINT NOT NULL,
    CONSTRAINT fact_unallocated_transfer_announced_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_unallocated_transfer_announced_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_unallocated_transfer_announced_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_unallocated_transfer_announced_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_unallocated_transfer_announced_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_unallocated_transfer_announced_transfer_id_in_range CHECK (octet_length("transfer_id") = 32),
    CONSTRAINT fact_unallocated_transfer_announced_epoch_in_range CHECK ("epoch" >= 0),
    CONSTRAINT fact_unallocated_transfer_announced_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_unallocated_transfer_announced_to_in_range CHECK (octet_length("to") = 20),
    CONSTRAINT fact_unallocated_transfer_announced_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935),
    CONSTRAINT fact_unallocated_transfer_announced_applicable_at_in_range CHECK ("applicable_at" >= 0)
);

CREATE TABLE fact_unallocated_transfer_cancelled (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    transfer_id BYTEA NOT NULL,
    by BYTEA NOT NULL,
    CONSTRAINT fact_unallocated_transfer_cancelled_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_unallocated_transfer_cancelled_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_unallocated_transfer_cancelled_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_unallocated_transfer_cancelled_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_unallocated_transfer_cancelled_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_unallocated_transfer_cancelled_transfer_id_in_range CHECK (octet_length("transfer_id") = 32),
    CONSTRAINT fact_unallocated_transfer_cancelled_by_in_range CHECK (octet_length("by") = 20)
);

CREATE TABLE fact_unallocated_transferred (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    address BYTEA NOT NULL,
    transfer_id BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    asset BYTEA NOT NULL,
    "to" BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL,
    CONSTRAINT fact_unallocated_transferred_pk PRIMARY KEY (chain_id, block_number, log_index),
    CONSTRAINT fact_unallocated_transferred_chain_id_in_range CHECK ("chain_id" >= 0),
    CONSTRAINT fact_unallocated_transferred_block_number_in_range CHECK ("block_number" >= 0),
    CONSTRAINT fact_unallocated_transferred_log_index_in_range CHECK ("log_index" >= 0),
    CONSTRAINT fact_unallocated_transferred_address_in_range CHECK (octet_length("address") = 20),
    CONSTRAINT fact_unallocated_transferred_transfer_id_in_range CHECK (octet_length("transfer_id") = 32),
    CONSTRAINT fact_unallocated_transferred_epoch_in_range CHECK ("epoch" >= 0),
    CONSTRAINT fact_unallocated_transferred_asset_in_range CHECK (octet_length("asset") = 20),
    CONSTRAINT fact_unallocated_transferred_to_in_range CHECK (octet_length("to") = 20),
    CONSTRAINT fact_unallocated_transferred_amount_in_range CHECK ("amount" >= 0 AND "amount" <= 115792089237316195423570985008687907853269984665640564039457584007913129639935)
);
