"""Both sides of a reconciliation, and its record.

client.py          a lean JSON-RPC client of our own
chain.py           a settlement as one endpoint shows it, at one block hash
logs.py            raw logs by range, with the headers of their blocks
state_proofs.py    balances proven from a header's state root
wallet_history.py  what left a wallet: by nonce, by transfer, by balance
books.py           the journal in one consistent snapshot of Postgres
answers.py         the entry that answers what is found no more
intents.py         what was signed, and what our records say became of it
documents.py       accepted distributions, with the root of their leaves
tables.py          runs, discrepancies, explanations, transitions
store.py           records runs; the register
stops.py           assets that do not tie out
reserves.py, solvency*.py, close_figures.py, creator_statement*.py, journal_reads.py,
period_sql.py, plain_sql.py   statements, the close and solvency
"""
