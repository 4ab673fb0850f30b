"""Postgres and the node, as payments need them."""
