"""Composition root: configuration, wiring, processes, command line, development chain and demo.

| file | what |
|---|---|
| `settings.py` | one TOML file and the environment → `Settings`; nothing else reads either |
| `bootstrap.py` | opens the database, and brings its schema up to date |
| `bootstrap_indexer.py` | builds the indexer of a chain from settings: real things are chosen |
| `bootstrap_settlement.py` | and the jobs and views of a settlement, likewise |
| `cli/` | the `quittance` command, one module a group, imported when it is called |
| `index.py`, `worker.py`, `schedule.py`, `serve.py` | the processes |
| `indexing.py` | the indexing of one chain, from the first contact to the end |
| `launcher.py` | starts and supervises the processes of `up` and of the demo |
| `embedded/` | Postgres, Redis and anvil as children that cannot outlive us |
| `deploy.py`, `devnet.py` | the contracts on a development chain |
| `demo/` | the whole line on real servers, as a story |
| `migrations/` | the database schema, by Alembic |
| `verify_epoch.py` | the auditor's file: standard library only |
"""
