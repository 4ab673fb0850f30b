"""The world: our processes, the network, one database, and what moves them, all from one seed.

Every call to a port passes `border`, where the process may end, the world may move, or another
process may run: what happens there happens between two instructions of the one that is running.
"""

from random import Random

from contracts.evm import Address, Epoch
from settlement.errors import Transient
from settlement.ledger.documents import AcceptedDocument
from settlement.ledger.errors import NothingToReserve
from settlement.ledger.post import Posted, post_step
from settlement.ledger.post_payments import post_payments_step
from settlement.payouts.report import TickReport
from settlement.payouts.submit import Submitter
from tests.ledger_builders import BOOK
from tests.simulation.calls import BATCH, CONTRACTS, RELAY, all_lines, op_id_of
from tests.simulation.chain import CALM_BASE_FEE, KEYS, SECOND_KEY, SENDER, Block
from tests.simulation.contract import Change, Fund
from tests.simulation.database import Changes, Content, Database, Session, Store
from tests.simulation.faults import Fault, Faults, Kill
from tests.simulation.invariants import Invariants
from tests.simulation.limits import LIMITS
from tests.simulation.lines import line_op_id, tip_op_id
from tests.simulation.network import Network
from tests.simulation.node import Node
from tests.simulation.outside import ENOUGH_WEI, Outside
from tests.simulation.papers import Papers
from tests.simulation.settlement import Facts, Index, LineFacts, Owed, OwedLines, Royalties
from tests.simulation.signer import SpellingSigner
from tests.simulation.violation import require

EPOCHS_MAX, BACKUPS_MAX, POST_STEPS_MAX = 3, 8, 200
WARM_UP_ROUNDS_MAX = 30
SHARE_TWO_SCHEDULERS = 0.2
MONEY_CALLS = ("add_transaction", "add_version", "send_raw")


