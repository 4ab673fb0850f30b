from collections.abc import Sequence

import numpy as np

from contracts.evm import SCALAR_FIELD_ORDER, Address
from contracts.packed_usage import PackedPseudonyms
from settlement.royalties.shard_couplings import coupled_submitters
from tests.shard_inputs import rows_of

ANN, BOB, CAT = (Address(bytes([at]) * 20) for at in (1, 2, 3))


def batch(*named: tuple[Address, Sequence[int]]) -> PackedPseudonyms:
    words = [one.to_bytes(32, "big") for _, pseudonyms in named for one in pseudonyms]
    return PackedPseudonyms(
        submitter=rows_of([who for who, _ in named], 20),
        pseudonym=rows_of(words, 32).reshape(len(named), -1, 32),
    )


def test_coupled_submitters__all_different__nobody() -> None:
    assert coupled_submitters([batch((ANN, [1, 2]), (BOB, [3, 4]))]) == []
    assert coupled_submitters([]) == []


def test_coupled_submitters__one_of_another_batch__both() -> None:
    batches = [batch((CAT, [1, 2]), (ANN, [3, 4])), batch((BOB, [2]))]

    assert coupled_submitters(batches) == [BOB, CAT]


def test_coupled_submitters__own_one_twice__oneself() -> None:
    assert coupled_submitters([batch((ANN, [7, 7]), (BOB, [8, 9]))]) == [ANN]


def test_coupled_submitters__equal_last_bytes_only__judged_together_for_nothing() -> None:
    assert coupled_submitters([batch((ANN, [5]), (BOB, [5 + 2**100]))]) == [ANN, BOB]


def test_coupled_submitters__not_canonical__listed() -> None:
    batches = [batch((ANN, [SCALAR_FIELD_ORDER]), (BOB, [2**256 - 1]), (CAT, [2**250]))]

    assert coupled_submitters(batches) == [ANN, BOB]


def test_packed_pseudonyms__length__submissions() -> None:
    assert len(batch((ANN, [1, 2]), (BOB, [3, 4]))) == 2
    assert np.array_equal(batch((ANN, [1])).submitter, rows_of([ANN], 20))
