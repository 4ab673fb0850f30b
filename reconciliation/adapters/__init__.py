"""Both sides of a reconciliation, and its record.

chain.py      `EpochPayouts` and its tokens at a block hash, by JSON-RPC batches
books.py      the books in one consistent snapshot of Postgres
computed.py   roots that we computed
tables.py     runs and discrepancies
store.py      records runs; the latest run with the age of what is open
"""
