"""Payouts: every obligation is paid at most once, and in the end exactly once.

An *operation* is one obligation (the commit of an epoch, or the withdrawal of a leaf) under its
op-id. A *transaction* carries one or many operations and is named by (chain, sender, nonce); it may
have many hashes, one for each time it was signed. What we decided and signed is stored before it is
sent and never changed; where an operation stands is derived from that and from the chain.

    operation.py   what is stored: operations, signed transactions, outcomes           pure
    view.py        what the chain shows: usage, spent nonces, receipts              pure
    decision.py    where an operation stands, and the one next thing to do             pure
    batch.py       withdrawals grouped into transactions by gas                        pure
    gas.py         fees under a cap, gas limits                                        pure
    broadcast.py   what a node's answer to a broadcast means                           pure
    protocols.py   what the submitter needs from the outside
    observe.py     one look at the chain, pinned to one finalized block
    submit.py      the use case: plan, sign and store, broadcast, observe, record
    status.py      the whole history of one operation
    adapters/      tables, store, ownership (one owner per key), chain (web3), signer
"""
