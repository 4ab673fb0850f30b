"""Payouts at the edges: Postgres tables and store, key ownership, the node, the signer."""
