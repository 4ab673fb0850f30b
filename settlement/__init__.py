"""Settlement: who earned what, who has been paid, and the books that say so.

| room | decides |
|---|---|
| `royalties` | what every work earned in an epoch, and the root that commits to it |
| `payments` | who paid for what, and which order a payment serves; who may see what |
| `payouts` | which operation pays an obligation, and whether it has been paid |
| `ledger` | the journal entries that the facts, documents and reservations post |

Rooms do not import each other, except that all may use `ledger`. They meet through the vocabulary
of `contracts` and through Protocols that the consumer declares. `errors.py` has the failures of
all rooms, and `node_answers.py` says when a node's answer is one.
"""
