-- Fees, escrow and suspense have accounts; a leaf may be reserved again for lines that were held.
ALTER TABLE ledger_account
    DROP CONSTRAINT ledger_account_has_the_attributes_of_its_kind;
ALTER TABLE ledger_account
    ADD CONSTRAINT ledger_account_has_the_attributes_of_its_kind CHECK ((kind = 'cash' AND epoch IS NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'paid_in' AND epoch IS NOT NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'committed' AND epoch IS NOT NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'fees' AND epoch IS NOT NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'escrowed' AND epoch IS NOT NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'unallocated' AND epoch IS NOT NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL) OR (kind = 'payable' AND epoch IS NOT NULL AND work_id IS NOT NULL AND part IS NOT NULL AND payee IS NOT NULL) OR (kind = 'escrow' AND epoch IS NOT NULL AND work_id IS NOT NULL AND part IS NULL AND payee IS NULL) OR (kind = 'suspense' AND epoch IS NOT NULL AND work_id IS NOT NULL AND part IS NULL AND payee IS NULL) OR (kind = 'unclaimed' AND epoch IS NULL AND work_id IS NULL AND part IS NULL AND payee IS NOT NULL) OR (kind = 'in_transit' AND epoch IS NULL AND work_id IS NULL AND part IS NULL AND payee IS NULL));

ALTER TABLE reservation DROP CONSTRAINT reservation_follows_a_voided_one;
ALTER TABLE reservation_outcome DROP CONSTRAINT reservation_outcome_as_the_next_attempt_sees_it;
ALTER TABLE reservation DROP COLUMN previous_outcome;
ALTER TABLE reservation ADD CONSTRAINT reservation_follows_an_ended_one FOREIGN KEY (op_id, version, previous_attempt) REFERENCES reservation_outcome (op_id, version, attempt);
