"""The order in which what was left out is published."""

from itertools import product
from random import Random

from contracts.evm import ZERO_ADDRESS, ZERO_HASH, BlockNumber, LogIndex
from contracts.units import BaseUnits
from settlement.royalties.reasons import Quarantined, Reason, listing_order
from tests.royalties_builders import DUSD, EURT

REASONS = (Reason.SPLIT_CYCLE, Reason.SPLIT_MALFORMED, Reason.UNPAYABLE_PAYEE)


def test_listing_order__any_order__block_log_position_asset_reason() -> None:
    places = product((1, 2), (0, 10), (0, 2), (None, DUSD, EURT), REASONS)
    wanted = [
        Quarantined(
            block_number=BlockNumber(block),
            log_index=LogIndex(index),
            position=position,
            reason=reason,
            submitter=ZERO_ADDRESS,
            work_id=ZERO_HASH,
            asset=asset,
            amount=None if asset is None else BaseUnits(1),
        )
        for block, index, position, asset, reason in places
    ]
    shuffled = list(wanted)
    Random(7).shuffle(shuffled)

    assert sorted(shuffled, key=listing_order) == wanted
