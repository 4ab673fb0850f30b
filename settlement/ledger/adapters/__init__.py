"""The ledger in Postgres.

tables.py    tables, constraints and triggers
rows.py      accounts and entries as rows, and back
queries.py   parts of queries over postings
store.py     what the use cases write and read, inside the caller's transaction
reads.py     balances, payable leaves and the journal, for everybody else
"""
