"""What must hold after every step, whatever has happened."""

from collections import Counter
from collections.abc import Iterable, Sequence

from contracts.calls import EpochState, EpochStatus
from contracts.evm import Timestamp
from contracts.leaves import Leaf
from settlement.ledger.accounts import (
    CASH,
    LIABILITIES,
    Account,
    committed,
    fees,
    paid_in,
    unallocated,
    unclaimed,
)
from settlement.ledger.activation import line_account
from settlement.ledger.journal import EntryStatus
from settlement.payouts.gas import TRANSACTION_GAS_MAX
from settlement.payouts.operation import CLOSING_FATES, Fate, Kind, LeafSubject, Operation, Outcome
from settlement.payouts.view import Usage
from tests.fakes_payout_chain import MemoryStore
from tests.ledger_builders import ASSET
from tests.simulation.chain import Block, State, Transaction
from tests.simulation.contract import SENDER, op_id_of
from tests.simulation.database import Database, SimulatedBooks
from tests.simulation.limits import LIMITS
from tests.simulation.node import Node, usage_in
from tests.simulation.settlement import Index, Royalties


class Violation(AssertionError):
    """An invariant does not hold."""


def require(holds: object, what: str) -> None:
    """Name what does not hold."""
    if not holds:
        raise Violation(what)


