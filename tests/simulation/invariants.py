"""What must hold after every step, whatever has happened."""

from collections import Counter
from collections.abc import Iterable, Sequence

from contracts.evm import Address, Hash32
from settlement.ledger.journal import EntryStatus
from settlement.payouts.gas import TRANSACTION_GAS_MAX
from settlement.payouts.operation import (
    CLOSING_FATES,
    Fate,
    Kind,
    LeafSubject,
    Operation,
    Outcome,
    SignedTransaction,
)
from settlement.payouts.view import Usage
from tests.fakes_payout_chain import MemoryStore
from tests.ledger_builders import BOOK
from tests.simulation.calls import BATCH, CONTRACTS, RELAY
from tests.simulation.chain import KEYS, Settled, Transaction
from tests.simulation.database import Database, SimulatedBooks
from tests.simulation.expected import (
    Balances,
    batch_balances,
    is_of_owner,
    relay_balances,
    settlement_balances,
)
from tests.simulation.limits import LIMITS
from tests.simulation.node import Node, usage_in
from tests.simulation.papers import Papers
from tests.simulation.settlement import Index, Royalties
from tests.simulation.signed_calls import SignedCalls
from tests.simulation.violation import Violation, require


class Invariants:
    """Checks a world; remembers what it saw, for what must never change or shrink."""

    def __init__(
        self,
        node: Node,
        database: Database,
        index: Index,
        royalties: Royalties,
        papers: Papers,
    ) -> None:
        self._node, self._network, self._database = node, node.network, database
        self._index, self._royalties, self._papers = index, royalties, papers
        self._last_store = MemoryStore()
        self._last_books = dict.fromkeys(CONTRACTS, SimulatedBooks())
        self._forgotten: set[Hash32] = set()
        self.signed = SignedCalls(self._network)
        self._network.on_arrival = self.arrived

    def arrived(self, one: Transaction) -> None:
        """Nothing reaches the network that is not committed in the database, or was before."""
        is_stored = one.tx_hash in self._database.store.signed_at
        is_known = is_stored or one.tx_hash in self._forgotten
        require(is_known, f"nonce {one.nonce} was sent before it was stored")

    def restored(self, lost: MemoryStore) -> None:
        """An older database is in force: what it does not have was signed all the same."""
        store = self._database.store
        self._forgotten |= lost.signed_at.keys()
        self._forgotten -= store.signed_at.keys()
        self._last_store = store
        self._last_books = {one: self._database.books_of(one) for one in CONTRACTS}

    def check(self) -> None:
        """Everything, as far as it can have changed."""
        store = self._database.store
        self._paid_at_most_once(store)
        self._one_open_nonce(store)
        if store is not self._last_store:
            self._nothing_forgotten(store)
            self._nonces_in_turn(store)
            new = store.transactions[len(self._last_store.transactions) :]
            self._within_limits(new)
            self.signed.check(new, store, self._node.heads)
            self._nothing_new_while_unsettled(store)
            self._outcomes_true(store.outcomes[len(self._last_store.outcomes) :], store)
        for contract in CONTRACTS:
            books = self._database.books_of(contract)
            is_new = books is not self._last_books[contract]
            if is_new:
                self._books_balance(books)
                self._books_equal_chain(books)
                self._reserved_money_is_there(books)
                self._last_books[contract] = books
            if is_new or store is not self._last_store:
                self._planned_from_posted_entries(store, books)
        self._last_store = store
        self._node.is_honest = True  # until it lies again
        self._node.heads.clear()

    def _paid_at_most_once(self, store: MemoryStore) -> None:
        """On chain; and by what we signed, even if the contract kept no flags.

        Of what a restored backup has forgotten, only the contract's flags are to keep us.
        """
        state = self._network.state
        twice = [key for key, times in state.paid.items() if times > 1]
        require(not twice, f"paid more than once, as (operation, line): {twice}")
        aims = {
            (sender, nonce, store.operations[op_id].event_op_id): store.operations[op_id]
            for op_id, sender, nonce in store.inclusions
        }
        for one in state.reached:
            if one.tx_hash in self._forgotten and one.tx_hash not in store.signed_at:
                continue
            aim = aims.get((one.sender, one.nonce, one.op_id))
            if aim is None:
                raise Violation(f"nonce {one.nonce} reached {one.op_id} without a plan")
            again = self._remembered(one.ours_before, store) & ~_settled(aim)
            if again:
                raise Violation(f"nonce {one.nonce} was to pay {again:#b} of {one.op_id} again")

    def _remembered(self, before: Iterable[Settled], store: MemoryStore) -> int:
        return sum(one.bits for one in before if one.by in store.signed_at)

    def _one_open_nonce(self, store: MemoryStore) -> None:
        """No two nonces that can still run, of any key, can pay one leaf, or make one commit."""
        spent = self._index.block.state.counts
        carried = {
            (store.operations[op_id].event_op_id, (sender, nonce))
            for op_id, sender, nonce in store.inclusions
            if nonce >= spent[sender]
        }
        twice = [op_id for op_id, times in Counter(one for one, _ in carried).items() if times > 1]
        require(not twice, f"several open nonces for {sorted(twice)[:1]}")
        in_flight = Counter(sender for sender, _ in {place for _, place in carried})
        most = LIMITS.in_flight_max
        is_within = max(in_flight.values(), default=0) <= most
        require(is_within, f"{dict(in_flight)} nonces in flight, {most} allowed")

    def _nothing_forgotten(self, store: MemoryStore) -> None:
        last = self._last_store
        require(store.operations.items() >= last.operations.items(), "an operation is lost")
        require(store.inclusions >= last.inclusions, "what a nonce carries is lost")
        require(_begins(store.transactions, last.transactions), "a signed transaction is lost")
        require(_begins(store.outcomes, last.outcomes), "an outcome is lost")
        lost = self._network.seen.keys() - store.signed_at.keys() - self._forgotten
        require(not lost, f"the network has {len(lost)} hashes that are not stored")

    def _nonces_in_turn(self, store: MemoryStore) -> None:
        for key in KEYS:
            taken = {one.nonce for one in store.transactions if one.sender == key}
            for one in store.adoptions:
                if one.sender == key:
                    taken.update(range(one.first_nonce, one.next_nonce))
            nonces = sorted(taken)
            is_whole = nonces == list(range(nonces[0], nonces[-1] + 1)) if nonces else True
            require(is_whole, f"nonces {nonces} of {key} leave a gap")

    def _within_limits(self, new: Iterable[SignedTransaction]) -> None:
        caps = LIMITS.caps
        for one in new:
            is_bid = one.tip_wei <= one.max_fee_wei <= caps.max_fee_wei
            require(is_bid and one.tip_wei <= caps.tip_wei, f"nonce {one.nonce} bids too much")
            require(one.gas <= TRANSACTION_GAS_MAX, f"nonce {one.nonce} has {one.gas} gas")

    def _nothing_new_while_unsettled(self, store: MemoryStore) -> None:
        """No new nonce of a key while one may be spent by what we do not know of."""
        for key in KEYS:
            self._nothing_new_of(key, store)

    def _nothing_new_of(self, key: Address, store: MemoryStore) -> None:
        spent = self._index.block.state.counts[key]
        before = {one.nonce for one in self._last_store.transactions if one.sender == key}
        first: dict[int, bool] = {}
        for one in store.transactions:
            if one.sender == key:
                first.setdefault(one.nonce, one.is_noop)
        unknown = {nonce for nonce, is_filler in first.items() if is_filler and nonce >= spent}
        for adoption in store.adoptions:
            if adoption.sender == key:
                unknown.update(range(max(spent, adoption.first_nonce), adoption.next_nonce))
        signed = {nonce for nonce, is_filler in first.items() if not is_filler} - before
        is_early = signed and unknown and max(signed) > min(unknown)
        require(not is_early, f"nonces {sorted(signed)} signed, {sorted(unknown)} unknown")

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
            if one.nonce is not None and one.sender is not None:
                spent = final.state.counts[one.sender]
                require(one.nonce < spent, f"{named}, but nonce {one.nonce} is open")
            is_by_ours = one.fate in (Fate.SETTLED, Fate.REVERTED, Fate.REFUSED)
            require(one.tx_hash or not is_by_ours, f"{named}, by no transaction")
            if self._node.is_honest:
                self._attributed(one, store, named)

    def _attributed(self, one: Outcome, store: MemoryStore, named: str) -> None:
        """A node that told the truth is read as it meant it."""
        operation = store.operations[one.op_id]
        at = self._index.block.ancestor(one.block_number).state
        places = {(who, nonce) for op_id, who, nonce in store.inclusions if op_id == one.op_id}
        spent = {(who, nonce) for who, nonce in places if nonce < at.counts[who]}
        mined = {
            (each.sender, each.nonce): at.receipts[each.tx_hash]
            for each in store.transactions
            if (each.sender, each.nonce) in spent and each.tx_hash in at.receipts
        }
        noops = {each.tx_hash for each in store.transactions if each.is_noop}
        if one.tx_hash in noops:
            require(one.fate is Fate.DISPLACED, f"{named} by a no-op")
        elif one.tx_hash is not None and one.nonce is not None:
            receipt = mined.get(_place(one))
            require(receipt and receipt.tx_hash == one.tx_hash, f"{named} by what was not mined")
            assert receipt is not None
            is_settling = operation.event_op_id in receipt.settled
            require(is_settling == (one.fate is Fate.SETTLED), f"{named}: settled {is_settling}")
            is_reverted = one.fate is Fate.REVERTED
            require(receipt.is_success != is_reverted, f"{named}: success {receipt.is_success}")
        elif one.fate is Fate.DISPLACED:
            require(_place(one) not in mined, f"{named}, but nonce {one.nonce} was mined")
        elif one.fate in (Fate.SETTLED_ELSEWHERE, Fate.SETTLED_UNSEEN):
            settling = [n for n, each in mined.items() if operation.event_op_id in each.settled]
            require(not settling, f"{named}, but nonces {settling} settled it")
            is_unseen = bool(spent - mined.keys())
            require(is_unseen == (one.fate is Fate.SETTLED_UNSEEN), f"{named}: {is_unseen=}")

    def _planned_from_posted_entries(self, store: MemoryStore, books: SimulatedBooks) -> None:
        """Each payment has one reservation of its own in the books of who pays it."""
        planned = Counter(
            one.event_op_id
            for one in store.operations.values()
            if one.kind is not Kind.COMMIT and one.contract == books.book.contract
        )
        reserved = {op_id: one.attempt for op_id, one in books.reservations().items()}
        require(dict(planned) == reserved, "operations and reservations of the books differ")

    def _books_balance(self, books: SimulatedBooks) -> None:
        """Nothing is below zero, and what is held is somebody's: theirs, or the owner's."""
        sums: Counter[bytes] = Counter()
        for (account, asset), units in books.all_posted().items():
            if units < 0:
                raise Violation(f"{account.path} holds {units}")
            sums[asset] += -units if is_of_owner(account) else units
        require(not any(sums.values()), f"the books of {books.book.contract} do not balance")

    def _books_equal_chain(self, books: SimulatedBooks) -> None:
        """Every balance, at the block up to which the books are posted."""
        cursor = books.cursor()
        if cursor is None:
            return
        block = self._index.block.ancestor(cursor.number)
        require(block.ref == cursor, "the books rest on a block that is not final")
        wanted: Balances
        if books.book.contract == BOOK.contract:
            wanted = settlement_balances(block, self._royalties)
        elif books.book.contract == RELAY:
            wanted = relay_balances(block)
        else:
            assert books.book.contract == BATCH
            wanted = batch_balances(block, self._papers, books.booked_lists())
        found = {one: units for one, units in books.all_posted().items() if units}
        for key in wanted.keys() | found.keys() if wanted != found else ():
            pair = (found.get(key, 0), wanted.get(key, 0))
            require(pair[0] == pair[1], f"{key[0].path}: books {pair[0]}, chain {pair[1]}")

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
                    if units != one.amount:
                        raise Violation(f"{one.amount} of {units} reserved on {op_id}")


def _place(one: Outcome) -> tuple[Address, int]:
    assert one.sender is not None
    assert one.nonce is not None
    return (one.sender, one.nonce)


def _settled(operation: Operation) -> int:
    subject = operation.subject
    return subject.settled if isinstance(subject, LeafSubject) else 0


def _begins(longer: Sequence[object], shorter: Sequence[object]) -> bool:
    return list(longer[: len(shorter)]) == list(shorter)
