"""What the transfers of tokens add up to, by account, kept at one block.

    facts     … ─ 88 ─ 89 ─ 90 ─ 91 ─ 92 ─ 93
    sums      ────────────── ▲ cursor      ▲ `fold_balances(upto=93)` adds blocks (90, 93]

Each transfer takes its amount from the source and gives it to the target; the zero address mints
and burns, so its balance is minus the supply. Sums are of the transfers that we hold, hence since
the start block, and of what the token says; that they are what the token itself answers is for
reconciliation to find out.

The cursor moves in the transaction of the sums, so a range is added once, whatever crashes. Only
finalized blocks are ever added, so a reorg leaves the sums alone.

The indexer hands over what it has summed itself on the way, where that begins at the cursor. All
else is summed here, from the stored transfers: it comes to the same, and takes far longer.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import Address, BlockNumber, ChainId
from indexer.adapters.load import driver
from indexer.adapters.tables import FACTS, TOKEN_BALANCE, TOKEN_BALANCE_CURSOR
from indexer.movements import Movements

_NOTHING = BlockNumber(-1)

_ADD = text("""
    INSERT INTO token_balance (chain_id, token, account, balance)
    SELECT :chain_id, token, account, :sign * sum(change)
    FROM (
        SELECT address AS token, source AS account, -sum(amount) AS change
        FROM fact_erc20_transfer
        WHERE chain_id = :chain_id AND block_number > :low AND block_number <= :high
            AND (CAST(:tokens AS bytea[]) IS NULL OR address = ANY(CAST(:tokens AS bytea[])))
        GROUP BY address, source
        UNION ALL
        SELECT address, target, sum(amount)
        FROM fact_erc20_transfer
        WHERE chain_id = :chain_id AND block_number > :low AND block_number <= :high
            AND (CAST(:tokens AS bytea[]) IS NULL OR address = ANY(CAST(:tokens AS bytea[])))
        GROUP BY address, target
    ) AS moved
    GROUP BY token, account
    ON CONFLICT (chain_id, token, account)
    DO UPDATE SET balance = token_balance.balance + excluded.balance
""")

_ADD_SUMMED = """
    INSERT INTO token_balance (chain_id, token, account, balance)
    SELECT
        %(chain_id)s,
        substring(%(tokens)b::bytea FROM 20 * place::int - 19 FOR 20),
        substring(%(accounts)b::bytea FROM 20 * place::int - 19 FOR 20),
        change::numeric
    FROM string_to_table(%(changes)s, ',') WITH ORDINALITY AS moved (change, place)
    ON CONFLICT (chain_id, token, account)
    DO UPDATE SET balance = token_balance.balance + excluded.balance
