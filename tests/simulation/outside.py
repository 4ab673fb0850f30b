"""What others do: blocks and finality, reorgs, strangers, payers, compliance, and bad luck."""

from collections.abc import Callable
from random import Random

from contracts.calls import LinePayment
from contracts.units import BaseUnits
from tests.ledger_builders import ASSET
from tests.simulation.calls import (
    CONTRACTS,
    NATIVE,
    PayLines,
    Withdrawals,
    decoded,
    op_id_of,
)
from tests.simulation.chain import CALM_BASE_FEE, KEYS
from tests.simulation.contract import Change, External, SpendNonce, Veto, Withdraw
from tests.simulation.faults import Fault
from tests.simulation.lines import BringFloat, GiveTip, PayByHand, float_of, strange_list
from tests.simulation.network import Network
from tests.simulation.papers import Papers
from tests.simulation.settlement import PAYEES, Index, Royalties

TIPS_MAX, DOCUMENTS_MAX = 5, 3
ENOUGH_WEI, FUNDS_SHORT = 10**20, (0, 4 * 10**14)
"""Money for everything; for nothing, or for a transaction or two."""


class Outside:
    """Everybody but our processes."""

    def __init__(
        self,
        network: Network,
        index: Index,
        royalties: Royalties,
        papers: Papers,
        *,
        random: Random,
        note: Callable[[str], None],
    ) -> None:
        self._network, self._faults, self._random = network, network.faults, random
        self._index, self._royalties, self._papers, self._note = index, royalties, papers, note
        self._tips_given = 0

    def move(self) -> None:
        """One thing that happens outside."""
        network, random = self._network, self._random
        match random.choice(("mine", "mine", "mine", "finalize", "late")):
            case "mine":
                taken = random.choice((None, None, 0, 1))
                block = network.mine(seconds=random.choice((12, 12, 40, 80)), taken=taken)
                network.base_fee_wei = max(CALM_BASE_FEE, network.base_fee_wei * 7 // 8)
                self._note(f"block {block.ref.number}, ours {len(block.transactions)}")
            case "finalize":
                network.chain.finalize(random.randint(0, 3))
                self._note(f"final {network.chain.finalized.ref.number}")
                self.advance_index()
            case "late":
                self._note(f"{network.deliver_late()} late broadcasts arrive")
        self._misfortunes()

    def advance_index(self) -> None:
        """The index follows the final block, or part of the way."""
        final = self._network.chain.finalized
        if self._faults.strikes(Fault.INDEX_LAGS):
            low = self._index.block.ref.number
            final = final.ancestor(self._random.randint(low, max(low, final.ref.number)))
        self._index.advance(final)
        self._note(f"indexed up to {self._index.block.ref.number}")

    def _ends(self) -> list[External]:
        """What stands in the way goes away again, sooner or later."""
        state, random = self._network.state, self._random
        found: list[External] = []
        if state.paused and random.random() < 0.3:
            found.append(Change("paused", frozenset()))
        if min(state.funds.values()) < ENOUGH_WEI and random.random() < 0.3:
            found.append(Change("funds", dict.fromkeys(KEYS, ENOUGH_WEI)))
        if state.under_verdict and random.random() < 0.1:
            found.append(Change("under_verdict", frozenset()))
        if state.held and random.random() < 0.1:
            found.append(Change("held", frozenset()))
        if random.random() < 0.1:
            found += self.floats_missing()
        return found

    def floats_missing(self) -> list[External]:
        """What the batch lacks for all that documents say, and something more."""
        missing = {
            asset: self._papers.open_sum(asset, self._network.state)
            - float_of(self._network.state, asset)
            for asset in (ASSET, NATIVE)
        }
        return [BringFloat(one, 100 + units) for one, units in missing.items() if units > 0]

    def _misfortunes(self) -> None:
        """Each fault of the world that strikes now."""
        network, random, strikes = self._network, self._random, self._faults.strikes
        if strikes(Fault.REORG):
            depth, returns = random.randint(1, 6), random.random() < 0.6
            count = network.reorg(depth, returns=returns, taken=random.choice((0, 1, None)))
            self._note(f"reorg of {count}, {returns=}")
        if strikes(Fault.POOL_DROPPED):
            network.pool.waiting.clear()
            self._note("mempool dropped")
        if strikes(Fault.FEE_SPIKE):
            network.base_fee_wei = random.choice((10**10, 8 * 10**10, 5 * 10**11))
            self._note(f"base fee {network.base_fee_wei}")
        if strikes(Fault.DELEGATED):
            network.pool.is_delegated = not network.pool.is_delegated
            self._note(f"signer delegated: {network.pool.is_delegated}")
        if strikes(Fault.PAID_IN_PART):
            self._pay_in_part()
        for external in (*self._ends(), *self._externals()):
            network.externals.append(external)
            self._note(f"waiting: {external}")

    def _externals(self) -> list[External]:
        state, random, strikes = self._network.state, self._random, self._faults.strikes
        found = self._of_the_contracts()
        if strikes(Fault.STRANGER) and (could := self._payable_by_others()):
            found.append(random.choice(could))
        if strikes(Fault.FLOAT_SPENT):
            found += self._float_spent()
        if strikes(Fault.NO_FUNDS):
            poor, wei = random.choice(KEYS), random.choice(FUNDS_SHORT)
            found.append(Change("funds", {**state.funds, poor: wei}))
        if strikes(Fault.NONCE_USED_ELSEWHERE):
            key = random.choice(KEYS)
            found.append(SpendNonce(key, state.counts[key]))
        return found

    def _of_the_contracts(self) -> list[External]:
        """What compliance, guardians and administrators do, and payees who refuse."""
        state, random, strikes = self._network.state, self._random, self._faults.strikes
        found: list[External] = []
        if strikes(Fault.HOLD_PLACED):
            found.append(Change("held", state.held | {random.choice(PAYEES)}))
        if strikes(Fault.HOLD_LIFTED):
            found.append(Change("held", frozenset()))
        if strikes(Fault.VERDICT):
            works = sorted({leaf.work_id for leaf in self._royalties.leaves()})
            struck = frozenset(one for one in works if random.random() < 0.3)
            found.append(Change("under_verdict", struck))
        if strikes(Fault.VETO):
            found += [Veto(epoch) for epoch in sorted(state.epochs)][-1:]
        if strikes(Fault.PAUSE):
            paused = random.sample(CONTRACTS, random.randint(1, len(CONTRACTS)))
            found.append(Change("paused", frozenset(paused)))
        if strikes(Fault.LINE_REFUSED):
            found.append(Change("refusing", frozenset(random.sample(PAYEES, 2))))
        if strikes(Fault.PAYEE_BURNS):
            found.append(Change("burning", frozenset(random.sample(PAYEES, 4))))
        return found

    def _payable_by_others(self) -> list[External]:
        """Leaves that a stranger, and lines that another operator could have paid now."""
        return [*self._network.withdrawable(), *self._papers.payable_by_hand(self._network.state)]

    def _pay_in_part(self) -> None:
        """Of a leaf that a transaction of ours waits for, all but a line that is held just then.

        It is final before ours is mined: what is left is owed anew, while ours can still pay it.
        """
        network, held = self._network, self._network.state.held
        calls = [decoded(one.data) for one in network.pool.waiting.values()]
        leaves = [
            item.leaf
            for call in calls
            if isinstance(call, Withdrawals)
            for item in call.items
            if len(item.leaf.lines) > 1
        ]
        if not leaves:
            return
        leaf = self._random.choice(leaves)
        payee = self._random.choice(leaf.lines).payee
        network.externals += [Change("held", held | {payee}), Withdraw(leaf), Change("held", held)]
        network.mine(taken=0)
        network.chain.finalize(0)
        self.advance_index()
        self._note(f"leaf {op_id_of(leaf)} paid but for {payee}")

    def _float_spent(self) -> list[External]:
        """A line that is no business of ours, paid with what ours were to be paid with."""
        state, random = self._network.state, self._random
        asset = random.choice((ASSET, NATIVE))
        units = float_of(state, asset)
        payee, amount = random.choice(PAYEES), BaseUnits(random.randint(1, max(1, units)))
        payment = LinePayment(index=0, payee=payee, amount=amount)
        list_id = strange_list(self._network.chain.tip.ref.number)
        return [PayByHand(PayLines(list_id, asset, (payment,)))] if units > 0 else []

    def owe_lines(self) -> None:
        """Somebody tips, or a document is accepted, whether the float is enough for it or not."""
        random = self._random
        if self._tips_given < TIPS_MAX and random.random() < 0.5:
            self._tips_given += 1
            tip = GiveTip(random.choice(PAYEES), random.randint(1, 500), random.randint(0, 20))
            self._network.externals.append(tip)
        elif len(self._papers.documents) < DOCUMENTS_MAX:
            document = self._papers.accept(self._index.block.ref.timestamp)
            self._note(f"document of {len(document.lines)} lines accepted")
            for asset in (ASSET, NATIVE):
                units = sum(one.amount for one in document.lines if one.asset == asset)
                brought = random.choice((0, units // 2, units, 2 * units))
                if brought:
                    self._network.externals.append(BringFloat(asset, brought))
