ALTER TABLE ledger_seal
    DROP CONSTRAINT ledger_seal_is_not_empty,
    ADD CONSTRAINT ledger_seal_is_not_empty
        CHECK (last_sequence >= first_sequence - (closes > 0)::integer);