class Invariants:
    """Checks a world; remembers what it saw, for what must never change or shrink."""

    def __init__(self, node: Node, database: Database, index: Index, royalties: Royalties) -> None:
        self._node, self._network, self._database = node, node.network, database
        self._index, self._royalties = index, royalties
        self._last_store, self._last_books = MemoryStore(), SimulatedBooks()
        self._network.on_arrival = self.arrived

    def arrived(self, one: Transaction) -> None:
        """Nothing reaches the network that is not committed in the database."""
        stored = {each.tx_hash for each in self._database.store.transactions}
        require(one.tx_hash in stored, f"nonce {one.nonce} was sent before it was stored")

    def check(self) -> None:
        """Everything, as far as it can have changed."""
        store, books = self._database.store, self._database.books
        self._paid_at_most_once(store)
        self._one_open_nonce(store)
        if store is not self._last_store:
            self._nothing_forgotten(store)
            self._nonces_in_turn(store)
            self._within_limits(store)
            self._outcomes_true(store.outcomes[len(self._last_store.outcomes) :], store)
            self._last_store = store
        if books is not self._last_books:
            self._books_balance(books)
            self._books_equal_chain(books)
            self._reserved_money_is_there(books)
            self._last_books = books
        self._planned_from_posted_entries(store, books)
        self._node.is_honest = True  # until it lies again

    def _paid_at_most_once(self, store: MemoryStore) -> None:
        """On chain; and by what we signed, even if the contract kept no flags."""
        state = self._network.state
        for (op_id, line), times in state.paid.items():
            require(times <= 1, f"line {line} of {op_id} was paid {times} times")
        aims = {
            (sender, nonce, store.operations[op_id].event_op_id): store.operations[op_id]
            for op_id, sender, nonce in store.inclusions
        }
        for one in state.reached:
            aim = aims.get((one.sender, one.nonce, one.leaf_op_id))
            require(aim, f"nonce {one.nonce} reached leaf {one.leaf_op_id} without a plan")
            again = one.ours_before & ~_settled(aim)
            require(not again, f"nonce {one.nonce} was to pay {again:#b} of {one.leaf_op_id} again")

    def _one_open_nonce(self, store: MemoryStore) -> None:
        """No two nonces that can still run can pay one leaf, or make one commit."""
        spent = self._index.block.state.counts[SENDER]
        carried = {
            (store.operations[op_id].event_op_id, nonce)
            for op_id, _, nonce in store.inclusions
            if nonce >= spent
        }
        twice = [op_id for op_id, times in Counter(one for one, _ in carried).items() if times > 1]
        require(not twice, f"several open nonces for {sorted(twice)[:1]}")
        in_flight = len({nonce for _, nonce in carried})
        most = LIMITS.in_flight_max
        require(in_flight <= most, f"{in_flight} nonces in flight, {most} allowed")

    def _nothing_forgotten(self, store: MemoryStore) -> None:
        last = self._last_store
        require(store.operations.items() >= last.operations.items(), "an operation is lost")
        require(store.inclusions >= last.inclusions, "what a nonce carries is lost")
        require(_begins(store.transactions, last.transactions), "a signed transaction is lost")
        require(_begins(store.outcomes, last.outcomes), "an outcome is lost")
        hashes = {one.tx_hash for one in store.transactions}
        lost = self._network.seen.keys() - hashes
        require(not lost, f"the network has {len(lost)} hashes that are not stored")

    def _nonces_in_turn(self, store: MemoryStore) -> None:
        taken = {one.nonce for one in store.transactions}
        for one in store.adoptions:
            taken.update(range(one.first_nonce, one.next_nonce))
        nonces = sorted(taken)
        is_whole = nonces == list(range(nonces[0], nonces[-1] + 1)) if nonces else True
        require(is_whole, f"nonces {nonces} leave a gap")

    def _within_limits(self, store: MemoryStore) -> None:
        caps = LIMITS.caps
        for one in store.transactions[len(self._last_store.transactions) :]:
            is_bid = one.tip_wei <= one.max_fee_wei <= caps.max_fee_wei
            require(is_bid and one.tip_wei <= caps.tip_wei, f"nonce {one.nonce} bids too much")
            require(one.gas <= TRANSACTION_GAS_MAX, f"nonce {one.nonce} has {one.gas} gas")

    def _outcomes_true(self, outcomes: Iterable[Outcome], store: MemoryStore) -> None:
        """What is recorded is final, and so at the block that the outcome names or before."""
        final = self._index.block
        for one in outcomes:
            operation = store.operations[one.op_id]
            usage = usage_in(final.state, operation)
            named = f"{one.fate} of {one.op_id}"
            require(one.block_number <= final.ref.number, f"{named} rests on a block not final")
            if one.fate in CLOSING_FATES:
                require(usage in (Usage.SETTLED, Usage.SUPERSEDED), f"{named}, but it is {usage}")
            if one.nonce is not None:
                spent = final.state.counts[SENDER]
                require(one.nonce < spent, f"{named}, but nonce {one.nonce} is open")
            if self._node.is_honest:
                self._attributed(one, store, named)

    def _attributed(self, one: Outcome, store: MemoryStore, named: str) -> None:
        """A node that told the truth is read as it meant it."""
        operation = store.operations[one.op_id]
        at = self._index.block.ancestor(one.block_number).state
        nonces = {nonce for op_id, _, nonce in store.inclusions if op_id == one.op_id}
        spent = {nonce for nonce in nonces if nonce < at.counts[SENDER]}
        mined = {
            each.nonce: at.receipts[each.tx_hash]
            for each in store.transactions
            if each.nonce in spent and each.tx_hash in at.receipts
        }
        noops = {each.tx_hash for each in store.transactions if each.is_noop}
        if one.tx_hash in noops:
            require(one.fate is Fate.DISPLACED, f"{named} by a no-op")
        elif one.tx_hash is not None and one.nonce is not None:
            receipt = mined.get(one.nonce)
            require(receipt and receipt.tx_hash == one.tx_hash, f"{named} by what was not mined")
            assert receipt is not None
            is_settling = operation.event_op_id in receipt.settled
            require(is_settling == (one.fate is Fate.SETTLED), f"{named}: settled {is_settling}")
            is_reverted = one.fate is Fate.REVERTED
            require(receipt.is_success != is_reverted, f"{named}: success {receipt.is_success}")
        elif one.fate is Fate.DISPLACED:
            require(one.nonce not in mined, f"{named}, but nonce {one.nonce} was mined")
        elif one.fate in (Fate.SETTLED_ELSEWHERE, Fate.SETTLED_UNSEEN):
            settling = [n for n, each in mined.items() if operation.event_op_id in each.settled]
            require(not settling, f"{named}, but nonces {settling} settled it")
            is_unseen = bool(spent - mined.keys())
            require(is_unseen == (one.fate is Fate.SETTLED_UNSEEN), f"{named}: {is_unseen=}")

    def _planned_from_posted_entries(self, store: MemoryStore, books: SimulatedBooks) -> None:
        """Each withdrawal has one reservation of its own in the books."""
        planned = Counter(
            one.event_op_id for one in store.operations.values() if one.kind is Kind.WITHDRAW
        )
        reserved = {op_id: one.attempt for op_id, one in books.reservations().items()}
        require(dict(planned) == reserved, "operations and reservations of the books differ")

    def _books_balance(self, books: SimulatedBooks) -> None:
        balances = books.all_posted()
        for (account, _), units in balances.items():
            require(units >= 0, f"{account.path} holds {units}")
        owed = sum(units for (one, _), units in balances.items() if one.kind in LIABILITIES)
        cash = balances.get((CASH, ASSET), 0)
        require(owed == cash, f"the books owe {owed} and hold {cash}")

    def _books_equal_chain(self, books: SimulatedBooks) -> None:
        """Every balance, at the block up to which the books are posted."""
        cursor = books.cursor()
        if cursor is None:
            return
        block = self._index.block.ancestor(cursor.number)
        require(block.ref == cursor, "the books rest on a block that is not final")
        wanted = expected_balances(block, self._royalties)
        found = {one: units for (one, _), units in books.all_posted().items() if units}
        for account in wanted.keys() | found.keys() if wanted != found else ():
            pair = (found.get(account, 0), wanted.get(account, 0))
            require(pair[0] == pair[1], f"{account.path}: books {pair[0]}, chain {pair[1]}")

    def _reserved_money_is_there(self, books: SimulatedBooks) -> None:
        balances = books.all_posted()
        for op_id, last in books.reservations().items():
            if last.outcome is not None:
                continue
            source = op_id + last.attempt.to_bytes(4, "big")
            for entry in books.entries.values():
                if entry.status is not EntryStatus.PENDING or entry.source.id != source:
                    continue
                for one in entry.postings:
                    units = balances.get((one.debit, one.asset), 0)
                    require(units == one.amount, f"{one.amount} of {units} reserved on {op_id}")