class World:
    """One settlement with everything around it."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self.seed, self.random = seed, Random(f"{seed}/moves")
        self.faults = faults
        self.network = Network(faults)
        self.database = Database(faults, self.border)
        self.index = Index(self.network, self.border)
        self.royalties = Royalties(seed, self.network, self.index, self.border)
        self.node = Node(self.network, faults, self.border)
        self.papers = Papers(seed)
        self.invariants = Invariants(
            self.node, self.database, self.index, self.royalties, self.papers
        )
        self.outside = Outside(
            self.network,
            self.index,
            self.royalties,
            self.papers,
            random=self.random,
            note=self.note,
        )
        self.trace: list[str] = []
        self.killed_mid_payment = False
        self.key = SENDER
        self.has_two_schedulers = self.random.random() < SHARE_TWO_SCHEDULERS
        self._depth = 0
        self._has_moved = False
        self._backups: list[tuple[Content, Block, tuple[AcceptedDocument, ...]]] = []

    # Our processes.

    def tick(self, name: str = "scheduler") -> TickReport | None:
        """One tick of a fresh process; None if it did not come to its end."""
        self._has_moved = False
        self._change_key()
        try:
            with self.database.ownership(name) as session:
                report = self._submitter(session).tick()
        except Kill as kill:
            self.note(f"{name} killed at {kill}")
            place = str(kill).partition(":")[0]
            self.killed_mid_payment |= place in MONEY_CALLS or bool(self.open_nonces())
            return None
        except Transient as error:
            self.note(f"{name} stopped: {error}")
            return None
        except NothingToReserve as error:
            require(self._has_moved, f"planned what the books do not owe: {error}")
            self.note(f"{name} stopped: {error}")
            return None
        fates = [one.fate.value for one in report.recorded]
        self.note(
            f"{name}: planned {report.planned}, recorded {fates}, sent again"
            f" {len(report.sent_again)}, replaced {len(report.replaced)}, signed"
            f" {len(report.signed)}, held {len(report.held)}, stop {report.stop}"
        )
        return report

    def _change_key(self) -> None:
        """Which key the next process is configured with.

        Keys are changed for good, now and then; or two schedulers have one each. In the end each
        has its turn: what an old key has open may need it once more, for a higher fee.
        """
        is_shared = self.has_two_schedulers and self.random.random() < 0.5
        if is_shared or self.faults.strikes(Fault.KEY_CHANGED):
            self.key = SECOND_KEY if self.key == SENDER else SENDER
            self.note(f"the key is {self.key}")

    def post(self, contract: Address = BOOK.contract, *, blocks_max: int = 20) -> bool:
        """One step of the books of a contract; whether they are caught up."""
        try:
            with self.database.transaction(Session("books"), "post") as changes:
                posted = self._posted(contract, changes, blocks_max)
        except Kill as kill:
            self.note(f"books killed at {kill}")
            return False
        except Transient as error:
            self.note(f"books stopped: {error}")
            return False
        number = posted.block.number if posted.block else None
        self.note(f"books of {contract}: {posted.entries} entries, up to block {number}")
        return posted.is_caught_up

    def post_all(self) -> None:
        """All books, as far as anything is final; without faults."""
        for contract in CONTRACTS:
            is_caught_up = any(self.post(contract) for _ in range(POST_STEPS_MAX))
            require(is_caught_up, f"the books of {contract} make no progress")

    def _posted(self, contract: Address, changes: Changes, blocks_max: int) -> Posted:
        books = changes.books(contract)
        start_block = self.network.chain.finalized.ancestor(0).ref.number
        if contract == BOOK.contract:
            facts = Facts(self.index, self.border)
            return post_step(
                facts,
                self.royalties.computed,
                books,
                start_block=start_block,
                blocks_max=blocks_max,
            )
        return post_payments_step(
            LineFacts(self.index, self.border, contract),
            self.papers.accepted() if contract == BATCH else (),
            books,
            start_block=start_block,
            blocks_max=blocks_max,
        )

    # What happens at a call to a port.

    def border(self, place: str) -> None:
        """What may happen before any call is answered."""
        faults = self.faults
        if faults.strikes(Fault.KILL_AT_CALL, place):
            raise Kill(place)
        if self._depth:
            return
        self._depth += 1
        try:
            if faults.strikes(Fault.WORLD_MOVED, place):
                self._has_moved = True
                self.note(f"during {place}:")
                self.outside.move()
            if not self.database.is_writing and faults.strikes(Fault.FAILED_OVER, place):
                self._has_moved = True
                self.restore()
            if not self.database.is_writing and faults.strikes(Fault.TWO_SCHEDULERS, place):
                self._interrupt(place)
        finally:
            self._depth -= 1

    def _interrupt(self, place: str) -> None:
        """Another process runs meanwhile; the server may have ended our session before."""
        owner, self._has_moved = self.database.owner, True
        if owner is not None and self.random.random() < 0.5:
            owner.is_alive = False
        self.note(f"during {place}:")
        if self.random.random() < 0.5:
            self.post(self.random.choice(CONTRACTS))
        else:
            has_moved = self._has_moved
            self.tick("other scheduler")
            self._has_moved = has_moved

    # What the run asks and does.

    def back_up(self) -> None:
        """Keep the database as it is; the oldest backups are thrown away."""
        now = (self.database.content, self.index.block, self.papers.kept)
        self._backups = [*self._backups, now][-BACKUPS_MAX:]

    def restore(self) -> None:
        """Every session ends, and all begin again with an older database."""
        if not self._backups:
            return
        if self.database.owner is not None:
            self.database.owner.is_alive = False
        lost = self.database.store
        backup = self.random.choice(self._backups)
        self.database.content, self.index.block, self.papers.kept = backup
        self.database.owner = None
        self.faults.counts[Fault.DOCUMENT_LOST] += len(self.papers.lost)
        self.invariants.restored(lost)
        self.note(f"backup of block {self.index.block.ref.number} restored")

    def accept_again(self) -> None:
        """Two people see that documents are gone, and give them again."""
        if count := self.papers.accept_again(self.index.block.ref.timestamp):
            self.note(f"{count} lost documents accepted again")

    def fund(self, epoch: int) -> None:
        """Subscribers pay for an epoch; it can be committed once that is final."""
        one = Epoch(epoch)
        self.network.externals.append(Fund(one, self.royalties.to_pay_in(one)))

    def warm_up(self) -> None:
        """Commit the first epoch without a fault, until the books owe its leaves."""
        self.faults.is_calm = True
        rounds = 0
        while not self.database.books.payable_leaves():
            require(rounds < WARM_UP_ROUNDS_MAX, "the first epoch is never payable")
            rounds += 1
            self.network.mine(seconds=30)
            self.network.chain.finalize(0)
            self.outside.advance_index()
            self.post_all()
            if not self.database.books.payable_leaves():
                self.tick()
        self.faults.is_calm = False

    def calm_down(self) -> None:
        """No fault from here on, and what stood in the way is over."""
        self.faults.is_calm = True
        self.network.base_fee_wei = self.random.choice((1, 5)) * CALM_BASE_FEE
        nobody: frozenset[bytes] = frozenset()
        for name, value in (
            ("held", nobody),
            ("under_verdict", nobody),
            ("paused", nobody),
            ("funds", dict.fromkeys(KEYS, ENOUGH_WEI)),
        ):
            self.network.externals.append(Change(name, value))

    def calm_round(self) -> TickReport | None:
        """One round in which everybody does what they should."""
        self.accept_again()
        self.network.deliver_late()
        self.network.externals += self.outside.floats_missing()
        self.network.mine(seconds=30)
        self.network.chain.finalize(0)
        self.outside.advance_index()
        self.post_all()
        if {sender for sender, _ in self.open_nonces()} - {self.key}:
            self.key = SECOND_KEY if self.key == SENDER else SENDER
        report = self.tick()
        if report is not None:
            self.nobody_left_out(report)
        return report

    def nobody_left_out(self, report: TickReport) -> None:
        """After a tick without a fault whatever is owed was signed, or it is said why not."""
        if report.stop is not None:
            return
        said = {one.op_id for one in report.held} | set(report.exhausted)
        spent = self.index.block.state.counts
        for one in self.database.store.open_histories():
            attempts = (*one.attempts, *one.others)
            is_signed = any(each.nonce >= spent[each.sender] for each in attempts)
            is_left_out = not is_signed and one.operation.op_id not in said
            is_paused = one.operation.contract in report.paused
            require(is_paused or not is_left_out, f"{one.operation.op_id} was left out in silence")

    def open_nonces(self) -> list[tuple[Address, int]]:
        """Nonces of all keys, signed or adopted, not spent at the indexed block; ascending."""
        spent, store = self.index.block.state.counts, self.database.store
        nonces = {(one.sender, one.nonce) for one in store.transactions}
        for one in store.adoptions:
            nonces |= {(one.sender, nonce) for nonce in range(one.first_nonce, one.next_nonce)}
        return sorted((sender, nonce) for sender, nonce in nonces if nonce >= spent[sender])

    def left_to_do(self) -> str | None:
        """What is not done yet, if anything."""
        if unpaid := self._unpaid_leaf() or self._unpaid_line():
            return unpaid
        if count := self.database.store.open_count():
            return f"{count} operations are open"
        if nonces := self.open_nonces():
            return f"nonces {nonces} are open"
        for contract in CONTRACTS:
            books = self.database.books_of(contract)
            if books.cursor() != self.index.block.ref:
                return f"the books of {contract} are behind"
            pending = [op_id for op_id, one in books.reservations().items() if one.outcome is None]
            if pending:
                return f"reservation of {pending[0]} is open"
        return None

    def _unpaid_leaf(self) -> str | None:
        state = self.index.block.state
        for epoch in self.royalties.funded:
            one = state.epoch(epoch)
            if not one.active_at or one.active_at > self.index.block.ref.timestamp:
                return f"epoch {epoch} is not active"
            for leaf in self.royalties.distribution(epoch, one.attempt).leaves:
                if state.lines.get(op_id_of(leaf), 0) != all_lines(leaf):
                    return f"leaf {op_id_of(leaf)} is not paid"
        return None

    def _unpaid_line(self) -> str | None:
        state = self.index.block.state
        for number in range(len(state.tips)):
            if not state.lines.get(tip_op_id(number)):
                return f"tip {number} is not paid"
        for document in self.papers.documents:
            for line in document.lines:
                if not state.lines.get(line_op_id(document.list_id, line.index)):
                    return f"line {line.index} of list {document.list_id} is not paid"
        return None

    def note(self, line: str) -> None:
        """One line of the trace."""
        self.trace.append("  " * self._depth + line)

    def _submitter(self, session: Session) -> Submitter:
        return Submitter(
            chain_id=BOOK.chain_id,
            contract=BOOK.contract,
            leaves=Owed(self.database, self.index, self.border),
            commits=self.royalties,
            lines=(
                OwedLines(RELAY, self.database, self.border),
                OwedLines(BATCH, self.database, self.border),
            ),
            finality=self.index,
            chain=self.node,
            store=Store(self.database, session),
            signer=SpellingSigner(self.key),
            limits=LIMITS,
        )
