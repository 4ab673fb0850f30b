"""Reconciliation: the books against the chain, at one finalized block.

It finds and reports; it never corrects. Money must agree to the last unit, and a surplus is a
discrepancy as much as a shortfall.

    discrepancy.py   one disagreement: kind, place, stable id, age            pure
    runbook.py       severity, owner, what it stops and what to do, by kind   pure
    chain_events.py  raw logs, and this package's own decoder of them         pure
    movements.py, payment_movements.py   what events move, read anew          pure
    replay.py        events added up: the entries and balances that follow    pure
    snapshot.py, reading.py   what logs and state of the chain say            pure
    matching.py, lines.py     entry by entry, and what is wrong with the rest pure
    checks.py        state against logs, roots, and the money that is held    pure
    wallets.py       what left a payout wallet, failed, and cost              pure
    wallet_books.py  what wallets spent and hold, by receipts and by books    pure
    overdue.py       what is late, or lies around for too long                pure
    divergence.py    endpoints that contradict each other                     pure
    register.py      what became of every discrepancy                         pure
    ports.py         what a reconciliation needs from others                  pure
    standing.py      holds and announced transfers that stand at a block      pure
    statements.py    where the money of each epoch is                         pure
    reconcile.py     use case: both snapshots at one block, line by line, recorded
    begun.py         a stream whose first item is waited for meanwhile        pure
    payment_books.py use case: the same for the books of payment contracts
    rebuild.py       use case: everything from the chain alone, then the books
    rebuilt_wallets.py   payout wallets, added up from the chain              pure
    period.py        months and epochs as stretches of chain time             pure
    creator_statements.py    a creator's account over a period                pure
    journal_exports.py, beancount.py   the journal for other programs         pure
    close_figures.py, trial_balance.py   the figures of a monthly close       pure
    close_report.py, close_books.py, close_charts.py   its page               pure
    close_cells.py, close_words.py     its cells and its words                pure
    liability_tree.py, solvency.py     what is owed, committed to             pure
    solvency_proof_check.py  checks a line of it, and shares nothing with it  pure
    state_solvency.py        use case: state ended epochs, read reserves
    errors.py        what can keep a run from being made
    adapters/        chain by JSON-RPC, books and runs in Postgres
"""
