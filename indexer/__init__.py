"""Facts: what the chain says, in Postgres, and nothing that it does not say.

One code path serves backfill and tail. A step looks at the chain once and does one thing in one
database transaction: it adds the next range of blocks, or takes back blocks that the chain has
replaced, or moves the finalized block. A killed process loses at most the step it was in.

    view ─► reconcile ─┬─ Extend ─► plan range ─► fetch ─► check ─► decode ─► store rows and cursor
                       ├─ Rewind ─► delete above the common ancestor, append one `reorg` row
                       └─ TooDeep ─► halt: a finalized block was replaced

| file | holds |
|---|---|
| `chain.py` | headers, their hashes and links; the part of the chain that we hold |
| `reorg.py` | how a remote header fits onto it |
| `ranges.py` | which blocks to ask for next, and what a failed request teaches |
| `provider_messages.py` | what a provider's words say about a failure |
| `finality.py` | which blocks can no longer change |
| `completeness.py` | what a header proves about the logs of its block |
| `trie.py` | the root of the trie that holds a block's receipts |
| `receipts.py` | receipts as consensus encodes them |
| `chain_profiles.py` | chains that commit to less than Ethereum |
| `block_checks.py` | whether a header commits to the receipts of its block |
| `decode.py` | raw logs to columns, one batch per event |
| `plan.py` | what is indexed of one chain |
| `ports.py` | what the use case needs of the outside |
| `sync.py` | the use case: `Indexer.step`, `run_until` |
| `outcomes.py` | what a step did |
| `errors.py` | failures, by what they mean |
| `adapters/` | the node by JSON-RPC, the tables and their one writer, the reads |
"""
