"""Usage of a shard as columns: numbers that no event can hold, and an order by subscriber."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contracts.evm import Address, Hash32
from settlement.errors import BadValue
from settlement.royalties.shard_ids import UNKNOWN, IdTable
from settlement.royalties.shard_usage import NON_CANONICAL, ShardUsage, shard_fees, shard_usage
from tests.shard_inputs import UsageEvents, rows_of

ANN, BOB, EVE, DAN = (Address(bytes([at]) * 20) for at in (1, 2, 3, 4))
TIER, OTHER_TIER = (Hash32(bytes([0, at]) + bytes(30)) for at in (1, 2))
ASSETS = [Address(bytes([at]) * 20) for at in (7, 9)]
SONG, FILM, GHOST = (Hash32(bytes([0, at]) + bytes(30)) for at in (5, 6, 7))
TOO_LARGE = Hash32(b"\xff" * 32)
UINT32_MAX, PART_MAX = 2**32 - 1, 2**16 - 1


def paid() -> UsageEvents:
    events = UsageEvents()
    events.pay(BOB, ASSETS[1], 5, TIER)
    events.pay(ANN, ASSETS[0], 3, TIER)
    events.pay(BOB, ASSETS[1], 4, OTHER_TIER)
    return events


def submit(
    events: UsageEvents,
    who: Address,
    block: int,
    *works: Hash32,
    part: int = 0,
    tier_id: Hash32 = TIER,
    minutes: int = 1,
    plays: int = 1,
) -> None:
    events.submit(
        who,
        block=block,
        part=part,
        tier_id=tier_id,
        works=list(works),
        minutes=[minutes + at for at in range(len(works))],
        plays=[plays] * len(works),
        pseudonyms=list(works),
    )


def usage_of(events: UsageEvents) -> ShardUsage:
    fees = shard_fees(events.subscriptions(b"", None))
    return shard_usage(events.usage(b"", None), fees, IdTable(rows_of([SONG, FILM], 32)))


def test_shard_fees__payments__summed_by_subscriber_and_asset() -> None:
    fees = shard_fees(paid().subscriptions(b"", None))

    assert len(fees) == 2
    assert [Address(one.tobytes()) for one in fees.subscribers.ids] == [ANN, BOB]
    assert fees.fees == {ASSETS[0]: [3, None], ASSETS[1]: [None, 9]}
    # Ann has the first tier, Bob both: 0 · 2 + 0, 1 · 2 + 0 and 1 · 2 + 1
    assert fees.paid_tiers.tolist() == [0, 2, 3]


def test_shard_usage__any_order__by_subscriber_then_chain_and_strangers_last() -> None:
    events = paid()
    submit(events, EVE, 5, SONG)
    submit(events, BOB, 6, FILM, SONG, part=3)
    submit(events, DAN, 6, SONG)
    submit(events, ANN, 7, SONG, GHOST, minutes=10)
    submit(events, BOB, 8, FILM, tier_id=OTHER_TIER)
    submit(events, ANN, 9, TOO_LARGE, tier_id=OTHER_TIER)
    submit(events, EVE, 9)

    usage = usage_of(events)

    assert usage.block_number.tolist() == [7, 9, 6, 8, 5, 9, 6]
    assert usage.log_index.tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert usage.who.tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert [Address(one.tobytes()) for one in usage.submitter] == [ANN] * 2 + [BOB] * 2 + [
        EVE,
        EVE,
        DAN,
    ]
    assert usage.part.tolist() == [0, 0, 3, 0, 0, 0, 0]
    assert usage.is_paid.tolist() == [True, False, True, True, False, False, False]
    assert usage.size.tolist() == [2, 1, 2, 1, 1, 0, 1]
    assert usage.first_rows().tolist() == [0, 2, 3, 5, 6, 7, 7]
    assert usage.code.tolist() == [0, UNKNOWN, NON_CANONICAL, 1, 0, 1, 0, 0]
    assert usage.minutes.tolist() == [10, 11, 1, 1, 2, 1, 1, 1]
    assert usage.strange == {(0, 1): GHOST, (1, 0): TOO_LARGE}


def test_shard_usage__nobody_submitted__no_rows() -> None:
    usage = usage_of(paid())

    assert len(usage) == 0
    assert usage.submitter.shape == (0, 20)
    kinds: dict[type, tuple[NDArray[Any], ...]] = {
        np.uint8: (usage.submitter,),
        np.int64: (usage.block_number, usage.log_index, usage.who, usage.part, usage.size),
        np.int32: (usage.code,),
        np.uint32: (usage.minutes, usage.plays),
    }
    for kind, columns in kinds.items():
        assert {column.dtype for column in columns} == {np.dtype(kind)}
    assert usage.strange == {}


def test_shard_usage__largest_numbers__kept() -> None:
    events = paid()
    submit(events, ANN, 5, SONG, part=PART_MAX, minutes=UINT32_MAX, plays=UINT32_MAX)

    usage = usage_of(events)

    assert (usage.part.tolist(), usage.minutes.tolist()) == ([PART_MAX], [UINT32_MAX])
    assert usage.plays.tolist() == [UINT32_MAX]


@pytest.mark.parametrize(
    ("field", "value", "maximum"),
    [
        ("part", PART_MAX + 1, PART_MAX),
        ("part", -1, PART_MAX),
        ("minutes", UINT32_MAX + 1, UINT32_MAX),
        ("minutes", -1, UINT32_MAX),
        ("plays", UINT32_MAX + 1, UINT32_MAX),
        ("plays", -1, UINT32_MAX),
    ],
)
def test_shard_usage__number_that_no_event_holds__named(
    field: str, value: int, maximum: int
) -> None:
    events = paid()
    submit(events, ANN, 5, SONG, **{field: value})  # type: ignore[arg-type]

    with pytest.raises(BadValue, match=f"^{field}: {value} is not at most {maximum}$") as refused:
        usage_of(events)

    assert refused.value.field == field
