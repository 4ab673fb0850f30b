"""Creator statements in SQL: the queries, the rows that they give, and what the rows mean.

The command line asks with a synchronous driver and the API with an asynchronous one; both run these
queries, with the same named parameters (`StatementQuestion.values`), in one snapshot, and read
NUMERIC as `int`. Which entries count says `period_sql`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import Address, Epoch, Hash32
from reconciliation.adapters.period_sql import (
    AMOUNT,
    CREDIT,
    DEBIT,
    IS_BEFORE,
    IS_INSIDE,
    STANDS,
    booked_contracts,
    period_values,
)
from reconciliation.creator_statements import (
    Aside,
    AssetStatement,
    MoveKind,
    OwnBalance,
    Side,
    Turnover,
    creator_statements,
    move_kind,
)
from reconciliation.period import Period
from settlement.ledger.accounts import AccountKind


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementQuestion:
    """Whose statement, with which settlement, over which period."""

    settlement: Settlement
    payee: Address
    period: Period

    def values(self) -> dict[str, object]:
        """Parameters of every query here."""
        return period_values(self.settlement, self.period) | {"payee": bytes(self.payee)}

    def page_values(self, after: tuple[int, bytes, int] | None, limit: int) -> dict[str, object]:
        """Parameters of `MOVES`: what comes after a place in the journal."""
        time, entry, posting = after or (-1, b"", 0)
        place = {"after_time": time, "after_entry": entry, "after_posting": posting}
        return self.values() | place | {"limit": limit}

    def contracts(self) -> dict[Address, ContractName]:
        """The contracts that have a book, by address."""
        return booked_contracts(self.settlement)


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceRow:
    """`OwnBalance` as it is read."""

    contract: bytes
    asset: bytes
    kind: str
    opening: int
    closing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnoverRow:
    """`Turnover` as it is read."""

    contract: bytes
    asset: bytes
    debit_kind: str
    credit_kind: str
    debit_is_own: bool
    credit_is_own: bool
    epoch: int | None
    subject: bytes | None
    amount: int
    postings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorRow:
    """Up to which block the book of a contract is posted."""

    contract: bytes
    number: int
    hash: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class LastBlockRow:
    """The last block of a period, of those that are posted."""

    number: int
    timestamp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountRow:
    """An amount of one asset."""

    asset: bytes
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRow:
    """One posting of a statement, down to the event that caused its entry."""

    entry_id: bytes
    posting: int
    effective_at: int
    source_kind: str
    source_id: bytes
    contract: bytes
    asset: bytes
    debit_kind: str
    credit_kind: str
    debit_is_own: bool
    credit_is_own: bool
    epoch: int | None
    subject: bytes | None
    part: int | None
    amount: int
    block_number: int | None
    block_hash: bytes | None
    log_index: int | None
    transaction_hash: bytes | None
    sequence: int | None
    sealed_in: int | None
    seal_root: bytes | None

    @property
    def key(self) -> tuple[int, bytes, int]:
        """Its place in the journal's order."""
        return self.effective_at, self.entry_id, self.posting

    def kind(self, contracts: Mapping[Address, ContractName]) -> MoveKind:
        """What it means to the creator."""
        return move_kind(
            Side(kind=AccountKind(self.debit_kind), is_own=self.debit_is_own),
            Side(kind=AccountKind(self.credit_kind), is_own=self.credit_is_own),
            contracts.get(Address(self.contract)),
        )


_MINE = """
    WITH mine AS (
        SELECT id, contract, kind, epoch, work_id, part FROM ledger_account
        WHERE chain_id = %(chain_id)s AND contract = ANY(%(contracts)s::bytea[])
          AND payee = %(payee)s
    )"""

BALANCES = f"""{_MINE}, moves AS (
        SELECT m.contract, p.asset, m.kind, -p.amount AS amount, {IS_BEFORE} AS is_before
        FROM mine m JOIN posting p ON p.debit_account = m.id
        JOIN journal_entry e ON e.id = p.entry_id
        WHERE {STANDS} AND ({IS_BEFORE} OR {IS_INSIDE})
        UNION ALL
        SELECT m.contract, p.asset, m.kind, p.amount, {IS_BEFORE}
        FROM mine m JOIN posting p ON p.credit_account = m.id
        JOIN journal_entry e ON e.id = p.entry_id
        WHERE {STANDS} AND ({IS_BEFORE} OR {IS_INSIDE})
    )
    SELECT contract, asset, kind, coalesce(sum(amount) FILTER (WHERE is_before), 0) AS opening,
           sum(amount) AS closing
    FROM moves GROUP BY contract, asset, kind ORDER BY contract, asset, kind
"""  # noqa: S608 (literals)

