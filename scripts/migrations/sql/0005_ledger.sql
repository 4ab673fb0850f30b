-- Late postings have a stretch of their own in the indexes that balances are read from, and so has each version.
DROP INDEX posting_by_debit;
DROP INDEX posting_by_credit;
DROP INDEX posting_late_by_debit;
DROP INDEX posting_late_by_credit;
CREATE INDEX posting_by_debit ON posting (debit_account, asset, version, is_late, effective_block) INCLUDE (amount, status);
CREATE INDEX posting_by_credit ON posting (credit_account, asset, version, is_late, effective_block) INCLUDE (amount, status);
