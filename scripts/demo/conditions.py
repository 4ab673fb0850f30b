"""What the story waits for: questions to the chain, the index, the books and the payouts."""

from sqlalchemy import select

from contracts.evm import Address, Epoch
from contracts.money_events import EpochCommitted
from indexer.adapters.reads import FactReads
from scripts.bootstrap_settlement import book_of
from scripts.demo.outcome import settled_epochs
from scripts.demo.scenes import GRACE_S
from scripts.demo.theatre import Theatre
from scripts.wiring import LedgerReservations, paying_contracts
from settlement.ledger.accounts import AccountKind
from settlement.ledger.adapters.reads import LedgerReads
from settlement.payouts.adapters.ownership import PayoutsOwner
from settlement.payouts.adapters.store import SqlPayoutStore
from settlement.payouts.adapters.tables import PAYOUT_TRANSACTION
from settlement.royalties.adapters.attempts import ComputedAttempt, ComputedAttempts


def holds_head(theatre: Theatre) -> bool:
    """Whether the index holds the newest block of the chain."""
    settlement = theatre.settlement
    number, _ = theatre.node.head()
    wanted = theatre.node.request("eth_getBlockByNumber", hex(number), False)["hash"]
    held = theatre.read(lambda connection: FactReads(connection, settlement).head())
    return held is not None and str(held.hash) == wanted


def is_final_on_chain(theatre: Theatre, epoch: Epoch) -> bool:
    """Whether the chain itself would allow the epoch to be computed."""
    finalized = theatre.node.request("eth_getBlockByNumber", "finalized", False)
    grace_end = theatre.scenes.epoch_start(Epoch(epoch + 1)) + GRACE_S
    head, _ = theatre.node.head()
    depth = theatre.chain.finality_depth_blocks
    number = min(int(finalized["number"], 16), head - depth)
    block = theatre.node.request("eth_getBlockByNumber", hex(max(number, 0)), False)
    return int(block["timestamp"], 16) >= grace_end


def latest_attempt(theatre: Theatre) -> ComputedAttempt | None:
    """The newest attempt that the engine computed."""
    settlement = theatre.settlement
    return theatre.read(
        lambda connection: ComputedAttempts(connection).latest(
            settlement.chain_id, settlement.payouts
        )
    )


def is_computed(theatre: Theatre, epoch: Epoch, attempt: int = 1) -> bool:
    """Whether the engine's newest attempt is this one."""
    latest = latest_attempt(theatre)
    return latest is not None and (latest.epoch, latest.attempt) == (epoch, attempt)


def is_committed(theatre: Theatre, epoch: Epoch, attempt: int) -> bool:
    """Whether an attempt is committed by a final block."""
    settlement = theatre.settlement

    def attempts(facts: FactReads) -> list[int]:
        finalized = facts.finalized()
        events = [] if finalized is None else facts.commitments(epoch, finalized)
        return [event.attempt for event in events if isinstance(event, EpochCommitted)]

    return attempt in theatre.read(lambda connection: attempts(FactReads(connection, settlement)))


def is_stored_unseen(theatre: Theatre) -> bool:
    """Whether the worker stored a signed transaction that the gateway kept from the node."""
    if not theatre.gateway.has_held.is_set():
        return False
    newest = select(PAYOUT_TRANSACTION.c.tx_hash).order_by(PAYOUT_TRANSACTION.c.nonce.desc())
    tx_hash = theatre.read(lambda connection: connection.scalar(newest.limit(1)))
    return theatre.node.request("eth_getTransactionByHash", str(tx_hash)) is None


def is_paid(theatre: Theatre, epoch: Epoch) -> bool:
    """Whether the books owe nothing on this epoch that neither verdict nor hold keeps back."""
    settlement = theatre.settlement
    result = theatre.read(lambda connection: settled_epochs(connection, settlement))
    amounts = {one.number: one.amounts for one in result.epochs}[epoch]
    owed = amounts["allocated"] + amounts["fees"]
    placed = amounts["withdrawn"] + amounts["unclaimed"] + amounts["held"]
    return amounts["allocated"] > 0 and owed == placed


def owed_to(theatre: Theatre, payee: Address, epoch: Epoch) -> int:
    """What the books owe a payee for an epoch."""
    book = book_of(theatre.settlement)
    balances = theatre.read(
        lambda connection: LedgerReads(connection, book).balances(
            kind=AccountKind.PAYABLE, epoch=epoch, payee=payee
        )
    )
    return sum(balance.posted for balance in balances)


def are_operations_closed(theatre: Theatre) -> bool:
    """Whether everything that the worker ever planned is over."""
    settlement = theatre.settlement
    contracts = paying_contracts(settlement)
    with theatre.engine.connect() as connection:
        store = SqlPayoutStore(
            PayoutsOwner(connection, session=None),
            settlement.chain_id,
            contracts,
            LedgerReservations(),
        )
        return store.open_count() == 0
