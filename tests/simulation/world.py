"""The world: our processes, the network, one database, and what moves them, all from one seed.

Every call to a port passes `border`, where the process may end, the world may move, or another
process may run: what happens there happens between two instructions of the one that is running.
"""

from random import Random

from contracts.evm import Epoch
from settlement.errors import Transient
from settlement.ledger.errors import NothingToReserve
from settlement.ledger.post import post_step
from settlement.payouts.report import TickReport
from settlement.payouts.submit import Submitter
from tests.ledger_builders import BOOK
from tests.simulation.chain import CALM_BASE_FEE
from tests.simulation.contract import (
    SENDER,
    Change,
    External,
    Fund,
    SpendNonce,
    Veto,
    all_lines,
    op_id_of,
)
from tests.simulation.database import Database, Session, Store
from tests.simulation.faults import Fault, Faults, Kill
from tests.simulation.invariants import Invariants, require
from tests.simulation.limits import LIMITS
from tests.simulation.network import Network
from tests.simulation.node import Node
from tests.simulation.settlement import PAYEES, Facts, Index, Owed, Royalties
from tests.simulation.signer import SpellingSigner

EPOCHS_MAX = 3
WARM_UP_ROUNDS_MAX = 30
ENOUGH_WEI = 10**20
MONEY_CALLS = ("add_transaction", "add_version", "send_raw")


