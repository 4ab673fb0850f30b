"""The indexer's edges.

| file | holds |
|---|---|
| `json_rpc.py` | calls over one kept-alive HTTP connection |
| `rpc_answers.py` | raw answers, checked, as headers, logs and receipts; no raw dict goes further |
| `block_documents.py` | a block and its receipts out of saved answers |
| `rpc.py` | the `ChainReader` of one endpoint |
| `tables.py` | every table of facts, and the registry of them |
| `store.py` | the `FactStore` of one chain, and the lock that makes us its one owner |
| `load.py` | bulk load by COPY |
| `reads.py` | what the other packages may ask of the facts |
| `money_reads.py` | the events that the books are made of |
"""