def expected_balances(block: Block, royalties: Royalties) -> dict[Account, int]:
    """The books as the chain has them after a block."""
    state, found = block.state, Counter[Account]()
    found[CASH] = state.cash
    for payee, units in state.unclaimed.items():
        found[unclaimed(payee)] += units
    for epoch, units in state.paid_in.items():
        one = state.epoch(epoch)
        if one.status is EpochStatus.NONE:
            found[paid_in(epoch)] += units
            continue
        leaves = royalties.distribution(epoch, one.attempt).leaves
        found[unallocated(epoch)] += units - sum(leaf.amount for leaf in leaves)
        for leaf in leaves:
            found.update(_of_leaf(leaf, state, one, block.ref.timestamp))
    return {account: units for account, units in found.items() if units}


def _of_leaf(leaf: Leaf, state: State, epoch: EpochState, now: Timestamp) -> dict[Account, int]:
    if now < epoch.active_at:
        waiting = fees(leaf.epoch) if leaf.work_id[0] else committed(leaf.epoch)
        return {waiting: leaf.amount}
    bits = state.lines.get(op_id_of(leaf), 0)
    return {
        line_account(leaf, line): line.amount
        for number, line in enumerate(leaf.lines)
        if not bits >> number & 1
    }


def _settled(operation: Operation | None) -> int:
    subject = operation.subject if operation else None
    return subject.settled if isinstance(subject, LeafSubject) else 0


def _begins(longer: Sequence[object], shorter: Sequence[object]) -> bool:
    return list(longer[: len(shorter)]) == list(shorter)
