"""Royalties: what every work earned in an epoch, and the Merkle root that commits to it.

The settlement of an epoch is a pure function:
`distribution = settle(inputs, parameters, registry)` in `distribution.py`.

| file | holds |
|---|---|
| `epoch.py` | the timeline: which blocks and which seconds belong to an epoch |
| `inputs.py`, `registry.py`, `parameters.py` | facts, as the three arguments of `settle` |
| `certificate.py`, `completeness.py` | why the logs of an epoch are all the logs, epoch by epoch |
| `quarantine.py` | why a row or a line was left out, and the rows that remain |
| `rulesets.py`, `usercentric_v1.py` | the published formulas |
| `splits.py` | amounts of works, resolved to payees |
| `distribution.py` | `settle`, and what it returns |
| `tree_values.py`, `tree_profiles.py`, `tree.py` | Merkle trees, ours and foreign ones |
| `tree_dump.py` | whole trees as documents that other tools load |
| `canonical.py`, `manifest.py`, `manifest_reading.py`, `bundle.py` | the published spelling |
| `derivation.py` | facts in, everything that is published out |
| `allotment.py`, `derivation_steps.py` | an amount, step by step |
| `explanation.py`, `explanation_parts.py` | why an amount is what it is |
| `difference.py` | two distributions, amount by amount |
| `errors.py` | failures of explaining and comparing |
| `manifest_log.py` | the append-only log of committed manifests (RFC 9162) |
| `compute_epoch.py`, `export.py`, `approve.py`, `commit.py` | the use cases |
"""
