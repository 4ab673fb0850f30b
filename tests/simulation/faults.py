"""Faults, drawn from the seed: at every call to a port, and before and after every commit."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random


class Fault(StrEnum):
    """Everything that can go wrong; the report counts them by these names."""

    KILL_AT_CALL = "kill at a call to a port"
    KILL_AFTER_ARRIVAL = "kill after a broadcast arrived"
    KILL_BEFORE_COMMIT = "kill before a commit"
    KILL_AFTER_COMMIT = "kill after a commit"
    SESSION_LOST = "database session lost"
    COMMIT_UNANSWERED = "committed, answer lost"
    UNAVAILABLE = "node unavailable"
    SEND_NEVER_ARRIVES = "broadcast: timeout, never arrived"
    SEND_UNANSWERED = "broadcast: timeout after acceptance"
    SEND_ARRIVES_LATE = "broadcast: timeout, arrives later"
    SEND_FORGOTTEN = "broadcast: accepted and forgotten"
    SEND_WRONG_WORDS = "broadcast: accepted, answered with an error text"
    NULL_RECEIPT = "null receipt"
    FALSE_RECEIPT = "receipt that lies"
    HIDDEN_TRANSACTION = "transaction hidden"
    FALSE_TRANSACTION = "transaction shown that is gone"
    LAG = "node lags"
    OTHER_FORK = "node on another fork"
    WRONG_OBJECTION = "call said to revert"
    SPOILT_ESTIMATE = "estimate spoilt"
    REORG = "reorg"
    POOL_DROPPED = "mempool dropped"
    FEE_SPIKE = "fee spike"
    REVERTED = "transaction reverted"
    DUPLICATE_JOB = "duplicate job"
    TWO_SCHEDULERS = "two schedulers at once"
    WORLD_MOVED = "world moved during a call"
    STRANGER = "paid by somebody else"
    PAID_IN_PART = "paid in part by a stranger, under a hold"
    FLOAT_SPENT = "float spent by another operator"
    HOLD_PLACED = "hold placed"
    HOLD_LIFTED = "hold lifted"
    VERDICT = "verdict placed or lifted"
    VETO = "commitment vetoed"
    PAUSE = "contract paused or unpaused"
    LINE_REFUSED = "payee refuses its line"
    PAYEE_BURNS = "payee burns gas where gas has a price"
    NO_FUNDS = "signer without funds"
    NONCE_USED_ELSEWHERE = "nonce of ours spent elsewhere"
    INDEX_LAGS = "index behind the chain"
    BACKUP_RESTORED = "older backup restored"
    FAILED_OVER = "failover to an older replica, during a call"
    DOCUMENT_LOST = "accepted document lost with a backup"
    KEY_CHANGED = "another key configured"
    DELEGATED = "signer delegated: one transaction at a time"


class Kill(BaseException):
    """The process ended here; nothing after it ran."""


_SHARE_OF_FAULTS = 0.5
_RARELY, _SOMETIMES, _OFTEN = (0.003, 0.01, 0.03), (0.02, 0.06, 0.15), (0.1, 0.25, 0.5)
_SELDOM = (0.0005, 0.001, 0.003)

RATES: dict[Fault, tuple[float, ...]] = {
    Fault.KILL_AT_CALL: _RARELY,
    Fault.SESSION_LOST: _RARELY,
    Fault.UNAVAILABLE: _RARELY,
    Fault.LAG: _RARELY,
    Fault.OTHER_FORK: _SOMETIMES,
    Fault.TWO_SCHEDULERS: _RARELY,
    Fault.BACKUP_RESTORED: _RARELY,
    Fault.FAILED_OVER: _SELDOM,
    Fault.WORLD_MOVED: _SOMETIMES,
    Fault.KILL_AFTER_ARRIVAL: _OFTEN,
    Fault.SEND_NEVER_ARRIVES: _OFTEN,
    Fault.SEND_UNANSWERED: _OFTEN,
    Fault.SEND_ARRIVES_LATE: _OFTEN,
    Fault.SEND_FORGOTTEN: _OFTEN,
    Fault.SEND_WRONG_WORDS: _OFTEN,
    Fault.NULL_RECEIPT: _OFTEN,
    Fault.FALSE_RECEIPT: _OFTEN,
    Fault.HIDDEN_TRANSACTION: _OFTEN,
    Fault.FALSE_TRANSACTION: _OFTEN,
    Fault.REVERTED: _OFTEN,
    Fault.HOLD_PLACED: _OFTEN,
    Fault.KILL_AFTER_COMMIT: _OFTEN,
}
"""How often a fault strikes where it can, in a run that has it; `_SOMETIMES` unless said here.

Calls are many, broadcasts few: a run that is killed at every call never comes to a payment.
"""


@dataclass
class Faults:
    """Which faults a run has and how often, by its own seed; none once it is calm.

    `forced` strike once each, at the named place or anywhere, whatever the rates are.
    """

    random: Random
    rates: dict[Fault, float] = field(default_factory=dict)
    forced: list[tuple[Fault, str]] = field(default_factory=list)
    counts: Counter[Fault] = field(default_factory=Counter)
    is_calm: bool = False

    def strikes(self, fault: Fault, place: str = "") -> bool:
        """Whether it happens here and now."""
        for one in self.forced:
            if one[0] is fault and one[1] in ("", place):
                self.forced.remove(one)
                self.counts[fault] += 1
                return True
        rate = 0 if self.is_calm else self.rates.get(fault, 0)
        if not rate or self.random.random() >= rate:
            return False
        self.counts[fault] += 1
        return True

    def first(self, faults: Iterable[Fault], place: str = "") -> Fault | None:
        """The first of several that happens here."""
        return next((one for one in faults if self.strikes(one, place)), None)


def drawn(random: Random) -> Faults:
    """About half of all faults, each at a rate of its own: runs differ in what they look at."""
    rates = {
        fault: random.choice(RATES.get(fault, _SOMETIMES))
        for fault in Fault
        if random.random() < _SHARE_OF_FAULTS
    }
    return Faults(random=random, rates=rates)
