"""Every table of the product in one metadata, and the DDL that SQLAlchemy cannot say.

Importing the packages' `tables` modules registers their tables; nothing else imports this module
but migrations and tests.
"""

from sqlmodel import SQLModel

import api.adapters.tables
import indexer.adapters.statements
import indexer.adapters.status
import indexer.adapters.ticket_tables
import reconciliation.adapters.solvency_tables
import reconciliation.adapters.tables
import settlement.ledger.adapters.schema
import settlement.payments.adapters.gate_tables
import settlement.payments.adapters.tables
import settlement.payouts.adapters.document_tables
import settlement.payouts.adapters.gas_tables
import settlement.payouts.adapters.policy_tables
import settlement.payouts.adapters.signing_tables
import settlement.payouts.adapters.standing_tables
import settlement.payouts.adapters.tables
import settlement.royalties.adapters.shard_tables
import settlement.royalties.adapters.tables

METADATA = SQLModel.metadata

EXTRA_DDL: tuple[str, ...] = (
    *api.adapters.tables.EXTRA_DDL,
    *indexer.adapters.statements.EXTRA_DDL,
    *indexer.adapters.ticket_tables.EXTRA_DDL,
    *settlement.royalties.adapters.tables.EXTRA_DDL,
    *settlement.royalties.adapters.shard_tables.EXTRA_DDL,
    *settlement.ledger.adapters.schema.EXTRA_DDL,
    *settlement.payments.adapters.gate_tables.EXTRA_DDL,
    *settlement.payments.adapters.tables.EXTRA_DDL,
    *settlement.payouts.adapters.tables.EXTRA_DDL,
    *settlement.payouts.adapters.document_tables.EXTRA_DDL,
    *settlement.payouts.adapters.policy_tables.EXTRA_DDL,
    *settlement.payouts.adapters.signing_tables.EXTRA_DDL,
    *settlement.payouts.adapters.gas_tables.EXTRA_DDL,
    *reconciliation.adapters.tables.EXTRA_DDL,
    *reconciliation.adapters.solvency_tables.EXTRA_DDL,
)
