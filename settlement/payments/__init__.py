"""Payments: who paid for what, proved from the chain, and bound to one order for ever.

An *intent* says what is to be paid, before anything is. A *submission* names a transaction that is
said to pay it. Nobody is believed: the transaction's logs are checked against the intent, and only
a payment that passes every check is *claimed* for the intent, which is for ever. Where a payment
stands (received, safe, final, gone) is derived from the chain each time; what was seen is appended
to the history of verdicts.

    families.py      every kind of payment as data: contract, event, meaning of its fields     pure
    intent.py        what shall be paid, to whom, until when; its id is its content            pure
    fees.py          fee = max(minimum, share), as the contracts compute it                    pure
    evidence.py      what a source shows of one transaction, and how far its chain is          pure
    decoding.py      one log against its event's declaration, strictly                         pure
    paid.py          what an event says was paid, typed                                        pure
    legs.py          transfers that a payment makes, which are evidence of nothing else        pure
    naming.py        how a payment is named, wherever its transaction is mined                 pure
    rulebook.py      contracts, fee terms and prices, as in force at a place of the chain      pure
    verification.py  intent and evidence → verdicts, with every failed check named             pure
    states.py        where a payment stands, and when that is the end of it                    pure
    watching.py      when an open submission is worth a look                                   pure
    policies.py      what a verdict means for order and books: written policies                pure
    ports.py         what the use case needs from the outside                                  pure
    sources.py       evidence from the index, or from a node where the index is behind         pure
    claiming.py      which log pays which order, once and for ever                             pure
    verify_payment.py  the use case: declare, submit, look
    look_again.py      the use case: one run over what may have changed
    forgetting.py    the use case: intents that nobody paid go, long after their time
    gates.py         holding enough of a token as a right to see, and readings of it           pure
    entitlements.py  facts about a wallet and a content → granted or denied, and why           pure
    adapters/        tables, store, watch, chain (a node), retraction; gates
"""
