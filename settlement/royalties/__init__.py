"""Royalties: what every work earned in an epoch, and the Merkle root that commits to it.

The settlement of an epoch is a pure function:
`distribution = settle(inputs, parameters, registry)` in `distribution.py`.

| file | holds |
|---|---|
| `epoch.py` | the timeline: which blocks and which seconds belong to an epoch |
| `inputs.py`, `registry.py`, `parameters.py` | facts, as the three arguments of `settle` |
| `certificate.py`, `completeness.py` | why the logs of an epoch are all the logs, epoch by epoch |
| `reasons.py` | why something was left out |
| `submissions.py`, `quarantine.py` | submissions and rows, judged; the rows that remain |
| `rulesets.py`, `usercentric_v1.py` | the published formulas |
| `half_life.py` | the weight of old works |
| `fees.py`, `charging.py` | what is taken of each subscriber's fee |
| `splits.py`, `split_graph.py` | amounts of works, followed to payees |
| `resolution.py` | leaves of works, escrow and suspense |
| `distribution.py` | `settle`, and what it returns |
| `tree_values.py`, `tree_profiles.py`, `tree.py` | Merkle trees, ours and foreign ones |
| `tree_flat.py` | a tree as bytes: built in bulk, stored whole, proofs sliced from it |
| `tree_dump.py` | whole trees as documents that other tools load |
| `tree_claims.py` | the file of claims of Uniswap's distributor |
| `manifest.py`, `manifest_reading.py`, `bundle.py` | the published spelling |
| `frame.py`, `input_digest.py` | what an attempt is made under; the name of its input logs |
| `derivation.py` | facts in, everything that is published out |
| `allotment.py`, `derivation_steps.py` | an amount, step by step |
| `large_part.py` | some subscribers of a large epoch, as one that is held whole |
| `explanation.py` | why a leaf holds what it holds |
| `explanation_parts.py`, `explanation_splits.py`, `explanation_fees.py` | its parts |
| `difference.py` | two distributions, amount by amount |
| `shard_order.py`, `allocate_shards.py` | a large epoch in shards of subscribers, by many workers |
| `shard_ids.py`, `shard_usage.py`, `shard_rules.py` | ids as codes; usage and works as columns |
| `shard_couplings.py`, `shard_judging.py` | submissions and rows, judged on columns |
| `shard_shares.py`, `shard_allocation.py` | largest remainder on columns, exactly |
| `shard_result.py`, `shard_distribution.py` | shards added up; the leaves of their sum |
| `shard_lines.py` | allocations as a stream of lines |
| `shares.py`, `shard_credits.py` | what the store keeps of each fee: whole, or range by range |
| `large_inputs.py`, `compute_large_epoch.py` | a large epoch from streams and shards, same bytes |
| `errors.py` | failures of explaining, comparing and sharding |
| `manifest_log.py` | the append-only log of committed manifests (RFC 9162) |
| `compute_epoch.py`, `export.py`, `approve.py`, `commit.py` | the use cases |
"""
