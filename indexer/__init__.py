"""Facts: what the chain says, in Postgres, and nothing that it does not say.

One code path serves backfill and tail. A step does one thing in one database transaction: it adds
the next range of blocks, or takes back blocks that the chain has replaced, or moves the finalized
block, or proves blocks and folds balances where nothing is left to fetch. A killed process loses at
most the step it was in.

    view ─► reconcile ─┬─ Extend ─► plan range ─► fetch ─► check ─► decode ─► store rows and cursor
                       ├─ Rewind ─► delete above the common ancestor, append one `reorg` row
                       └─ TooDeep ─► halt: a finalized block was replaced

| file | holds |
|---|---|
| `logs.py` | raw logs as columns |
| `blocks.py` | blocks as columns, and why their logs are believed to be all |
| `chain.py` | headers, their hashes and links; the part of the chain that we hold |
| `reorg.py` | how a remote header fits onto it |
| `ranges.py` | which blocks to ask for next, and what a failed request teaches |
| `provider_messages.py` | what a provider's words say about a failure |
| `finality.py` | which blocks can no longer change |
| `agreement.py` | what several endpoints agree upon: head, finalized block, or a dispute |
| `corroboration.py` | whether two endpoints gave the same logs |
| `endpoint_health.py` | how well an endpoint has served, and which one to ask |
| `endpoint_failures.py` | what a failure says about the endpoint |
| `completeness.py` | what a header proves about the logs of its block |
| `blooms.py`, `factor.py` | many values against many blooms; the distinct values of a column |
| `rows_digest.py` | digest of the logs that we keep of a block, and of a range |
| `trie.py` | the root of the trie that holds a block's receipts, or its transactions |
| `receipts.py` | receipts as consensus encodes them, one by one |
| `log_encoding.py` | the encoding of logs from columns |
| `receipt_batch.py` | receipts of many blocks as columns, and the proof that they are all |
| `transactions.py` | whole transactions as consensus encodes them |
| `chain_profiles.py` | chains that commit to less than Ethereum, and what can be proved of them |
| `block_checks.py` | whether a header commits to the receipts and transactions of its block |
| `decode.py` | raw logs to columns, one batch per event |
| `event_values.py` | one raw log to the values of its event |
| `levels.py` | how far it is proved that no event is missing |
| `plan.py` | what is indexed of one chain |
| `ports.py` | what the use cases need of the outside |
| `fetched.py` | a range as it was fetched, and whether it fits onto what we hold |
| `fetch_range.py` | the use case of one range: fetch, prove, decode |
| `blame.py` | a refused answer is asked for again of another endpoint |
| `look.py` | one look at the chain, and the walk down to our chain |
| `failures.py` | what a failed request teaches |
| `disputes.py` | blocks about which endpoints contradict each other |
| `movements.py` | what transfers do to balances, summed on their way to the store |
| `upkeep.py` | proofs of older blocks, balances at the finalized block |
| `backfill.py` | contracts that are added later: their past, beside the index |
| `opening.py` | the index is opened: endpoint and database are what the plan says |
| `sync.py` | the use case: `Indexer.step`, `run_until` |
| `outcomes.py` | what a step did |
| `errors.py` | failures, by what they mean |
| `adapters/` | the node by JSON-RPC, the tables and their one writer, the reads |
"""
