"""The ledger in Postgres.

tables.py        tables, constraints and triggers; line_tables, seal_tables and period_tables too
schema.py        all of them together
rows.py          accounts and entries as rows, and back; commitment_rows, line_rows, manual_rows too
record.py        entries into the journal, in bulk
checkpoints.py   balances at any block, from totals that are drawn now and then
queries.py       parts of queries over postings, and the lock of a book
store.py         what the use cases write and read, inside the caller's transaction
reads.py         balances, payable leaves and lines, the journal; paid and period_reads too
recorded.py      entries with what their recording added
seals.py         links and seals: what is written and read of them, and proofs for everybody else
verification.py  everything computed again from the rows; record_checks for those beside the journal
writer_role.py   the role that processes write as
protections.py   what keeps the tables as they are, looked up
"""
