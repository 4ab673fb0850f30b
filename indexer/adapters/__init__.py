"""The indexer's edges.

| file | holds |
|---|---|
| `endpoint_address.py` | an endpoint's address, and what in it may be a key |
| `json_rpc.py` | calls over one kept-alive HTTP connection |
| `answer_fields.py` | the fields of raw answers, each checked |
| `hex_columns.py` | columns of hexadecimal text to columns of bytes |
| `log_bytes.py` | logs cut out of an answer's bytes, as columns, before the rest is parsed |
| `cut_logs.py` | what stands in their place, and how it is resolved |
| `log_answers.py` | raw logs, checked, as columns |
| `rpc_answers.py` | raw answers, checked, as headers and blocks; no raw dict goes further |
| `receipt_answers.py` | raw receipts, checked, one by one or as columns |
| `transaction_answers.py` | raw transactions of a block, checked |
| `block_documents.py` | a block and its receipts out of saved answers |
| `rpc.py` | the `ChainReader` of one endpoint |
| `endpoint_pool.py` | several endpoints: whom to ask, whom to ask next |
| `endpoints.py` | one chain as they show it together, cross-checked |
| `workers.py` | ranges fetched ahead by other processes |
| `worker.py` | such a process |
| `statements.py` | who said what, where endpoints did not agree |
| `tables.py` | every table of facts, and the registry of them |
| `store.py` | the `FactStore` of one chain, and the lock that makes us its one owner |
| `sources.py` | which contracts an index holds, and who may rely on it |
| `backfill.py` | contracts that are added: what is staged, and the one merge |
| `load.py` | bulk load by COPY |
| `copy_binary.py` | columns of fixed width, packed as COPY takes them |
| `balances.py` | what transfers of tokens add up to, kept at the finalized block |
| `rewind.py` | facts taken back past finality, by a person |
| `proofs.py` | which stored blocks lack a proof, and new proofs for them |
| `stored_logs.py` | stored rows turned back into raw logs, for an audit of the rows digests |
| `reads.py` | what the other packages may ask of the facts |
| `money_reads.py` | the events that the books are made of |
"""
