"""The books of a settlement: balanced journal entries, never changed, only added to.

Entries come from finalized events, from accepted documents known by digest, and from reservations
(a planned payout, pending until a finalized event posts it or the plan is voided).

    accounts.py        chart of accounts, as code                                        pure
    journal.py         postings and entries: balanced by construction, ids by source     pure
    commitments.py     a committed epoch on its way to payable leaves                    pure
    activation.py      the entries of an accepted manifest, and the account of each line pure
    posting_rules.py   which entries an event or a plan makes                            pure
    balances.py        what the books answer                                             pure
    books.py           what posting needs from others                                    pure
    post.py            use case: finalized events, in chain order, become entries
    reserve.py         use case: reserve a leaf for a payout; void the reservation
    rewind.py          use case: take the books back, when finalized blocks were replaced
    adapters/          the ledger in Postgres
"""
