"""Reconciliation: the books against the chain, at one finalized block.

It finds and reports; it never corrects. Money must agree to the last unit, and a surplus is a
discrepancy as much as a shortfall.

    discrepancy.py   one disagreement, with a stable name and its evidence    pure
    snapshot.py      what chain and books say, in comparable terms            pure
    checks.py        the checks, as a tuple of functions                      pure
    standing.py      holds and announced transfers that stand at a block      pure
    statements.py    where the money of each epoch is                         pure
    reconcile.py     use case: take both snapshots, check, record the run
    errors.py        what can keep a run from being made
    adapters/        chain by JSON-RPC, books and runs in Postgres
"""
