"""How a watcher's look is spelled in JSON."""

import json
from typing import Any

import pytest

from contracts.evm import Epoch, Hash32, Timestamp
from scripts.cli.watch import document_of
from settlement.royalties.watch import (
    Agrees,
    Gone,
    Look,
    NothingPending,
    PendingCommitment,
    Recomputed,
    Undecided,
    Wrong,
)

PENDING = PendingCommitment(
    epoch=Epoch(7),
    attempt=2,
    manifest_digest=Hash32(b"\x01" * 32),
    root=Hash32(b"\x02" * 32),
    active_at=Timestamp(1_000),
    now=Timestamp(400),
)
RECOMPUTED = Recomputed(is_equal=False, root="0x03", difference="root: expected 0x03")
REASON, VETO = Hash32(b"\x04" * 32), Hash32(b"\x05" * 32)
SHOWN = {
    "epoch": 7,
    "attempt": 2,
    "root": "0x" + "02" * 32,
    "manifest_digest": "0x" + "01" * 32,
    "seconds_left": 600,
}
WRONG = {
    "verdict": "wrong",
    "difference": "root: expected 0x03",
    "recomputed_root": "0x03",
    "reason_digest": "0x" + "04" * 32,
}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (NothingPending(), {"verdict": "nothing_pending"}),
        (Agrees(PENDING), SHOWN | {"verdict": "agrees"}),
        (Undecided(PENDING, "no node"), SHOWN | {"verdict": "undecided", "cause": "no node"}),
        (
            Gone(PENDING, RECOMPUTED),
            SHOWN | {"verdict": "gone", "difference": "root: expected 0x03"},
        ),
        (
            Wrong(PENDING, RECOMPUTED, REASON, VETO),
            SHOWN | WRONG | {"veto": "0x" + "05" * 32},
        ),
        (Wrong(PENDING, RECOMPUTED, REASON, None), SHOWN | WRONG | {"veto": None}),
    ],
    ids=["nothing", "agrees", "undecided", "gone", "vetoed", "without key"],
)
def test_document__look__verdict_and_what_is_pending(found: Look, expected: dict[str, Any]) -> None:
    assert json.loads(json.dumps(document_of(found))) == expected
