"""The database schema, by Alembic: one linear history, run by `quittance db migrate`."""
