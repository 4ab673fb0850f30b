"""The failures of royalties: each says in words and in fields which of our facts it is about."""

from collections.abc import Callable

import pytest

from contracts.evm import Address, Epoch, Hash32
from settlement.errors import Corrupt, Rejected, SettlementError
from settlement.royalties.errors import (
    ConflictingShard,
    DifferenceBroken,
    ExplanationDiffers,
    ShardsDisagree,
    UnknownWork,
    agree,
)

EPOCH, WORK, ASSET = Epoch(7), Hash32(b"\x01" * 32), Address(b"\x02" * 20)
STORED, COMPUTED = Hash32(b"\x03" * 32), Hash32(b"\x04" * 32)


@pytest.mark.parametrize(
    ("made", "branch", "fields", "named"),
    [
        (
            lambda: UnknownWork(WORK, EPOCH),
            Rejected,
            {"work_id": WORK, "epoch": EPOCH},
            (WORK, EPOCH),
        ),
        (
            lambda: ConflictingShard(EPOCH, "shard 3 of 16", stored=STORED, computed=COMPUTED),
            Corrupt,
            {"epoch": EPOCH, "unit": "shard 3 of 16"},
            (EPOCH, "shard 3 of 16", STORED, COMPUTED),
        ),
        (
            lambda: ExplanationDiffers("fee", explained=5, computed=6),
            Corrupt,
            {"what": "fee"},
            ("fee", 5, 6),
        ),
        (
            lambda: ShardsDisagree(EPOCH, "leaves"),
            Corrupt,
            {"epoch": EPOCH, "what": "leaves"},
            (EPOCH, "leaves"),
        ),
        (
            lambda: DifferenceBroken(ASSET, "works", summed=5, total=6),
            Corrupt,
            {"asset": ASSET},
            (ASSET, "works", 5, 6),
        ),
    ],
)
def test_error__branch_fields_and_words__name_the_fact(
    made: Callable[[], SettlementError],
    branch: type[SettlementError],
    fields: dict[str, object],
    named: tuple[object, ...],
) -> None:
    error = made()

    assert isinstance(error, branch)
    assert {name: getattr(error, name) for name in fields} == fields
    for value in named:
        assert str(value) in str(error)


def test_agree__equal_and_other__only_the_other_is_refused() -> None:
    agree("fee", 5, 5)

    with pytest.raises(ExplanationDiffers, match="fee is 5 by its steps, 6 was computed"):
        agree("fee", 5, 6)
