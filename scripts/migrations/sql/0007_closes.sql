ALTER TABLE ledger_period_close ADD COLUMN booked_at BIGINT NOT NULL DEFAULT 0;

ALTER TABLE ledger_seal ADD COLUMN closes INTEGER NOT NULL DEFAULT 0
    CONSTRAINT ledger_seal_counts_closes CHECK (closes >= 0);
