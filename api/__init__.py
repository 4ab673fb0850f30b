"""The API: answers about chain and books over HTTP, each from one snapshot of the database.

Three things are written: nonces, sessions, and what is told about payments.

| file | holds |
|---|---|
| `app.py` | `create_app(deps)`: middleware, handlers, routers |
| `context.py` | dependencies and limits; what a request can reach |
| `routes/` | parse → read → schema, one file per resource |
| `schemas/`, `fields.py` | shapes of answers; how EVM types are spelled in them |
| `adapters/` | hand-written SQL, each query at one finalized block |
| `epoch_state.py`, `payout_state.py` | states, derived and never stored |
| `proofs.py`, `trees.py` | making and checking proofs; Merkle trees kept in memory |
| `earnings.py`, `explanations.py` | pages of what was earned, and why |
| `ledger.py` | entries, seals and proofs of the journal |
| `pagination.py`, `conditional.py` | cursors; ETag and 304 |
| `problem_details.py`, `errors.py` | failures, by what they mean, as RFC 9457 documents |
| `siwe*.py`, `auth*.py`, `sessions.py` | signing in (EIP-4361), who asks, and for how long |
| `rate_limits*.py`, `security_headers.py` | how often one may ask; headers of every answer |
| `middleware.py`, `metrics.py`, `readings.py`, `heads.py` | bounds, numbers for a monitor |
| `openapi.py` | writes `openapi.json`, which is committed |
"""
