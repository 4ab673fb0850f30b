"""The books of a settlement, one for each place that holds its money.

Entries are balanced, never changed, only added to.

Entries come from finalized events, from accepted documents known by digest, and from reservations
(a planned payout, pending until a finalized event posts it or the plan is voided).

    accounts.py        chart of accounts, as code                                        pure
    journal.py         postings and entries: balanced by construction, ids by source     pure
    commitments.py     a committed epoch on its way to payable leaves                    pure
    activation.py      the entries of an accepted manifest, and the account of each line pure
    posting_rules.py   which entries an event of an epoch, or a plan, makes              pure
    payment_rules.py   which entries a payment, a document's line or gas makes           pure
    lines.py           tips and lines of documents, owed one by one                      pure
    documents.py       accepted documents                                                pure
    gas.py             what transactions of payout wallets cost                          pure
    periods.py         accounting periods, which close                                   pure
    balances.py        what the books answer                                             pure
    overdrafts.py      accounts that an entry has left below zero                        pure
    books.py           what posting needs from others                                    pure
    seal.py            canonical bytes, the chain, the seals and their proofs            pure
    verify.py          what of a book can be computed again, and where it differs        pure
    post.py            use case: finalized events, in chain order, become entries
    post_payments.py   use case: the same for books of payment contracts and wallets
    manual.py          use case: entries by hand, by one person and another
    sealing.py         use case: number, chain and seal what was recorded
    reserve.py         use case: reserve a leaf or line for a payout; void the reservation
    rewind.py          use case: take the books back, when finalized blocks were replaced
    adapters/          the ledger in Postgres
"""
