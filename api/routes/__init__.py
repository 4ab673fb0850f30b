"""Routes: each parses, reads in one snapshot, and answers with a schema.

`operations.py`, `status.py` and `settlements.py` are about the server; all others are about one
settlement, and are served twice: under its name, and short where there is only one.
"""
