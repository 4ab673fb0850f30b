"""Which entries a period has, in SQL: conditions over `journal_entry e` and `posting p`.

All queries that use them take the parameters of `period_values`.
"""

from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import Address
from indexer.adapters.book_reads import BOOKED_CONTRACTS
from reconciliation.period import Period

_BIGINT_MAX = 2**63 - 1

IS_BEFORE = (
    "CASE WHEN %(month)s::int IS NULL THEN e.effective_at < %(start)s ELSE e.period < %(month)s END"
)
IS_INSIDE = (
    "CASE WHEN %(month)s::int IS NULL THEN e.effective_at >= %(start)s AND e.effective_at < %(end)s"
    " ELSE e.period = %(month)s END"
)
_IS_CURRENT = """NOT EXISTS (
    SELECT FROM ledger_rewind r
    WHERE r.chain_id = e.chain_id AND r.contract = e.contract AND r.version > e.version)"""

_WAS_CLOSED = """EXISTS (
    SELECT FROM ledger_period_close k JOIN ledger_rewind r USING (chain_id, contract)
    WHERE k.chain_id = {entry}.chain_id AND k.contract = {entry}.contract
      AND k.period = {entry}.period AND r.version = {entry}.version + 1
      AND k.recorded_at < r.recorded_at)"""

_OF_CLOSED = f"""CASE e.source_kind WHEN 'rewind' THEN EXISTS (
    SELECT FROM journal_entry o
    WHERE o.id = substring(e.source_id FROM 5) AND {_WAS_CLOSED.format(entry="o")})
    ELSE {_WAS_CLOSED.format(entry="e")} END"""  # noqa: S608 (literals)

STANDS = f"""p.status = 'posted' AND (
    e.source_kind <> 'rewind' AND {_IS_CURRENT}
    OR %(month)s::int IS NOT NULL AND {_OF_CLOSED})"""
"""Posted, of the current version of its book.

By months, a version that was rewound counts on in months that were closed by then: their statements
stay as they were given, and the reversing entries, with what was posted again, go to the first open
month.
"""

DEBIT = "CASE e.source_kind WHEN 'rewind' THEN p.credit_account ELSE p.debit_account END"
CREDIT = "CASE e.source_kind WHEN 'rewind' THEN p.debit_account ELSE p.credit_account END"
AMOUNT = "CASE e.source_kind WHEN 'rewind' THEN -p.amount ELSE p.amount END"
"""A reversing posting of a rewind is the posting that it reverses, with the amount below zero."""


def booked_contracts(settlement: Settlement) -> dict[Address, ContractName]:
    """The contracts of a settlement that money goes through."""
    payments = {
        address: name for name, address in settlement.payments.items() if name in BOOKED_CONTRACTS
    }
    return {settlement.payouts: ContractName.EPOCH_PAYOUTS} | payments


def period_values(settlement: Settlement, period: Period) -> dict[str, object]:
    """Parameters that say which books and which entries."""
    registry = settlement.contracts[ContractName.WORK_REGISTRY]
    return {
        "chain_id": settlement.chain_id,
        "contracts": [bytes(address) for address in booked_contracts(settlement)],
        "payouts": bytes(settlement.payouts),
        "registry": bytes(registry),
        "month": period.month,
        "start": period.start,
        "end": min(period.end, _BIGINT_MAX),
    }
