"""Payouts: every obligation is paid at most once, and in the end exactly once.

An *operation* is one obligation (the commit of an epoch, the withdrawal of a leaf, a tip that a
relay owes, or a line of an accepted document) under its op-id. A *transaction* carries one or many
operations of one contract and is named by (chain, sender, nonce); it may have many hashes, one for
each time it was signed. What we decided and signed is stored before it is sent and never changed;
where an operation stands is derived from that and from the chain.

One submitter serves a key: nonces belong to it, whatever contract a transaction goes to, so one
tick looks after `EpochPayouts`, `TipRelay` and `PayoutBatch` together.

    operation.py   what is stored: operations, signed transactions, outcomes           pure
    obligations.py what is owed, as operations                                         pure
    view.py        what the chain shows: usage, spent nonces, receipts              pure
    decision.py    where an operation stands, and the one next thing to do             pure
    batch.py       withdrawals and lines grouped into transactions by gas              pure
    gas.py         fees under caps, replacements that nodes accept, gas limits         pure
    gas_operations.py  which operations a transaction was for, by its bytes       pure
    nonces.py      what open nonces need, and which of them are not known           pure
    adopt.py       nonces that the chain shows and that are not stored
    broadcast.py   what a node's answer to a broadcast means                           pure
    policy.py      rules that a payout must pass before money moves, with reasons  pure
    policy_terms.py  limits, records in force, open leaves, verdicts               pure
    outflow.py     what goes to payees within half-open windows                    pure
    screening.py   accepted lists of accounts that must not be paid                pure
    approval.py    what two persons sign who let a large payout go                 pure
    signature.py   ECDSA signatures in the one form that the chain takes           pure
    transaction.py unsigned, signed and decoded bytes of a transaction             pure
    signing_policy.py  what a key may sign: calls, limits, a stop                  pure
    guarded_signer.py  a key behind that policy, whose answers are checked
    documents.py   documents of lines: one list, one meaning for ever                  pure
    acceptance.py  what persons sign who stand for a document, and how it is checked   pure
    protocols.py   what the submitter needs from the outside
    observe.py     one look at the chain, pinned to one finalized block
    assemble.py    calls that the node would pay; the item that spoils one is held
    owed.py        what the contracts of a key owe now
    send.py        sign, store, and only then send
    sign.py        new nonces: as far as slots, money and the signing policy reach
    report.py      what a tick reports
    needs.py       what of that needs a person, and what to do about it            pure
    other_keys.py  what keys signed that were configured before, sent for them
    keep_up.py     open nonces: sent again, replaced, or spent by a no-op
    submit.py      the use case: plan, adopt, observe, record, keep up, sign
    preview.py     a dry run of it
    status.py      the whole history of one operation
    adapters/      tables, store, documents, ownership (one owner per key), endpoint and chain
                   (web3), signers (keystore, AWS KMS, remote), signing record, standing (needs)
"""
