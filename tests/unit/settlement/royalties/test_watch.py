"""The watcher's decision, with a scripted node and verifier."""

from dataclasses import dataclass, field, replace

import pytest

from contracts.evm import Epoch, Hash32, Timestamp, keccak
from settlement.errors import ChainUnavailable, VerifierUnavailable
from settlement.royalties.watch import (
    Agrees,
    Gone,
    NothingPending,
    PendingCommitment,
    Recomputed,
    Undecided,
    Wrong,
    look,
)

PENDING = PendingCommitment(
    epoch=Epoch(7),
    attempt=2,
    manifest_digest=keccak(b"manifest"),
    root=keccak(b"root"),
    active_at=Timestamp(1_000),
    now=Timestamp(400),
)
RIGHT = Recomputed(is_equal=True, root=str(PENDING.root), difference="")
WRONG = Recomputed(is_equal=False, root="0x01", difference="root: expected 0x01, found 0x02")
TRANSACTION = keccak(b"veto")


@dataclass
class Node:
    """Answers of `pending`, one after the other; the last one for ever."""

    answers: list[PendingCommitment | None]

    def pending(self) -> PendingCommitment | None:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@dataclass
class Verifier:
    answer: Recomputed | Exception
    asked: list[Epoch] = field(default_factory=list)

    def of(self, epoch: Epoch) -> Recomputed:
        self.asked.append(epoch)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass
class Key:
    sent: list[tuple[Epoch, Hash32, Timestamp]] = field(default_factory=list)

    def veto(self, epoch: Epoch, reason_digest: Hash32, *, until: Timestamp) -> Hash32:
        self.sent.append((epoch, reason_digest, until))
        return TRANSACTION


def test_look__nothing_pending__nothing_recomputed() -> None:
    verifier, key = Verifier(WRONG), Key()

    assert look(Node([None]), verifier, key) == NothingPending()
    assert verifier.asked == []
    assert key.sent == []


def test_look__equal__agrees_without_veto() -> None:
    verifier, key = Verifier(RIGHT), Key()

    assert look(Node([PENDING]), verifier, key) == Agrees(PENDING)
    assert verifier.asked == [7]
    assert key.sent == []


def test_look__differs__vetoed_with_the_digest_of_the_difference() -> None:
    key = Key()

    found = look(Node([PENDING]), Verifier(WRONG), key)

    reason = keccak(b"root: expected 0x01, found 0x02")
    assert found == Wrong(PENDING, WRONG, reason, TRANSACTION)
    assert key.sent == [(7, reason, 1_000)]


def test_look__differs_without_key__told_and_not_vetoed() -> None:
    found = look(Node([PENDING]), Verifier(WRONG), None)

    assert found == Wrong(PENDING, WRONG, keccak(WRONG.difference.encode()), None)


@pytest.mark.parametrize(
    "error",
    [VerifierUnavailable("verify_epoch.py", "exit 3"), ChainUnavailable("eth_call", "timeout")],
    ids=["verifier", "chain"],
)
def test_look__no_verdict__undecided_and_never_a_veto(error: Exception) -> None:
    key = Key()

    assert look(Node([PENDING]), Verifier(error), key) == Undecided(PENDING, str(error))
    assert key.sent == []


@pytest.mark.parametrize(
    "later",
    [
        None,
        replace(PENDING, attempt=3),
        replace(PENDING, epoch=Epoch(8)),
        replace(PENDING, manifest_digest=keccak(b"another")),
        replace(PENDING, root=keccak(b"another")),
    ],
    ids=["vetoed", "attempt", "epoch", "manifest", "root"],
)
def test_look__changed_while_recomputing__gone_and_not_vetoed(
    later: PendingCommitment | None,
) -> None:
    key = Key()

    assert look(Node([PENDING, later]), Verifier(WRONG), key) == Gone(PENDING, WRONG)
    assert key.sent == []


def test_look__same_commitment_later__still_vetoed() -> None:
    key = Key()
    later = replace(PENDING, now=Timestamp(900))

    assert isinstance(look(Node([PENDING, later]), Verifier(WRONG), key), Wrong)
    assert len(key.sent) == 1


def test_look__agreed_before__not_recomputed() -> None:
    verifier = Verifier(WRONG)

    found = look(Node([PENDING]), verifier, Key(), agreed=replace(PENDING, now=Timestamp(1)))

    assert found == Agrees(PENDING)
    assert verifier.asked == []


def test_look__agreed_on_another_attempt__recomputed() -> None:
    verifier = Verifier(WRONG)

    found = look(Node([PENDING]), verifier, None, agreed=replace(PENDING, attempt=1))

    assert isinstance(found, Wrong)


@pytest.mark.parametrize(("now", "left"), [(400, 600), (999, 1), (1_000, 0), (5_000, 0)])
def test_seconds_left__clock_moves_on__never_negative(now: int, left: int) -> None:
    assert replace(PENDING, now=Timestamp(now)).seconds_left == left
