"""Composition root: configuration, wiring, processes, command line, development chain and demo.

| file | what |
|---|---|
| `settings.py` | one TOML file and the environment → `Settings`; nothing else reads either |
| `bootstrap.py` | builds use cases from settings: the only place where real things are chosen |
| `cli/` | the `quittance` command, one module a group |
| `worker.py`, `schedule.py`, `indexing.py`, `serve.py` | the processes |
| `launcher.py` | starts and supervises the processes of `up` and of the demo |
| `embedded/` | Postgres, Redis and anvil as children that cannot outlive us |
| `deploy.py`, `devnet.py` | the contracts on a development chain |
| `demo/` | the whole line on real servers, as a story |
| `migrations/` | the database schema, by Alembic |
| `verify_epoch.py` | the auditor's file: standard library only |
"""