_MOVES = f"""{_MINE}, touched AS (
        SELECT p.entry_id, p.ordinal FROM mine m JOIN posting p ON p.debit_account = m.id
        UNION
        SELECT p.entry_id, p.ordinal FROM mine m JOIN posting p ON p.credit_account = m.id
    ), moves AS (
        SELECT e.id AS entry_id, p.ordinal AS posting, e.effective_at, e.source_kind, e.source_id,
               e.contract, p.asset, {AMOUNT} AS amount, e.block_number, e.block_hash, e.chain_id,
               d.kind AS debit_kind, c.kind AS credit_kind,
               d.payee IS NOT DISTINCT FROM %(payee)s AS debit_is_own,
               c.payee IS NOT DISTINCT FROM %(payee)s AS credit_is_own,
               coalesce(d.epoch, c.epoch) AS epoch, coalesce(d.work_id, c.work_id) AS subject,
               coalesce(d.part, c.part) AS part
        FROM touched t
        JOIN posting p ON p.entry_id = t.entry_id AND p.ordinal = t.ordinal
        JOIN journal_entry e ON e.id = p.entry_id
        JOIN ledger_account d ON d.id = {DEBIT}
        JOIN ledger_account c ON c.id = {CREDIT}
        WHERE {STANDS} AND {IS_INSIDE}
    )"""  # noqa: S608 (literals)

TURNOVERS = f"""{_MOVES}
    SELECT contract, asset, debit_kind, credit_kind, debit_is_own, credit_is_own, epoch, subject,
           sum(amount) AS amount, count(*) AS postings
    FROM moves
    GROUP BY contract, asset, debit_kind, credit_kind, debit_is_own, credit_is_own, epoch, subject
    ORDER BY contract, asset, debit_kind, credit_kind, epoch, subject
"""  # noqa: S608 (literals)

MOVES = f"""{_MOVES}, placed AS (
        SELECT m.*, CASE WHEN source_kind = 'log' THEN
               ('x' || encode(substring(source_id from 17 for 8), 'hex'))::bit(64)::bigint
               END AS log_index
        FROM moves m
        WHERE (effective_at, entry_id, posting)
            > (%(after_time)s, %(after_entry)s::bytea, %(after_posting)s)
        ORDER BY effective_at, entry_id, posting LIMIT %(limit)s
    )
    SELECT m.entry_id, m.posting, m.effective_at, m.source_kind, m.source_id, m.contract, m.asset,
           m.debit_kind, m.credit_kind, m.debit_is_own, m.credit_is_own, m.epoch, m.subject, m.part,
           m.amount, m.block_number, m.block_hash, m.log_index, l.transaction_hash,
           k.sequence, s.epoch AS sealed_in, s.root AS seal_root
    FROM placed m
    LEFT JOIN log l ON l.chain_id = m.chain_id AND l.block_number = m.block_number
                   AND l.log_index = m.log_index
    LEFT JOIN ledger_link k ON k.entry_id = m.entry_id
    LEFT JOIN ledger_seal s ON s.chain_id = m.chain_id AND s.contract = m.contract
                           AND k.sequence BETWEEN s.first_sequence AND s.last_sequence
    ORDER BY m.effective_at, m.entry_id, m.posting
"""  # noqa: S608 (literals)

FEES = f"""{_MINE}
    SELECT p.asset, sum({AMOUNT}) AS amount
    FROM (
        SELECT p.entry_id FROM mine m JOIN posting p ON p.debit_account = m.id
        WHERE m.kind IN ('earned', 'owed')
        UNION
        SELECT p.entry_id FROM mine m JOIN posting p ON p.credit_account = m.id
        WHERE m.kind IN ('earned', 'owed')
    ) sold
    JOIN journal_entry e ON e.id = sold.entry_id
    JOIN posting p ON p.entry_id = e.id
    JOIN ledger_account a ON a.id = {CREDIT} AND a.kind = 'platform_fees'
    WHERE {STANDS} AND {IS_INSIDE}
    GROUP BY p.asset ORDER BY p.asset
"""  # noqa: S608 (literals)

_HOLDS = " UNION ALL ".join(
    f"""
        SELECT address, {expires} AS expires_at, block_number, log_index FROM {table}
        WHERE chain_id = %(chain_id)s AND address = ANY(%(contracts)s::bytea[])
          AND account = %(payee)s AND block_number <= %(last_block)s"""  # noqa: S608 (literals)
    for table, expires in (
        ("fact_payee_hold_placed", "expires_at"),
        ("fact_payee_hold_lifted", "0"),
        ("fact_relay_hold_placed", "expires_at"),
        ("fact_relay_hold_lifted", "0"),
        ("fact_batch_hold_placed", "expires_at"),
        ("fact_batch_hold_lifted", "0"),
    )
)

