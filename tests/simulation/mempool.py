"""A mempool with geth's rules, as far as one sender can meet them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from contracts.evm import Hash32
from settlement.payouts.gas import TRANSACTION_GAS_MAX
from tests.simulation.chain import State, Transaction

PRICE_BUMP_PERCENT = 10
WAITING_MAX = 64


class Verdict(StrEnum):
    """What the pool says of a transaction; the names are those of `error_texts`."""

    ADDED = "added"
    ALREADY_KNOWN = "already_known"
    NONCE_SPENT = "nonce_spent"
    NONCE_AHEAD = "nonce_ahead"
    UNDERPRICED = "underpriced"
    NO_FUNDS = "no_funds"
    REFUSED = "refused"


@dataclass
class Mempool:
    """Waiting transactions of one sender, by nonce; gaps are allowed.

    Where the sender's account has code (EIP-7702), only what is next to be mined is taken.
    """

    waiting: dict[int, Transaction] = field(default_factory=dict)
    is_delegated: bool = False

    def add(self, one: Transaction, state: State) -> Verdict:
        """Take it, or say why not: a replacement raises both fees, each by a tenth."""
        verdict = self._verdict(one, state)
        if verdict is Verdict.ADDED:
            self.waiting[one.nonce] = one
        return verdict

    def _verdict(self, one: Transaction, state: State) -> Verdict:  # noqa: PLR0911
        rival = self.waiting.get(one.nonce)
        if rival is not None and rival.tx_hash == one.tx_hash:
            return Verdict.ALREADY_KNOWN
        if one.nonce < state.counts[one.sender]:
            return Verdict.NONCE_SPENT
        if one.gas > TRANSACTION_GAS_MAX or one.tip_wei > one.max_fee_wei:
            return Verdict.REFUSED
        if one.gas * one.max_fee_wei > state.funds:
            return Verdict.NO_FUNDS
        if rival is not None and not _outbids(one, rival):
            return Verdict.UNDERPRICED
        if rival is None and len(self.waiting) >= WAITING_MAX:
            return Verdict.REFUSED
        if self.is_delegated and rival is None and one.nonce > state.counts[one.sender]:
            return Verdict.NONCE_AHEAD
        return Verdict.ADDED

    def holds(self, tx_hash: Hash32) -> bool:
        """Whether it waits here."""
        return any(one.tx_hash == tx_hash for one in self.waiting.values())

    def executable(self, count: int, base_fee_wei: int) -> list[Transaction]:
        """What a block could take now: consecutive nonces that pay the base fee."""
        found: list[Transaction] = []
        while (one := self.waiting.get(count)) is not None and one.max_fee_wei >= base_fee_wei:
            found.append(one)
            count += 1
        return found

    def settle(self, count: int) -> None:
        """Forget every nonce that is spent."""
        self.waiting = {nonce: one for nonce, one in self.waiting.items() if nonce >= count}

    def restore(self, removed: Iterable[Transaction], state: State) -> None:
        """Take back what a reorg freed."""
        for one in removed:
            self.add(one, state)


def _outbids(one: Transaction, rival: Transaction) -> bool:
    return all(
        new > old and new * 100 >= old * (100 + PRICE_BUMP_PERCENT)
        for new, old in ((one.max_fee_wei, rival.max_fee_wei), (one.tip_wei, rival.tip_wei))
    )
