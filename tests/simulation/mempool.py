"""A mempool with geth's rules, as far as our keys can meet them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from contracts.evm import Address, Hash32
from settlement.payouts.gas import NOOP_GAS, TRANSACTION_GAS_MAX
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
    """Waiting transactions by sender and nonce; gaps are allowed.

    Where the sender's account has code (EIP-7702), only what is next to be mined is taken. Nothing
    is taken with less gas than `intrinsic_gas`.
    """

    waiting: dict[tuple[Address, int], Transaction] = field(default_factory=dict)
    is_delegated: bool = False
    intrinsic_gas: int = NOOP_GAS

    def add(self, one: Transaction, state: State) -> Verdict:
        """Take it, or say why not: a replacement raises both fees, each by a tenth."""
        verdict = self._verdict(one, state)
        if verdict is Verdict.ADDED:
            self.waiting[one.sender, one.nonce] = one
        return verdict

    def _verdict(self, one: Transaction, state: State) -> Verdict:  # noqa: PLR0911
        rival = self.waiting.get((one.sender, one.nonce))
        if rival is not None and rival.tx_hash == one.tx_hash:
            return Verdict.ALREADY_KNOWN
        if one.nonce < state.counts[one.sender]:
            return Verdict.NONCE_SPENT
        if not self.intrinsic_gas <= one.gas <= TRANSACTION_GAS_MAX:
            return Verdict.REFUSED
        if one.tip_wei > one.max_fee_wei:
            return Verdict.REFUSED
        if one.gas * one.max_fee_wei > state.funds[one.sender]:
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

    def count(self, sender: Address, count: int) -> int:
        """The first nonce from `count` on for which nothing waits."""
        while (sender, count) in self.waiting:
            count += 1
        return count

    def executable(self, sender: Address, count: int, base_fee_wei: int) -> list[Transaction]:
        """What a block could take now: consecutive nonces that pay the base fee."""
        found: list[Transaction] = []
        while (one := self.waiting.get((sender, count))) and one.max_fee_wei >= base_fee_wei:
            found.append(one)
            count += 1
        return found

    def settle(self, counts: Mapping[Address, int]) -> None:
        """Forget every nonce that is spent."""
        self.waiting = {
            (sender, nonce): one
            for (sender, nonce), one in self.waiting.items()
            if nonce >= counts[sender]
        }

    def restore(self, removed: Iterable[Transaction], state: State) -> None:
        """Take back what a reorg freed."""
        for one in removed:
            self.add(one, state)


def _outbids(one: Transaction, rival: Transaction) -> bool:
    return all(
        new > old and new * 100 >= old * (100 + PRICE_BUMP_PERCENT)
        for new, old in ((one.max_fee_wei, rival.max_fee_wei), (one.tip_wei, rival.tip_wei))
    )