CURSORS = """
    SELECT l.contract, l.block_number AS number, l.block_hash AS hash, l.timestamp
    FROM ledger_cursor l
    WHERE l.chain_id = %(chain_id)s AND l.contract = ANY(%(contracts)s::bytea[])
      AND l.version = coalesce((SELECT max(r.version) FROM ledger_rewind r
          WHERE r.chain_id = l.chain_id AND r.contract = l.contract), 0)
    ORDER BY l.block_number, l.contract
"""

LAST_BLOCK = """
    SELECT coalesce(max(b.number), 0) AS number, coalesce(max(b.timestamp), 0) AS timestamp
    FROM block b
    WHERE b.chain_id = %(chain_id)s AND b.timestamp < %(end)s AND b.number <= %(books)s
"""

HELD = f"""{_MINE}, held_at AS (
        SELECT DISTINCT ON (address) address, expires_at FROM ({_HOLDS}) events
        ORDER BY address, block_number DESC, log_index DESC
    ), verdicts AS (
        SELECT DISTINCT ON (work_id) work_id, is_placed FROM (
            SELECT work_id, true AS is_placed, block_number, log_index FROM fact_verdict_placed
            WHERE chain_id = %(chain_id)s AND address = %(registry)s
              AND block_number <= %(last_block)s
            UNION ALL
            SELECT work_id, false, block_number, log_index FROM fact_verdict_lifted
            WHERE chain_id = %(chain_id)s AND address = %(registry)s
              AND block_number <= %(last_block)s
        ) placed_and_lifted ORDER BY work_id, block_number DESC, log_index DESC
    ), stopped AS (
        SELECT m.id FROM mine m
        LEFT JOIN held_at h ON h.address = m.contract
        LEFT JOIN verdicts v ON v.work_id = m.work_id AND m.contract = %(payouts)s
        WHERE m.kind IN ('payable', 'owed')
          AND (coalesce(h.expires_at, 0) > %(last_time)s OR coalesce(v.is_placed, false))
    ), moves AS (
        SELECT p.asset, p.amount FROM stopped s JOIN posting p ON p.credit_account = s.id
        JOIN journal_entry e ON e.id = p.entry_id
        WHERE {STANDS} AND ({IS_BEFORE} OR {IS_INSIDE})
        UNION ALL
        SELECT p.asset, -p.amount FROM stopped s JOIN posting p ON p.debit_account = s.id
        JOIN journal_entry e ON e.id = p.entry_id
        WHERE {STANDS} AND ({IS_BEFORE} OR {IS_INSIDE})
    )
    SELECT asset, sum(amount) AS amount FROM moves
    GROUP BY asset HAVING sum(amount) <> 0 ORDER BY asset
"""  # noqa: S608 (literals)


def statements_from_rows(
    question: StatementQuestion,
    *,
    balances: Iterable[BalanceRow],
    turnovers: Iterable[TurnoverRow],
    held: Iterable[AmountRow],
    fees: Iterable[AmountRow],
) -> list[AssetStatement]:
    """The statement that the rows make, checked.

    Raises:
        CreatorStatementBroken: the postings do not lead from opening to closing.
    """
    return creator_statements(
        question.payee,
        [_balance(row) for row in balances],
        [_turnover(row) for row in turnovers],
        Aside(
            held={Address(row.asset): int(row.amount) for row in held},
            fees={Address(row.asset): int(row.amount) for row in fees},
        ),
        contracts=question.contracts(),
    )


def _balance(row: BalanceRow) -> OwnBalance:
    return OwnBalance(
        contract=Address(row.contract),
        asset=Address(row.asset),
        kind=AccountKind(row.kind),
        opening=int(row.opening),
        closing=int(row.closing),
    )


def _turnover(row: TurnoverRow) -> Turnover:
    return Turnover(
        contract=Address(row.contract),
        asset=Address(row.asset),
        debit=Side(kind=AccountKind(row.debit_kind), is_own=row.debit_is_own),
        credit=Side(kind=AccountKind(row.credit_kind), is_own=row.credit_is_own),
        epoch=None if row.epoch is None else Epoch(row.epoch),
        subject=None if row.subject is None else Hash32(row.subject),
        amount=int(row.amount),
        postings=row.postings,
    )
