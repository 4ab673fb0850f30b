"""Every table of the product in one metadata, and the DDL that SQLAlchemy cannot say.

Importing the packages' `tables` modules registers their tables; nothing else imports this module
but migrations and tests.
"""

from sqlmodel import SQLModel

import indexer.adapters.statements
import indexer.adapters.status
import reconciliation.adapters.tables
import settlement.ledger.adapters.tables
import settlement.payouts.adapters.policy_tables
import settlement.payouts.adapters.signing_tables
import settlement.payouts.adapters.tables
import settlement.royalties.adapters.shard_tables
import settlement.royalties.adapters.tables

METADATA = SQLModel.metadata

EXTRA_DDL: tuple[str, ...] = (
    *indexer.adapters.statements.EXTRA_DDL,
    *settlement.royalties.adapters.tables.EXTRA_DDL,
    *settlement.royalties.adapters.shard_tables.EXTRA_DDL,
    *settlement.ledger.adapters.tables.EXTRA_DDL,
    *settlement.payouts.adapters.tables.EXTRA_DDL,
    *settlement.payouts.adapters.policy_tables.EXTRA_DDL,
    *settlement.payouts.adapters.signing_tables.EXTRA_DDL,
    *reconciliation.adapters.tables.EXTRA_DDL,
)