"""
"""Columns go as one value each: to write them as arrays would take as long as to store the rows."""

_PLANNED_BY_HASH = (
    # Nobody has counted freshly loaded rows yet, so the planner expects a few and would sort them.
    text("SET LOCAL enable_sort = off"),
    text("SET LOCAL work_mem = '64MB'"),
)


def fold_balances(db_tx: Connection, chain_id: ChainId, upto: BlockNumber) -> bool:
    """Add the transfers above the cursor, up to a finalized block; whether there were such blocks.

    An account has a row from its first transfer on, also when its balance is zero.
    """
    low = balances_number(db_tx, chain_id)
    if upto <= low:
        return False
    _add(db_tx, chain_id, sign=1, low=low, high=upto)
    _move_cursor(db_tx, chain_id, upto)
    return True


def add_movements(db_tx: Connection, chain_id: ChainId, moved: Movements) -> bool:
    """Add transfers that are summed already; False, and nothing done, if they do not join on."""
    if balances_number(db_tx, chain_id) != moved.above:
        return False
    values = {
        "chain_id": chain_id,
        "tokens": moved.token.tobytes(),
        "accounts": moved.account.tobytes(),
        "changes": ",".join(map(str, moved.change)),
    }
    driver(db_tx).execute(_ADD_SUMMED, values)
    _move_cursor(db_tx, chain_id, moved.upto)
    return True


def fold_added(db_tx: Connection, chain_id: ChainId, tokens: Sequence[Address]) -> None:
    """Add what transfers of tokens that had none before moved, up to where balances stand."""
    high = balances_number(db_tx, chain_id)
    _add(db_tx, chain_id, sign=1, low=_NOTHING, high=high, tokens=tokens)


def unfold_balances(db_tx: Connection, chain_id: ChainId, above: BlockNumber) -> bool:
    """Take back the transfers of blocks above this one; they must still be there.

    The step of a rewind past finality that comes before its deletes. An account whose transfers are
    all taken back keeps a row, of zero.
    """
    high = balances_number(db_tx, chain_id)
    if above >= high:
        return False
    _add(db_tx, chain_id, sign=-1, low=above, high=high)
    if above < 0:
        db_tx.execute(
            delete(TOKEN_BALANCE_CURSOR).where(TOKEN_BALANCE_CURSOR.c.chain_id == chain_id)
        )
    else:
        _move_cursor(db_tx, chain_id, above)
    return True


def balances_number(db_tx: Connection, chain_id: ChainId) -> BlockNumber:
    """The block up to which transfers are added up; -1 before the first."""
    query = select(TOKEN_BALANCE_CURSOR.c.number).where(TOKEN_BALANCE_CURSOR.c.chain_id == chain_id)
    number = db_tx.execute(query).scalar()
    return _NOTHING if number is None else BlockNumber(number)


def token_balance(
    db_tx: Connection, chain_id: ChainId, *, token: Address, account: Address, at: BlockNumber
) -> int:
    """The balance of an account at the end of a block.

    It is the kept sum, plus the transfers between the cursor and the block, or minus them where the
    block is below the cursor. All transfers in between are read: no index finds an account's own.
    """
    held = TOKEN_BALANCE.c
    query = select(held.balance).where(
        held.chain_id == chain_id, held.token == token, held.account == account
    )
    kept: int = db_tx.execute(query).scalar() or 0
    number = balances_number(db_tx, chain_id)
    low, high = sorted((number, at))
    change = _change(db_tx, chain_id, token=token, account=account, low=low, high=high)
    return kept + change if at > number else kept - change


def _change(
    db_tx: Connection, chain_id: ChainId, *, token: Address, account: Address, low: int, high: int
) -> int:
    """What transfers of blocks (low, high] gave an account, minus what they took."""
    facts = FACTS["fact_erc20_transfer"].c
    query = select(facts.source, facts.target, facts.amount).where(
        facts.chain_id == chain_id,
        facts.block_number > low,
        facts.block_number <= high,
        facts.address == token,
        (facts.source == account) | (facts.target == account),
    )
    rows = db_tx.execute(query).all()
    return sum(row.amount * ((row.target == account) - (row.source == account)) for row in rows)


def _add(
    db_tx: Connection,
    chain_id: ChainId,
    *,
    sign: int,
    low: BlockNumber,
    high: BlockNumber,
    tokens: Sequence[Address] | None = None,
) -> None:
    """Add transfers of blocks (low, high], of all tokens or of these, to the sums."""
    for setting in _PLANNED_BY_HASH:
        db_tx.execute(setting)
    some = None if tokens is None else [bytes(token) for token in tokens]
    values = {"chain_id": chain_id, "sign": sign, "low": low, "high": high, "tokens": some}
    db_tx.execute(_ADD, values)


def _move_cursor(db_tx: Connection, chain_id: ChainId, number: BlockNumber) -> None:
    statement = insert(TOKEN_BALANCE_CURSOR).values(chain_id=chain_id, number=number)
    db_tx.execute(
        statement.on_conflict_do_update(
            index_elements=[TOKEN_BALANCE_CURSOR.c.chain_id], set_={"number": number}
        )
    )