class World:
    """One settlement with everything around it."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self.random = Random(f"{seed}/moves")
        self.faults = faults
        self.network = Network(faults)
        self.database = Database(faults, self.border)
        self.index = Index(self.network, self.border)
        self.royalties = Royalties(seed, self.network, self.index, self.border)
        self.node = Node(self.network, faults, self.border)
        self.invariants = Invariants(self.node, self.database, self.index, self.royalties)
        self.trace: list[str] = []
        self.killed_mid_payment = False
        self._depth = 0
        self._has_moved = False

    # Our processes.

    def tick(self, name: str = "scheduler") -> TickReport | None:
        """One tick of a fresh process; None if it did not come to its end."""
        self._has_moved = False
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

    def post(self, *, blocks_max: int = 20) -> bool:
        """One step of the books; whether they are caught up."""
        try:
            with self.database.transaction(Session("books"), "post") as (_, books):
                posted = post_step(
                    Facts(self.index, self.border),
                    self.royalties.computed,
                    books,
                    start_block=self.network.chain.finalized.ancestor(0).ref.number,
                    blocks_max=blocks_max,
                )
        except Kill as kill:
            self.note(f"books killed at {kill}")
            return False
        except Transient as error:
            self.note(f"books stopped: {error}")
            return False
        number = posted.block.number if posted.block else None
        self.note(f"books: {posted.entries} entries, up to block {number}")
        return posted.is_caught_up

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
                self.move()
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
            self.post()
        else:
            has_moved = self._has_moved
            self.tick("other scheduler")
            self._has_moved = has_moved

    # What others do.

    def move(self) -> None:
        """One thing that happens outside."""
        network, random = self.network, self.random
        match random.choice(("mine", "mine", "mine", "finalize", "late")):
            case "mine":
                taken = random.choice((None, None, 0, 1))
                block = network.mine(seconds=random.choice((12, 12, 40, 80)), taken=taken)
                network.base_fee_wei = max(CALM_BASE_FEE, network.base_fee_wei * 7 // 8)
                self.note(f"block {block.ref.number}, ours {len(block.transactions)}")
            case "finalize":
                network.chain.finalize(random.randint(0, 3))
                self.note(f"final {network.chain.finalized.ref.number}")
                self.advance_index()
            case "late":
                self.note(f"{network.deliver_late()} late broadcasts arrive")
        self._misfortunes()

    def advance_index(self) -> None:
        """The index follows the final block, or part of the way."""
        final = self.network.chain.finalized
        if self.faults.strikes(Fault.INDEX_LAGS):
            low = self.index.block.ref.number
            final = final.ancestor(self.random.randint(low, max(low, final.ref.number)))
        self.index.advance(final)
        self.note(f"indexed up to {self.index.block.ref.number}")

    def _ends(self) -> list[External]:
        """What stands in the way goes away again, sooner or later."""
        state, random = self.network.state, self.random
        found: list[External] = []
        if state.is_paused and random.random() < 0.3:
            found.append(Change("is_paused", False))
        if state.funds < ENOUGH_WEI and random.random() < 0.3:
            found.append(Change("funds", ENOUGH_WEI))
        if state.under_verdict and random.random() < 0.1:
            found.append(Change("under_verdict", frozenset()))
        if state.held and random.random() < 0.1:
            found.append(Change("held", frozenset()))
        return found

    def _misfortunes(self) -> None:
        """Each fault of the world that strikes now."""
        network, random, strikes = self.network, self.random, self.faults.strikes
        if strikes(Fault.REORG):
            depth, returns = random.randint(1, 6), random.random() < 0.6
            count = network.reorg(depth, returns=returns, taken=random.choice((0, 1, None)))
            self.note(f"reorg of {count}, {returns=}")
        if strikes(Fault.POOL_DROPPED):
            network.pool.waiting.clear()
            self.note("mempool dropped")
        if strikes(Fault.FEE_SPIKE):
            network.base_fee_wei = random.choice((10**10, 8 * 10**10, 5 * 10**11))
            self.note(f"base fee {network.base_fee_wei}")
        for external in (*self._ends(), *self._externals()):
            network.externals.append(external)
            self.note(f"waiting: {external}")

    def _externals(self) -> list[External]:
        state, random, strikes = self.network.state, self.random, self.faults.strikes
        found: list[External] = []
        if strikes(Fault.STRANGER) and (could := self.network.withdrawable()):
            found.append(random.choice(could))
        if strikes(Fault.HOLD_PLACED):
            found.append(Change("held", state.held | {random.choice(PAYEES)}))
        if strikes(Fault.HOLD_LIFTED):
            found.append(Change("held", frozenset()))
        if strikes(Fault.VERDICT):
            works = sorted({leaf.work_id for leaf in self.royalties.leaves()})
            struck = frozenset(one for one in works if random.random() < 0.3)
            found.append(Change("under_verdict", struck))
        if strikes(Fault.VETO):
            found += [Veto(epoch) for epoch in sorted(state.epochs)][-1:]
        if strikes(Fault.PAUSE):
            found.append(Change("is_paused", True))
        if strikes(Fault.LINE_REFUSED):
            found.append(Change("refusing", frozenset(random.sample(PAYEES, 2))))
        if strikes(Fault.NO_FUNDS):
            found.append(Change("funds", 0))
        if strikes(Fault.NONCE_USED_ELSEWHERE):
            found.append(SpendNonce(state.counts[SENDER]))
        return found

    # What the run asks and does.

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
            self.advance_index()
            while not self.post():
                pass
            if not self.database.books.payable_leaves():
                self.tick()
        self.faults.is_calm = False

    def calm_down(self) -> None:
        """No fault from here on, and what stood in the way is over."""
        self.faults.is_calm = True
        self.network.base_fee_wei = CALM_BASE_FEE
        nobody: frozenset[bytes] = frozenset()
        for name, value in (
            ("held", nobody),
            ("under_verdict", nobody),
            ("is_paused", False),
            ("funds", ENOUGH_WEI),
        ):
            self.network.externals.append(Change(name, value))

    def calm_round(self) -> TickReport | None:
        """One round in which everybody does what they should."""
        self.network.deliver_late()
        self.network.mine(seconds=30)
        self.network.chain.finalize(0)
        self.advance_index()
        while not self.post():
            pass
        return self.tick()

    def open_nonces(self) -> list[int]:
        """Signed nonces that are not spent at the indexed block, ascending."""
        spent = self.index.block.state.counts[SENDER]
        nonces = {one.nonce for one in self.database.store.transactions}
        return sorted(nonce for nonce in nonces if nonce >= spent)

    def left_to_do(self) -> str | None:
        """What is not done yet, if anything."""
        state, store, books = self.index.block.state, self.database.store, self.database.books
        for epoch in self.royalties.funded:
            one = state.epoch(epoch)
            if not one.active_at or one.active_at > self.index.block.ref.timestamp:
                return f"epoch {epoch} is not active"
            for leaf in self.royalties.distribution(epoch, one.attempt).leaves:
                if state.lines.get(op_id_of(leaf), 0) != all_lines(leaf):
                    return f"leaf {op_id_of(leaf)} is not paid"
        if count := store.open_count():
            return f"{count} operations are open"
        if nonces := self.open_nonces():
            return f"nonces {nonces} are open"
        if books.cursor() != self.index.block.ref:
            return "the books are behind"
        pending = [op_id for op_id, one in books.reservations().items() if one.outcome is None]
        return f"reservation of {pending[0]} is open" if pending else None

    def note(self, line: str) -> None:
        """One line of the trace."""
        self.trace.append("  " * self._depth + line)

    def _submitter(self, session: Session) -> Submitter:
        return Submitter(
            chain_id=BOOK.chain_id,
            contract=BOOK.contract,
            leaves=Owed(self.database, self.index, self.border),
            commits=self.royalties,
            lines=(),
            finality=self.index,
            chain=self.node,
            store=Store(self.database, session),
            signer=SpellingSigner(),
            limits=LIMITS,
        )
