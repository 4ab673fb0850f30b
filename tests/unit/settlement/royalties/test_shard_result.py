"""Results of shards: their one spelling, and that adding refuses money that is not there."""

from dataclasses import replace

import pytest

from contracts.evm import Address, BlockNumber, Hash32, LogIndex, keccak
from contracts.units import BaseUnits
from settlement.errors import ConservationBroken
from settlement.royalties.reasons import Quarantined, Reason
from settlement.royalties.shard_result import (
    AssetSums,
    ShardResult,
    merged,
    result_digest,
    result_document,
    result_from_document,
)

ASSET, OTHER, ANN = (Address(bytes([at]) * 20) for at in (7, 9, 11))
WORKS = [bytes([0, at]) + bytes(30) for at in (1, 2)]
RESULT = ShardResult(
    subscribers=2,
    rows=5,
    counting_rows=4,
    assets=(
        AssetSums(
            asset=ASSET,
            paid=BaseUnits(1_000),
            charged=(BaseUnits(25), BaseUnits(1)),
            unallocated=BaseUnits(4),
            per_work={WORKS[0]: 300, WORKS[1]: 670},
        ),
        AssetSums(
            asset=OTHER, paid=BaseUnits(7), charged=(), unallocated=BaseUnits(7), per_work={}
        ),
    ),
    quarantined=(
        Quarantined(
            block_number=BlockNumber(11),
            log_index=LogIndex(2),
            position=3,
            reason=Reason.DUPLICATE_WORK,
            submitter=ANN,
            work_id=Hash32(WORKS[0]),
        ),
    ),
)


def test_result_document__any__its_one_spelling() -> None:
    """Published under its hash: another spelling would be another result."""
    works = "".join(work.hex() for work in WORKS)
    assets = (
        '{"amount_bytes":"2","amounts":"0x012c029e",'
        f'"asset":"{ASSET}","charged":["25","1"],"paid":"1000","unallocated":"4",'
        f'"works":"0x{works}"}},'
        '{"amount_bytes":"0","amounts":"0x",'
        f'"asset":"{OTHER}","charged":[],"paid":"7","unallocated":"7","works":"0x"}}'
    )
    item = f'["11","2","3","duplicate_work","{ANN}","0x{WORKS[0].hex()}"]'

    document = result_document(RESULT)

    assert document.decode() == (
        f'{{"assets":[{assets}],"counting_rows":"4","quarantined":[{item}],"rows":"5",'
        '"subscribers":"2"}'
    )
    assert result_digest(document) == keccak(document)
    assert result_from_document(document) == RESULT


def test_merged__twice_and_none__sums() -> None:
    twice = merged([RESULT, RESULT])

    assert (twice.subscribers, twice.rows, twice.counting_rows) == (4, 10, 8)
    assert [one.paid for one in twice.assets] == [2_000, 14]
    assert twice.assets[0].charged == (50, 2)
    assert twice.assets[0].unallocated == 8
    assert twice.assets[0].per_work == {WORKS[0]: 600, WORKS[1]: 1_340}
    assert twice.quarantined == RESULT.quarantined * 2
    assert merged([]) == ShardResult(
        subscribers=0, rows=0, counting_rows=0, assets=(), quarantined=()
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"paid": 1_001},
        {"unallocated": 5},
        {"charged": (25, 2)},
        {"per_work": {WORKS[0]: 300, WORKS[1]: 671}},
    ],
)
def test_merged__unit_that_nobody_paid__refused(changes: dict[str, object]) -> None:
    first, other = RESULT.assets
    wrong = replace(RESULT, assets=(replace(first, **changes), other))  # type: ignore[arg-type]

    with pytest.raises(ConservationBroken, match=r"100\d divided, 100\d available") as refused:
        merged([wrong])

    assert refused.value.asset == ASSET
