"""Reads of the API: hand-written SQL over the tables of all packages, on an asynchronous pool."""
